"""Masks of regions in SAM's padded frame, at the resolution of the mask logits."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor

from rose_model.config import SamConfig
from rose_model.data.sample import VOID, Sample
from rose_model.preprocess import FrameGeometry


def mask_targets(
    sample: Sample, indices: Sequence[int], geometry: FrameGeometry, config: SamConfig
) -> Tensor:
    """The masks of some regions: float ``[K, M, M]`` in [0, 1], averaged by area."""
    side, (height, width) = config.mask_size, _content_size(geometry, config)
    masks = np.zeros((len(indices), side, side), np.float32)
    for row, index in enumerate(indices):
        region = sample.mask(index).astype(np.float32)
        masks[row, :height, :width] = cv2.resize(
            region, (width, height), interpolation=cv2.INTER_AREA
        )
    return torch.from_numpy(masks)


def content_target(sample: Sample, geometry: FrameGeometry, config: SamConfig) -> Tensor:
    """What is neither padding nor void: bool ``[M, M]``."""
    side, (height, width) = config.mask_size, _content_size(geometry, config)
    content = np.zeros((side, side), bool)
    known = (sample.index_map != VOID).astype(np.uint8)
    content[:height, :width] = cv2.resize(known, (width, height), interpolation=cv2.INTER_NEAREST)
    return torch.from_numpy(content)


def _content_size(geometry: FrameGeometry, config: SamConfig) -> tuple[int, int]:
    scale = config.mask_size / config.input_size
    height, width = geometry.sam_content
    return max(1, round(height * scale)), max(1, round(width * scale))
