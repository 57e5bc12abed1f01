"""First stage of training from scratch: the vision tower alone learns which noun and colour covers
each patch.

It stands in for SigLIP's pretraining, which larger models bring along.  A model that starts from
nothing learns masks quickly but hardly any noun without it (docs/paper_map.md).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from rose_model.backbones.lmm import VisionTower
from rose_model.config import RoseConfig
from rose_model.data.sample import VOID, Sample
from rose_model.data.street_backdrop import STUFF
from rose_model.data.streets import THINGS
from rose_model.preprocess import normalise_lmm, resize
from rose_model.training.sources import streets

NOUNS = (*THINGS, *STUFF)
ATTRIBUTES = tuple(sorted({a for kind in THINGS.values() for a in kind.attributes}))
IGNORE = -100
STUFF_WEIGHT = 0.2
"""Weight of a stuff noun against a thing's: most patches are stuff, and stuff is learned at once.
"""


class DenseLabelStreets(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """Scene ``index`` as pixels uint8 ``[3, L, L]``, and the noun and attribute index of each
    patch, int64 ``[P]``.
    """

    def __init__(self, config: RoseConfig, first_seed: int, length: int) -> None:
        self._side, self._grid = config.vision.input_size, config.vision.grid_size
        self._source = streets()
        self._first_seed, self._length = first_seed, length

    def __len__(self) -> int:
        """Number of scenes."""
        return self._length

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        """The labelled patches of one scene."""
        scene = self._source.read(self._first_seed + index)
        side = (self._side, self._side)
        pixels = torch.from_numpy(resize(scene.image, side)).permute(2, 0, 1).contiguous()
        nouns, attributes = patch_labels(scene, self._grid)
        return pixels, nouns, attributes


def patch_labels(sample: Sample, grid_size: int) -> tuple[Tensor, Tensor]:
    """Noun and attribute index under the centre of each patch, int64 ``[P]``; ``IGNORE`` where
    there is none.
    """
    nouns = np.full(VOID + 1, IGNORE, np.int64)
    attributes = np.full(VOID + 1, IGNORE, np.int64)
    for index, region in enumerate(sample.regions):
        nouns[index] = NOUNS.index(region.noun)
        if region.attribute:
            attributes[index] = ATTRIBUTES.index(region.attribute)
    under = sample.under_patch_centres(grid_size)
    return torch.from_numpy(nouns[under]), torch.from_numpy(attributes[under])


class DenseLabeller(nn.Module):
    """A vision tower with one linear layer for nouns and one for attributes; the layers are thrown
    away later.
    """

    def __init__(self, vision_tower: VisionTower) -> None:
        super().__init__()
        width = vision_tower.config.width
        self.vision_tower = vision_tower
        self.norm = nn.LayerNorm(width)
        self.nouns = nn.Linear(width, len(NOUNS))
        self.attributes = nn.Linear(width, len(ATTRIBUTES))
        weight = [1.0] * len(THINGS) + [STUFF_WEIGHT] * len(STUFF)
        self.noun_weight = nn.Buffer(torch.tensor(weight), persistent=False)

    def forward(self, batch: list[Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """The cross entropies of a batch of pixels, nouns and attributes, and the accuracies."""
        device = self.norm.weight.device
        figures = self.losses(*(tensor.to(device) for tensor in batch))
        return figures['loss_noun'] + figures['loss_attribute'], figures

    def label(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of nouns ``[B, P, 15]`` and of attributes ``[B, P, A]`` for uint8 ``[B, 3, L,
        L]``.
        """
        features = self.norm(self.vision_tower(normalise_lmm(pixels)))
        return self.nouns(features), self.attributes(features)

    def losses(self, pixels: Tensor, nouns: Tensor, attributes: Tensor) -> dict[str, Tensor]:
        """``loss_noun``, ``loss_attribute``, and the accuracies on things ``noun`` and
        ``attribute`` in [0, 1].
        """
        noun_logits, attribute_logits = (
            logits.float().flatten(0, 1) for logits in self.label(pixels)
        )
        nouns, attributes = nouns.flatten(), attributes.flatten()
        on_thing = attributes != IGNORE
        hit = noun_logits.argmax(-1) == nouns
        named = attribute_logits.argmax(-1) == attributes
        return {
            'loss_noun': nn.functional.cross_entropy(
                noun_logits, nouns, self.noun_weight, ignore_index=IGNORE
            ),
            'loss_attribute': nn.functional.cross_entropy(
                attribute_logits, attributes, ignore_index=IGNORE
            ),
            'noun': hit[on_thing].float().mean(),
            'attribute': named[on_thing].float().mean(),
        }
