"""SAM's way from a mask's low resolution to the image, for the part that a mask covers.

SAM resizes logits to its padded frame, cuts off the padding, and resizes the rest to the image,
both times linearly (segment_anything's ``Sam.postprocess_masks``).  Each step is linear in the
logits and the same for all columns and for all rows, so both are one product with a matrix on each
side; a pixel depends on three rows and three columns at most.

Here the padding is cut off before, too: no training teaches a model what to say there, but at the
border of the image SAM's first step reads it.  The last row and column of the content, which may
be partly padding, stand for all that follow them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import interpolate

from rose_model.errors import ModelOutputError
from rose_model.preprocess import FrameGeometry

_TILE = (96, 160)
"""Rows and columns of the image that are resampled at once.  They fit into the processor's cache,
and their products are too small for a BLAS to wake other threads for them: on a busy machine that
takes longer than the product."""


@dataclass(frozen=True, eq=False)
class _Axis:
    """How the pixels along one axis of the image depend on the logits.

    ``weights``: float32 ``[L, m]``, for the ``m`` logits of the content; a pixel depends on the
    logits from ``first`` ``[L]`` up to, and not including, ``end`` ``[L]``.
    """

    weights: NDArray[np.float32]
    first: NDArray[np.intp]
    end: NDArray[np.intp]

    def touched_by(self, start: int, stop: int) -> range:
        """The pixels that depend on any of the logits from ``start`` to ``stop``."""
        low = np.searchsorted(self.end, start, 'right')
        return range(int(low), int(np.searchsorted(self.first, stop, 'left')))

    def tiles(self, pixels: range, size: int) -> Iterator[tuple[slice, slice]]:
        """Pixels in groups of ``size``, and the logits that each group depends on."""
        for start in range(pixels.start, pixels.stop, size):
            stop = min(pixels.stop, start + size)
            yield slice(start, stop), slice(int(self.first[start]), int(self.end[stop - 1]))


@lru_cache(maxsize=32)  # two axes of the sizes of some cameras, 2 MB each at 1080p
def _axis(mask_size: int, sam_size: int, content: int, logits: int, length: int) -> _Axis:
    """The axis of ``length`` pixels, which fill ``content`` pixels of SAM's frame, and
    ``logits`` logits.
    """
    each = torch.eye(mask_size)[None]  # what becomes of each logit alone
    framed = interpolate(each, sam_size, mode='linear', align_corners=False)
    resized = interpolate(framed[..., :content], length, mode='linear', align_corners=False)
    each_weight = resized[0].T
    weights = each_weight[:, :logits].contiguous().numpy()
    weights[:, -1] += each_weight[:, logits:].sum(1).numpy()
    is_used = weights != 0
    return _Axis(weights, is_used.argmax(axis=1), logits - is_used[:, ::-1].argmax(axis=1))


def bounding_rectangle(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """The tight rectangle (x, y, width, height) of a mask bool ``[H, W]``; of no size if empty."""
    if not mask.size:
        return 0, 0, 0, 0
    x, y, width, height = cv2.boundingRect(mask.view(np.uint8))
    return x, y, width, height


class Resampler:
    """Gives masks of one geometry in the image."""

    def __init__(self, geometry: FrameGeometry, mask_size: int) -> None:
        sizes = (geometry.sam_content, geometry.content_in(mask_size), geometry.original_size)
        self._rows, self._columns = (
            _axis(mask_size, geometry.sam_size, *along) for along in zip(*sizes, strict=True)
        )

    def __call__(self, logits: NDArray[np.float32]) -> tuple[tuple[int, int], NDArray[np.bool_]]:
        """Where the resized logits of the content ``[h, w]`` are above 0: the corner (x, y) of a
        part of the image, and the bool mask there; there is nothing outside of it.

        The same as by resizing everything, save for pixels whose logit is 0 but for rounding.

        Raises:
            ModelOutputError: a logit is not finite.
        """
        x, y, width, height = bounding_rectangle(logits > 0)
        rows = self._rows.touched_by(y, y + height)
        columns = self._columns.touched_by(x, x + width)
        mask = np.empty((len(rows), len(columns)), np.bool_)
        for across, low_across in self._columns.tiles(columns, _TILE[1]):
            for down, low_down in self._rows.tiles(rows, _TILE[0]):
                tile = mask[
                    down.start - rows.start : down.stop - rows.start,
                    across.start - columns.start : across.stop - columns.start,
                ]
                part = logits[low_down, low_across]
                least, most = float(part.min()), float(part.max())
                if not math.isfinite(most - least):
                    raise ModelOutputError('The logits of a mask are not finite.')
                if least > 0 or most <= 0:  # as most are; only borders have to be resampled
                    tile[:] = least > 0
                    continue
                wide = part @ self._columns.weights[across, low_across].T
                np.greater(self._rows.weights[down, low_down] @ wide, 0, out=tile)
        return (columns.start, rows.start), mask
