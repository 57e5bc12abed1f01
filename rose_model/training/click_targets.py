"""Clicks that a user might make on a region, for the masks that training decodes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rose_model.clicks import BACKGROUND_LABEL, FOREGROUND_LABEL, NO_POINT, to_sam_frame
from rose_model.preprocess import FrameGeometry

CLICKS = 2
"""Clicks for one mask at most; in use there may be more."""
CLICKED_SHARE = 0.3
CLICKED_GIVEN_SHARE = 0.5
"""Shares of the masks that come with clicks: of all, and where a mask is to be corrected."""
SECOND_SHARE = 0.35
BACKGROUND_SHARE = 0.5
"""Of the second clicks, and of the first ones on a mask that is too large."""
NEAR = 0.5
"""A click on the background lies this share of the region's size around its box."""

Mask = NDArray[np.bool_]


def draw_clicks(
    masks: Sequence[Mask], given: Mask | None, geometry: FrameGeometry, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Draw clicks for some of the masks, where a user would click.

    With a mask to be corrected a foreground click is on what that misses, and a background click
    on what it has too much, if there is any of it.

    Args:
        masks: K true masks, bool ``[H, W]`` each.
        given: The mask to be corrected, bool ``[H, W]``, if there is one.
        geometry: Of the image.
        rng: Draws.

    Returns:
        float ``[K, T, 2]`` in SAM's frame as ``clicks.to_sam_frame`` gives it, and int32
        ``[K, T]``; the labels of a mask without clicks are all -1.
    """
    points = np.zeros((len(masks), CLICKS, 2))
    labels = np.full((len(masks), CLICKS), NO_POINT, np.int32)
    share = CLICKED_SHARE if given is None else CLICKED_GIVEN_SHARE
    for row, mask in enumerate(masks):
        if rng.random() >= share:
            continue
        count = 1 + int(rng.random() < SECOND_SHARE)
        for number in range(count):
            is_foreground = _is_foreground(mask, given, number, rng)
            place = _inside(mask, given, rng) if is_foreground else _outside(mask, given, rng)
            if place is not None:
                points[row, number] = place
                labels[row, number] = FOREGROUND_LABEL if is_foreground else BACKGROUND_LABEL
    return (
        torch.from_numpy(to_sam_frame(points, geometry)).float(),
        torch.from_numpy(labels),
    )


def _is_foreground(mask: Mask, given: Mask | None, number: int, rng: np.random.Generator) -> bool:
    may_be_background = number > 0 or (given is not None and bool((given & ~mask).any()))
    return not (may_be_background and rng.random() < BACKGROUND_SHARE)


def _inside(
    mask: Mask, given: Mask | None, rng: np.random.Generator
) -> tuple[float, float] | None:
    missed = mask if given is None else mask & ~given
    return _pixel(missed if missed.any() else mask, rng)


def _outside(
    mask: Mask, given: Mask | None, rng: np.random.Generator
) -> tuple[float, float] | None:
    surplus = None if given is None else given & ~mask
    if surplus is not None and surplus.any():
        return _pixel(surplus, rng)
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    tall, wide = int(NEAR * len(rows)) + 1, int(NEAR * len(columns)) + 1
    near = np.zeros_like(mask)
    near[
        max(0, rows[0] - tall) : rows[-1] + 1 + tall,
        max(0, columns[0] - wide) : columns[-1] + 1 + wide,
    ] = True
    return _pixel(near & ~mask, rng)


def _pixel(mask: Mask, rng: np.random.Generator) -> tuple[float, float] | None:
    """The centre (x, y) of a pixel of the mask, or ``None`` of an empty one."""
    places = np.flatnonzero(mask)
    if not len(places):
        return None
    row, column = divmod(int(places[rng.integers(len(places))]), mask.shape[1])
    return column + 0.5, row + 0.5
