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
from rose_model.preprocess import normalise_lmm, resize
from rose_model.training.sources import Source

IGNORE = -100
COMMON_WEIGHT = 0.2
"""Weight of a common noun against another's: it is under most patches, and learned at once."""


class DenseLabelImages(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """The samples of a source as pixels uint8 ``[3, L, L]``, and the noun and attribute index of
    each patch, int64 ``[P]``.
    """

    def __init__(self, source: Source, config: RoseConfig, first: int, length: int) -> None:
        self._side, self._grid = config.vision.input_size, config.vision.grid_size
        self._source, self._first, self._length = source, first, length

    def __len__(self) -> int:
        """Number of samples."""
        return self._length

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        """The labelled patches of sample ``first + index``."""
        sample = self._source.read(self._first + index)
        side = (self._side, self._side)
        pixels = torch.from_numpy(resize(sample.image, side)).permute(2, 0, 1).contiguous()
        nouns, attributes = patch_labels(sample, self._source, self._grid)
        return pixels, nouns, attributes


def patch_labels(sample: Sample, source: Source, grid_size: int) -> tuple[Tensor, Tensor]:
    """Index of the source's noun and attribute under the centre of each patch, int64 ``[P]``;
    ``IGNORE`` where there is none.
    """
    nouns = np.full(VOID + 1, IGNORE, np.int64)
    attributes = np.full(VOID + 1, IGNORE, np.int64)
    for index, region in enumerate(sample.regions):
        nouns[index] = source.nouns.index(region.noun)
        if region.attribute:
            attributes[index] = source.attributes.index(region.attribute)
    under = sample.under_patch_centres(grid_size)
    return torch.from_numpy(nouns[under]), torch.from_numpy(attributes[under])


class DenseLabeller(nn.Module):
    """A vision tower with one linear layer for nouns and one for attributes; the layers are thrown
    away later.
    """

    def __init__(self, vision_tower: VisionTower, source: Source) -> None:
        super().__init__()
        width = vision_tower.config.width
        self.vision_tower = vision_tower
        self.norm = nn.LayerNorm(width)
        self.nouns = nn.Linear(width, len(source.nouns))
        # A source without attributes still has the layer: all its patches are ignored.
        self.attributes = nn.Linear(width, max(1, len(source.attributes)))
        is_common = torch.tensor([noun in source.common_nouns for noun in source.nouns])
        self.is_common = nn.Buffer(is_common, persistent=False)

    def forward(self, batch: list[Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """The cross entropies of a batch of pixels, nouns and attributes, and the accuracies."""
        device = self.norm.weight.device
        figures = self.losses(*(tensor.to(device) for tensor in batch))
        return figures['loss_noun'] + figures['loss_attribute'], figures

    def label(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of nouns ``[B, P, N]`` and of attributes ``[B, P, A]`` for uint8 ``[B, 3, L,
        L]``.
        """
        features = self.norm(self.vision_tower(normalise_lmm(pixels)))
        return self.nouns(features), self.attributes(features)

    def losses(self, pixels: Tensor, nouns: Tensor, attributes: Tensor) -> dict[str, Tensor]:
        """``loss_noun``, ``loss_attribute``, and the accuracies in [0, 1] of nouns that are not
        common (``noun``) and of attributes (``attribute``), 0 where there are none.
        """
        noun_logits, attribute_logits = (
            logits.float().flatten(0, 1) for logits in self.label(pixels)
        )
        nouns, attributes = nouns.flatten(), attributes.flatten()
        weight = torch.where(self.is_common, COMMON_WEIGHT, 1.0)
        is_rare = (nouns != IGNORE) & ~self.is_common[nouns.clamp(min=0)]
        hit = noun_logits.argmax(-1) == nouns
        named = attribute_logits.argmax(-1) == attributes
        return {
            'loss_noun': _entropy(noun_logits, nouns, weight),
            'loss_attribute': _entropy(attribute_logits, attributes),
            'noun': _share(hit, is_rare),
            'attribute': _share(named, attributes != IGNORE),
        }


def _share(hit: Tensor, among: Tensor) -> Tensor:
    return (hit & among).sum() / among.sum().clamp(min=1)


def _entropy(logits: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
    """The mean cross entropy of what is labelled, 0 where nothing is."""
    is_labelled = target != IGNORE
    if not is_labelled.any():
        return logits.sum() * 0
    return nn.functional.cross_entropy(logits[is_labelled], target[is_labelled], weight)
