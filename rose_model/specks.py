"""Masks without specks and pinholes, as in SAM's automatic mask generation
(segment_anything's ``remove_small_regions``), but only where a mask is.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from rose_model.resampling import bounding_rectangle

Mask = NDArray[np.bool_]


def without_specks(mask: Mask, least: float) -> Mask:
    """A mask bool ``[H, W]`` whose holes of less than ``least`` pixels are filled, and whose
    islands of less are gone; if all are smaller, the largest one stays.

    What is filled or goes is connected over edges and corners.  A mask without either is given as
    it is.
    """
    x, y, width, height = bounding_rectangle(mask)
    if not width:
        return mask
    # One more pixel on each side, as far as there are any: the ground is connected through them.
    rows = slice(max(0, y - 1), y + height + 1)
    columns = slice(max(0, x - 1), x + width + 1)
    window = mask[rows, columns]
    before = rows.start * mask.shape[1] + columns.start * len(window)
    after = mask.size - window.size - before
    if 0 < before < least or 0 < after < least:  # ground out of sight may be a hole, too
        return _drop_islands(_fill_holes(mask, least), least)
    solid = _drop_islands(_fill_holes(window, least, before, after), least)
    if solid is window:
        return mask
    cleaned = mask.copy()
    cleaned[rows, columns] = solid
    return cleaned


def _fill_holes(mask: Mask, least: float, before: int = 0, after: int = 0) -> Mask:
    """``before``: pixels of ground that are hidden above and on the left, ``after``: below and on
    the right; they belong to that of the upper left and of the lower right corner.
    """
    _, labels, stats, _ = cv2.connectedComponentsWithStats((~mask).view(np.uint8), connectivity=8)
    sizes = stats[:, cv2.CC_STAT_AREA]
    sizes[labels[0, 0]] += before
    sizes[labels[-1, -1]] += after
    is_hole = sizes < least
    is_hole[0] = False  # the mask itself
    return mask | is_hole[labels] if is_hole.any() else mask


def _drop_islands(mask: Mask, least: float) -> Mask:
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=8)
    sizes = stats[:, cv2.CC_STAT_AREA]
    sizes[0] = 0  # the ground
    is_solid = sizes >= least
    is_solid[0] = False
    if not is_solid.any():
        is_solid[sizes.argmax()] = True
    return mask if is_solid[1:].all() else is_solid[labels]
