"""Clicks: which masks agree with them, and how SAM is shown them (its own point prompts)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rose_model.preprocess import FrameGeometry
from rose_model.records import PointHint

FOREGROUND_LABEL, BACKGROUND_LABEL, NO_POINT = 1, 0, -1
"""segment_anything's labels of point prompts."""


def to_sam_frame(points_xy: NDArray[np.float64], geometry: FrameGeometry) -> NDArray[np.float64]:
    """Move points from the original image into SAM's frame.

    Args:
        points_xy: float ``[..., 2]``, positions in pixels of the original image, where the centre
            of the first pixel is at 0.5.
        geometry: Of the image.

    Returns:
        float ``[..., 2]`` in pixels of SAM's frame, less the half pixel that segment_anything's
        prompt encoder adds.
    """
    height, width = geometry.original_size
    scale = np.array(geometry.sam_content[::-1]) / (width, height)
    return points_xy * scale - 0.5


def point_prompt(points: Sequence[PointHint], geometry: FrameGeometry) -> tuple[Tensor, Tensor]:
    """Return the clicks as segment_anything's point prompt.

    Args:
        points: At least one click, in pixels of the original image.
        geometry: Of the image.

    Returns:
        Positions, float ``[1, T, 2]`` in SAM's frame, and labels, int32 ``[1, T]``.
    """
    xy = to_sam_frame(np.array([(point.x, point.y) for point in points], float), geometry)
    labels = [FOREGROUND_LABEL if p.is_foreground else BACKGROUND_LABEL for p in points]
    return torch.from_numpy(xy).float()[None], torch.tensor(labels, dtype=torch.int32)[None]
