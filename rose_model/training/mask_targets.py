"""Masks of regions in SAM's padded frame, at the resolution of the mask logits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from rose_model.config import SamConfig
from rose_model.data.sample import VOID, Sample
from rose_model.preprocess import FrameGeometry, content_average, reduce_mask


def mask_targets(
    sample: Sample, indices: Sequence[int], geometry: FrameGeometry, config: SamConfig
) -> Tensor:
    """The masks of some regions: float ``[K, M, M]`` in [0, 1], averaged by area."""
    masks = [reduce_mask(sample.mask(index), geometry, config) for index in indices]
    return torch.stack(masks) if masks else torch.zeros(0, config.mask_size, config.mask_size)


def content_target(sample: Sample, geometry: FrameGeometry, config: SamConfig) -> Tensor:
    """What is neither padding nor void: bool ``[M, M]``.

    A pixel counts if at least half of what it shows of the image is labelled.
    """
    known = content_average(sample.index_map != VOID, geometry, config.mask_size)
    content = np.zeros((config.mask_size, config.mask_size), bool)
    content[: known.shape[0], : known.shape[1]] = known >= 0.5
    return torch.from_numpy(content)
