"""Masks to and from ``ros2_rose/msg/Mask``: run lengths inside a box, row by row, zeros first.

Needs numpy only, so that a subscriber can read masks without the model's libraries:

    from ros2_rose.masks import decode_mask
    for segment in message.segments:
        mask = decode_mask(segment.mask, message.height, message.width)  # bool [H, W]
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray


class MaskFields(Protocol):
    """The fields of ``ros2_rose/msg/Mask``, in pixels of the image."""

    x_offset: int
    y_offset: int
    width: int
    height: int
    counts: ArrayLike


def encode_runs(mask: NDArray[np.bool_]) -> NDArray[np.uint32]:
    """Run lengths of a bool ``[h, w]`` in row-major order, alternating 0, 1, 0, ... from zeros on.

    Only the first run may be 0.  A mask without pixels has no runs.
    """
    flat = np.ascontiguousarray(mask, dtype=bool).reshape(-1)
    if flat.size == 0:
        return np.zeros(0, dtype=np.uint32)
    changes = np.flatnonzero(flat[1:] != flat[:-1])
    # Where runs begin and end; the first, of zeros, is empty where the first pixel is 1.
    before = 1 + int(flat[0])
    edges = np.zeros(before + changes.size + 1, dtype=np.uint32)
    edges[before:-1] = changes + 1
    edges[-1] = flat.size
    return edges[1:] - edges[:-1]


def decode_runs(counts: ArrayLike, height: int, width: int) -> NDArray[np.bool_]:
    """The bool ``[height, width]`` of run lengths.

    Raises:
        ValueError: the runs do not fill the box exactly.
    """
    runs = np.asarray(counts, dtype=np.uint32)
    total = int(runs.sum(dtype=np.uint64))
    if total != height * width:
        raise ValueError(
            f'The runs of a mask of {width}x{height} must add up to {height * width}, got {total}.'
        )
    values = np.zeros(runs.size, dtype=bool)
    values[1::2] = True
    return np.repeat(values, runs).reshape(height, width)


def decode_mask(mask: MaskFields, height: int, width: int) -> NDArray[np.bool_]:
    """The whole mask of a message: bool ``[height, width]``, the size of the image.

    Raises:
        ValueError: the box leaves the image, or the runs do not fill the box.
    """
    right, lower = mask.x_offset + mask.width, mask.y_offset + mask.height
    if right > width or lower > height:
        raise ValueError(
            f'The box of a mask ends at ({right}, {lower}), outside the image of {width}x{height}.'
        )
    full = np.zeros((height, width), dtype=bool)
    full[mask.y_offset : lower, mask.x_offset : right] = decode_runs(
        mask.counts, mask.height, mask.width
    )
    return full
