"""The mass centre of a mask, and the patch that holds it.

Labels, segments and measures all ask here, so that they agree also on centres that lie exactly on
a border of two patches.
"""

from __future__ import annotations

from fractions import Fraction
from math import floor

import numpy as np
from numpy.typing import NDArray


def mass_centre(
    mask: NDArray[np.bool_],
    corner: tuple[int, int] = (0, 0),
    size: tuple[int, int] | None = None,
) -> tuple[Fraction, Fraction]:
    """Return the mean of the centres of a mask's pixels.

    Args:
        mask: bool ``[h, w]``, the whole image or a part of it.
        corner: (x, y) of the mask's upper left pixel in the image.
        size: (height, width) of the image; by default the mask's.

    Returns:
        (x, y) in shares of the image's width and height, above 0 and below 1.  They are exact: a
        centre on a border of two patches is never rounded to either side.

    Raises:
        ValueError: The mask is empty.
    """
    height, width = size or mask.shape
    by_row = np.count_nonzero(mask, axis=1)
    by_column = np.count_nonzero(mask, axis=0)
    area = int(by_row.sum())
    if not area:
        raise ValueError('An empty mask has no mass centre; it needs at least one pixel.')
    x = int(by_column @ np.arange(len(by_column))) + area * corner[0]
    y = int(by_row @ np.arange(len(by_row))) + area * corner[1]
    return Fraction(2 * x + area, 2 * area * width), Fraction(2 * y + area, 2 * area * height)


def cell_at(x: Fraction | float, y: Fraction | float, grid_size: int) -> tuple[int, int]:
    """Return (row, column) of the patch that holds a point.

    A patch holds its left and its upper border, but not its right and its lower one.

    Args:
        x: Share of the image's width, from 0 and below 1.
        y: Share of the image's height, from 0 and below 1.
        grid_size: Patches along one side.
    """
    return floor(y * grid_size), floor(x * grid_size)


def centre_patch(
    mask: NDArray[np.bool_],
    grid_size: int,
    corner: tuple[int, int] = (0, 0),
    size: tuple[int, int] | None = None,
) -> int:
    """Return the patch that holds the mass centre of a mask.

    Args:
        mask: As in :func:`mass_centre`.
        grid_size: Patches along one side.
        corner: As in :func:`mass_centre`.
        size: As in :func:`mass_centre`.

    Raises:
        ValueError: The mask is empty.
    """
    row, column = cell_at(*mass_centre(mask, corner, size), grid_size)
    return row * grid_size + column


def square_around(cell: tuple[int, int], grid_size: int, radius: int = 1) -> NDArray[np.bool_]:
    """Return the patches of the square around a patch, cut off at the borders of the grid.

    Args:
        cell: (row, column) of the patch in the middle.
        grid_size: Patches along one side.
        radius: Patches on each side of the middle; 1 is the 3 x 3 of the labels.

    Returns:
        bool ``[S, S]``.
    """
    near = np.zeros((grid_size, grid_size), bool)
    rows, columns = (slice(max(0, place - radius), place + radius + 1) for place in cell)
    near[rows, columns] = True
    return near
