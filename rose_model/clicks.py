"""Clicks: which masks agree with them, and how SAM is shown them (its own point prompts)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rose_model.errors import InvalidRequestError
from rose_model.preprocess import FrameGeometry
from rose_model.records import PointHint

FOREGROUND_LABEL, BACKGROUND_LABEL, NO_POINT = 1, 0, -1
"""segment_anything's labels of point prompts."""
LEAST_LOG_ODDS = 0.5
"""By so much a mask has to be sure of a click that it is made to follow."""
REACH = 0.03
"""Standard deviation of the bell around a click, as a share of the frame's side."""


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


def holds_clicks(
    logits: Tensor, points: Sequence[PointHint], geometry: FrameGeometry
) -> NDArray[np.bool_]:
    """Return which masks hold every foreground click and no background click.

    Args:
        logits: float ``[K, M, M]`` on the CPU, in SAM's padded frame.
        points: Clicks in pixels of the original image; without any every mask agrees.
        geometry: Of the image.

    Returns:
        bool ``[K]``.
    """
    agrees = np.ones(len(logits), bool)
    for point in points:
        is_inside = _at(logits, point, geometry) > 0
        agrees &= is_inside == point.is_foreground
    return agrees


def follow_clicks(logits: Tensor, points: Sequence[PointHint], geometry: FrameGeometry) -> Tensor:
    """Return a mask that is changed around clicks with which it does not agree.

    The log-odds are raised, or lowered, by a bell around each such click, as far as that click
    needs it: its neighbourhood follows where the model is not sure.

    Args:
        logits: float ``[M, M]`` on the CPU, in SAM's padded frame.
        points: Clicks in pixels of the original image.
        geometry: Of the image.
    """
    side = logits.shape[-1]
    rows, columns = np.ogrid[:side, :side]
    changed = logits.clone()
    for point in points:
        sign = 1.0 if point.is_foreground else -1.0
        lacking = LEAST_LOG_ODDS - sign * float(_at(changed[None], point, geometry)[0])
        if lacking > 0:
            column, row = _place(point, geometry, side)
            distance = (rows - row) ** 2 + (columns - column) ** 2
            bell = torch.from_numpy(np.exp(-distance / (2 * (REACH * side) ** 2))).float()
            changed += sign * lacking * bell / float(_at(bell[None], point, geometry)[0])
    return changed


def check_points(points: Sequence[PointHint], geometry: FrameGeometry) -> None:
    """Refuse clicks outside of the image.

    Raises:
        InvalidRequestError: names the click and the size of the image.
    """
    height, width = geometry.original_size
    for point in points:
        if not (0 <= point.x < width and 0 <= point.y < height):
            raise InvalidRequestError(
                f'The point ({point.x}, {point.y}) is outside of the image of {width} x '
                f'{height} pixels.'
            )


def _at(logits: Tensor, point: PointHint, geometry: FrameGeometry) -> NDArray[np.float32]:
    """Logits ``[K]`` at a point of the image, interpolated as masks are when they are resized."""
    height, width = geometry.content_in(logits.shape[-1])
    column, row = _place(point, geometry, logits.shape[-1])
    top, left = int(row), int(column)
    bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
    down, across = row - top, column - left
    upper = logits[:, top, left] * (1 - across) + logits[:, top, right] * across
    lower = logits[:, bottom, left] * (1 - across) + logits[:, bottom, right] * across
    value: NDArray[np.float32] = (upper * (1 - down) + lower * down).numpy()
    return value


def _place(point: PointHint, geometry: FrameGeometry, side: int) -> tuple[float, float]:
    """Column and row of a point in masks of that side, between the centres of their pixels."""
    x, y = to_sam_frame(np.array((point.x, point.y)), geometry)
    scale = side / geometry.sam_size
    height, width = geometry.content_in(side)
    column = float(np.clip((x + 0.5) * scale - 0.5, 0, width - 1))
    return column, float(np.clip((y + 0.5) * scale - 0.5, 0, height - 1))
