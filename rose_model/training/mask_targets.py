"""Masks of regions in SAM's padded frame, at the resolution of the mask logits."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor

from rose_model.config import SamConfig
from rose_model.data.sample import VOID, Sample
from rose_model.preprocess import FrameGeometry, mask_content, reduce_mask


def mask_targets(
    sample: Sample, indices: Sequence[int], geometry: FrameGeometry, config: SamConfig
) -> Tensor:
    """The masks of some regions: float ``[K, M, M]`` in [0, 1], averaged by area."""
    masks = [reduce_mask(sample.mask(index), geometry, config) for index in indices]
    return torch.stack(masks) if masks else torch.zeros(0, config.mask_size, config.mask_size)


def content_target(sample: Sample, geometry: FrameGeometry, config: SamConfig) -> Tensor:
    """What is neither padding nor void: bool ``[M, M]``."""
    side, (height, width) = config.mask_size, mask_content(geometry, config)
    content = np.zeros((side, side), bool)
    known = (sample.index_map != VOID).astype(np.uint8)
    content[:height, :width] = cv2.resize(known, (width, height), interpolation=cv2.INTER_NEAREST)
    return torch.from_numpy(content)
