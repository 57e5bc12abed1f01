"""Masks as COCO writes them: polygons and run lengths, plain or compressed, checked before
pycocotools decodes them.

pycocotools leaves memory unset for runs that end before the image does, and takes memory by the
length of a polygon's outline; both come from files of others.
"""

from __future__ import annotations

import math
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as codec
from pydantic import BaseModel, ConfigDict, Field

from rose_model.errors import DataError

MARGIN = 2.0
"""Boxes and polygons may reach this far out of the image [pixels]: COCO rounds."""


class RunLengths(BaseModel):
    """Runs of zeros, ones, zeros, ... down the columns; ``counts`` is their compressed form where
    it is text.  ``size`` is (height, width).
    """

    model_config = ConfigDict(frozen=True, strict=True)

    size: Annotated[list[int], Field(min_length=2, max_length=2)]
    counts: str | list[Annotated[int, Field(ge=0)]]


Segmentation = list[list[float]] | list[RunLengths] | RunLengths
"""What an annotation may have: polygons, the parts of a mask (RefCLEF), or one mask."""


def encode_mask(mask: NDArray[np.bool_]) -> dict[str, Any]:
    """A mask ``[H, W]`` as compressed run lengths, ready for JSON."""
    coded = codec.encode(np.asfortranarray(mask, np.uint8))
    return {'size': [int(side) for side in coded['size']], 'counts': coded['counts'].decode()}


def compress(segmentation: Segmentation, size: tuple[int, int]) -> bytes:
    """The union of all parts as the compressed runs of one mask with ``size`` (height, width).

    Raises:
        DataError: there is no part; a polygon has fewer than three points or leaves the image;
            runs are of another size or do not add up to it.
    """
    parts = [segmentation] if isinstance(segmentation, RunLengths) else segmentation
    if not parts:
        raise DataError('its segmentation is empty; remove it')
    coded = [
        _from_runs(part, size) if isinstance(part, RunLengths) else _from_polygon(part, size)
        for part in parts
    ]
    return bytes(codec.merge(coded)['counts'])


def decode(counts: bytes, size: tuple[int, int]) -> NDArray[np.bool_]:
    """The mask ``[H, W]`` of what ``compress`` gave."""
    mask: NDArray[np.bool_] = codec.decode({'size': list(size), 'counts': counts}) == 1
    return mask


def area(counts: bytes, size: tuple[int, int]) -> int:
    """Number of pixels in the mask of what ``compress`` gave."""
    return int(codec.area({'size': list(size), 'counts': counts}))


def _from_polygon(polygon: list[float], size: tuple[int, int]) -> dict[str, Any]:
    if len(polygon) < 6 or len(polygon) % 2:
        raise DataError(
            f'a polygon has {len(polygon)} numbers; x and y of at least three points are needed'
        )
    farthest = (size[1] + MARGIN, size[0] + MARGIN)
    for number, value in enumerate(polygon):
        if not -MARGIN <= value <= farthest[number % 2]:  # false for nan, too
            raise DataError(
                f'a polygon has the coordinate {value} in an image of '
                f'{size[0]} x {size[1]} pixels; clip it'
            )
    coded: dict[str, Any] = codec.frPyObjects([polygon], *size)[0]
    return coded


def _from_runs(runs: RunLengths, size: tuple[int, int]) -> dict[str, Any]:
    if tuple(runs.size) != size:
        raise DataError(
            f'its mask has {runs.size[0]} x {runs.size[1]} pixels, '
            f'the image {size[0]} x {size[1]}; annotate the image as it is'
        )
    counts = _expand(runs.counts) if isinstance(runs.counts, str) else runs.counts
    if min(counts, default=0) < 0 or sum(counts) != math.prod(size):
        raise DataError(
            f'its runs add up to {sum(counts)} pixels, the image has {math.prod(size)}; '
            'the annotation is damaged, take it from its source again'
        )
    if isinstance(runs.counts, str):
        return {'size': runs.size, 'counts': runs.counts.encode('ascii')}
    coded: dict[str, Any] = codec.frPyObjects({'size': runs.size, 'counts': counts}, *size)
    return coded


def _expand(text: str) -> list[int]:
    """The runs of compressed ones, only to check them: groups of five bits, the lowest first, a
    sixth bit where more follow; from the fourth on the difference to the last but one.
    """
    runs: list[int] = []
    value = shift = 0
    for letter in text:
        bits = ord(letter) - 48
        if not 0 <= bits < 64 or shift > 25:
            raise DataError(f'its runs hold {letter!r} where none may be; the file is damaged')
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value = shift = 0
    if shift:
        raise DataError('its runs end in the middle of a number; the file is damaged')
    return runs
