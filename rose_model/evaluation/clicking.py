"""Clicks of somebody who knows the truth."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rose_model.records import PointHint


def click_on(
    mask: NDArray[np.bool_], rng: np.random.Generator, *, is_foreground: bool = True
) -> PointHint:
    """Return a click on a pixel of a mask, each pixel as likely as any other.

    Args:
        mask: bool ``[H, W]``, not empty.
        rng: Draws.
        is_foreground: Whether the click says that the pixel belongs to the object.

    Returns:
        Whole numbers of pixels, as a user's pointer gives them.

    Raises:
        ValueError: the mask is empty.
    """
    rows, columns = np.nonzero(mask)
    if not len(rows):
        raise ValueError('An empty mask has no pixel to click on.')
    number = int(rng.integers(len(rows)))
    return PointHint(float(columns[number]), float(rows[number]), is_foreground)


def click_at_centre(mask: NDArray[np.bool_]) -> PointHint:
    """Return a foreground click on the mass centre of a mask, which a mask with a gap may not
    hold.

    Args:
        mask: bool ``[H, W]``, not empty.
    """
    rows, columns = np.nonzero(mask)
    return PointHint(float(columns.mean()), float(rows.mean()), is_foreground=True)


def is_at(mask: NDArray[np.bool_], click: PointHint) -> bool:
    """Return whether a mask ``[H, W]`` holds the pixel of a click."""
    return bool(mask[int(click.y), int(click.x)])
