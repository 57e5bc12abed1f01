"""Stage of training from scratch in which SAM alone learns masks from points and boxes, as it was
made (segment_anything's own prompts).

It stands in for SAM's pretraining, which larger models bring along: the whole model then has to
learn only which prompt means which mask (docs/paper_map.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import Dataset

from rose_model.backbones.sam import Sam
from rose_model.config import RoseConfig
from rose_model.preprocess import FrameGeometry, make_views, normalise_sam
from rose_model.training.losses import LAMBDA_BCE, LAMBDA_DICE, mask_losses, mean_by_image
from rose_model.training.mask_targets import content_target, mask_targets
from rose_model.training.sources import Source

MAX_PROMPTS = 8
BOX_SHARE = 0.5
"""The rest are points."""
BOX_JITTER = 0.1


@dataclass(frozen=True, eq=False)
class PromptedImage:
    """An image with K prompts, each of them for one region.

    ``sam_pixels``: uint8 ``[3, h, w]``.  ``points``: float ``[K, 2]`` and ``boxes``: float
    ``[K, 4]`` in pixels of SAM's frame; ``is_box``: bool ``[K]``, which of them is shown.
    ``masks``: float ``[K, M, M]``.  ``is_content``: bool ``[M, M]``.
    """

    sam_pixels: Tensor
    points: Tensor
    boxes: Tensor
    is_box: Tensor
    masks: Tensor
    is_content: Tensor


class PromptedImages(Dataset[PromptedImage]):
    """The samples of a source, each with prompts for some of its regions."""

    def __init__(self, source: Source, config: RoseConfig, first: int, length: int) -> None:
        self._source = source
        self._config, self._first, self._length = config, first, length

    def __len__(self) -> int:
        """Number of samples."""
        return self._length

    def __getitem__(self, index: int) -> PromptedImage:
        """Sample ``first + index``; everything random in it follows from its number."""
        number = self._first + index
        rng = np.random.default_rng((number, 78))
        sample = self._source.read(number)
        views = make_views(sample.image, self._config)
        geometry, sam = views.geometry, self._config.sam
        chosen = rng.permutation(len(sample.regions))[:MAX_PROMPTS].tolist()
        prompts = [_prompt(sample.mask(region), geometry, rng) for region in chosen]
        return PromptedImage(
            sam_pixels=views.sam_pixels,
            points=torch.tensor([point for point, _ in prompts]).float().view(-1, 2),
            boxes=torch.tensor([box for _, box in prompts]).float().view(-1, 4),
            is_box=torch.from_numpy(rng.random(len(chosen)) < BOX_SHARE),
            masks=mask_targets(sample, chosen, geometry, sam),
            is_content=content_target(sample, geometry, sam),
        )


def _prompt(
    mask: NDArray[np.bool_], geometry: FrameGeometry, rng: np.random.Generator
) -> tuple[list[float], list[float]]:
    """A point (x, y) of the mask and its jittered box (x1, y1, x2, y2), in SAM's frame."""
    rows, columns = np.nonzero(mask)
    scale = np.array(geometry.sam_content[::-1]) / (mask.shape[1], mask.shape[0])
    drawn = rng.integers(len(rows))
    point = (np.array((columns[drawn], rows[drawn])) + 0.5) * scale
    low = np.array((columns.min(), rows.min())) * scale
    high = np.array((columns.max() + 1, rows.max() + 1)) * scale
    jitter = rng.uniform(-BOX_JITTER, BOX_JITTER, (2, 2)) * (high - low)
    return point.tolist(), [*(low + jitter[0]).tolist(), *(high + jitter[1]).tolist()]


class PromptedMasks(nn.Module):
    """SAM with its own prompts, and the losses of its masks."""

    def __init__(self, sam: Sam) -> None:
        super().__init__()
        self.sam = sam

    def forward(self, examples: Sequence[PromptedImage]) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of a batch, and its terms."""
        sam, device = self.sam, self.sam.prompt_encoder.no_mask_embed.weight.device
        pixels = torch.stack([example.sam_pixels for example in examples]).to(device)
        content = torch.stack([example.is_content for example in examples]).to(device)
        images = sam.encode(normalise_sam(pixels, sam.config.input_size))
        image = torch.repeat_interleave(
            torch.tensor([len(example.masks) for example in examples])
        ).to(device)
        prompts = torch.cat([self._embed(example) for example in examples])
        logits, score = sam.decode_prompts(prompts, images[image])
        masks = torch.cat([example.masks for example in examples]).to(device)
        bce, dice, iou = mask_losses(logits.float(), masks, content[image])
        terms = {
            'loss_mask_bce': bce,
            'loss_mask_dice': dice,
            'loss_mask_score': (score.float() - iou) ** 2,
        }
        number = torch.arange(len(examples), device=device)
        means = {
            name: mean_by_image(values, image, number, len(examples))
            for name, values in terms.items()
        }
        loss = LAMBDA_BCE * means['loss_mask_bce'] + LAMBDA_DICE * means['loss_mask_dice']
        return loss + means['loss_mask_score'], means

    def _embed(self, example: PromptedImage) -> Tensor:
        """Sparse embeddings ``[K, 2, C]``: a box is two corners, a point comes with padding."""
        encoder = self.sam.prompt_encoder
        device = encoder.no_mask_embed.weight.device
        points, boxes = example.points.to(device)[:, None], example.boxes.to(device)
        labels = torch.ones(points.shape[:2], dtype=torch.int, device=device)
        as_points, _ = encoder(points=(points, labels), boxes=None, masks=None)
        as_boxes, _ = encoder(points=None, boxes=boxes, masks=None)
        embedding: Tensor = torch.where(
            example.is_box.to(device)[:, None, None], as_boxes, as_points
        )
        return embedding
