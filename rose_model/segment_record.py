"""Segments as plain data: what JSON files hold of them."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from rose_model.errors import DataError
from rose_model.records import Segment

Count = Annotated[int, Field(ge=0)]


class SegmentRecord(BaseModel):
    """A segment with its mask as ``run_lengths`` inside ``box_xyxy``; scores have four digits."""

    model_config = ConfigDict(frozen=True, extra='forbid', strict=True)

    id: str
    category: str
    category_score: float
    objectness: float
    mask_score: float
    is_thing: bool
    box_xyxy: tuple[Count, Count, Count, Count]
    area: Count
    counts: list[Count]
    revision: Count

    @classmethod
    def of(cls, segment: Segment) -> Self:
        """The data of a segment."""
        x1, y1, x2, y2 = map(int, segment.box_xyxy)
        return cls(
            id=segment.id,
            category=segment.category,
            category_score=round(segment.category_score, 4),
            objectness=round(segment.objectness, 4),
            mask_score=round(segment.mask_score, 4),
            is_thing=segment.is_thing,
            box_xyxy=(x1, y1, x2, y2),
            area=segment.area,
            counts=run_lengths(segment.mask),
            revision=segment.revision,
        )

    def full_mask(self, size: tuple[int, int]) -> NDArray[np.bool_]:
        """The mask in an image of ``size = (H, W)``: bool ``[H, W]``.

        Raises:
            DataError: the box is empty or leaves the image, or the runs do not fill it.
        """
        x1, y1, x2, y2 = self.box_xyxy
        if not (x1 < x2 <= size[1] and y1 < y2 <= size[0]):
            raise DataError(
                f'segment {self.id!r} has the box {list(self.box_xyxy)}, the image {size[0]} x '
                f'{size[1]} pixels'
            )
        full = np.zeros(size, bool)
        full[y1:y2, x1:x2] = self._decode(y2 - y1, x2 - x1)
        return full

    def _decode(self, height: int, width: int) -> NDArray[np.bool_]:
        if sum(self.counts) != height * width:
            raise DataError(
                f'the runs of segment {self.id!r} add up to {sum(self.counts)} pixels, its box '
                f'has {height * width}'
            )
        values = np.arange(len(self.counts)) % 2 == 1
        mask: NDArray[np.bool_] = np.repeat(values, self.counts).reshape(height, width)
        if int(mask.sum()) != self.area or not self.area:
            raise DataError(
                f'segment {self.id!r} says {self.area} pixels, its mask has {int(mask.sum())}'
            )
        return mask


def run_lengths(mask: NDArray[np.bool_]) -> list[int]:
    """Runs of a mask, row by row in its box: zeros, ones, zeros, ...; as in ``Mask.msg``."""
    pixels = mask.ravel()
    borders = (np.flatnonzero(pixels[1:] != pixels[:-1]) + 1).tolist()
    first = [0] if pixels[0] else []
    return [end - start for start, end in pairwise([*first, 0, *borders, pixels.size])]
