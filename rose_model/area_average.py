"""Averages of masks by area, over cells that may end between pixels.

A cell is summed from the corners of a summed-area table (F. C. Crow, "Summed-area tables for
texture mapping", SIGGRAPH 1984).  Within a pixel the table is bilinear, so cells of any size, also
smaller than a pixel, are exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import ceil

import cv2
import numpy as np
from numpy.typing import NDArray

_STEPS = 2**14
"""Cells end at multiples of 1 / 2^14 of a pixel.  Then all sums of up to 2^24 pixels are exact in
float64, and cells without a pixel of the mask are exactly 0."""


@dataclass(frozen=True, eq=False)
class Cells:
    """How one axis of an image is divided into ``N`` cells.

    ``pixels``: int64 ``[N + 1]``, the pixels in which the cells begin and end; ``shares``: float64
    ``[N + 1]`` in [0, 1], how much of those pixels lies before; ``sizes``: float64 ``[N]``, in
    pixels.
    """

    pixels: NDArray[np.int64]
    shares: NDArray[np.float64]
    sizes: NDArray[np.float64]


@lru_cache(maxsize=64)
def cells_along(length: int, extent: float) -> Cells:
    """Divide an axis into equal cells.

    Args:
        length: Pixels along the axis.
        extent: The number of cells that fill the axis.  If it is no whole number, the last cell
            is cut off where the axis ends.

    Returns:
        ``ceil(extent)`` cells.
    """
    edges = np.minimum(np.arange(ceil(extent) + 1) * (length / extent), length)
    edges = np.rint(edges * _STEPS) / _STEPS
    pixels = np.minimum(edges.astype(np.int64), length - 1)
    return Cells(pixels, edges - pixels, np.diff(edges))


def average_by_area(mask: NDArray[np.bool_], rows: Cells, columns: Cells) -> NDArray[np.float64]:
    """Return the share of each cell that a mask covers.

    Args:
        mask: bool ``[H, W]`` with at least one pixel.
        rows: The ``h`` cells along ``H``.
        columns: The ``w`` cells along ``W``.

    Returns:
        float64 ``[h, w]`` in [0, 1].
    """
    table = np.asarray(cv2.integral(mask.view(np.uint8)), np.int32)
    above = table[rows.pixels]
    within = table[rows.pixels + 1]
    within -= above
    down = within * rows.shares[:, None]
    down += above
    left = down.take(columns.pixels, axis=1)
    right = down.take(columns.pixels + 1, axis=1)
    right -= left
    right *= columns.shares
    left += right
    strips = left[1:] - left[:-1]
    sums: NDArray[np.float64] = strips[:, 1:] - strips[:, :-1]
    return sums / (rows.sizes[:, None] * columns.sizes)
