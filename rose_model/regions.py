"""Far, small things: parts of an image are seen at full resolution and merged into the whole.

The model sees every image at one size.  In a part of it a thing covers more patches, so it is
found from further away; each part costs as much as another image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rose_model.mass_centre import centre_patch
from rose_model.records import Segment, Segmentation
from rose_model.write_back import segment_iou

SAME_IOU = 0.5
"""From here on a thing of a part is one that the whole image has, too."""

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Region:
    """A part of an image in shares of its sides, each in [0, 1]; ``x`` and ``y`` are of the upper
    left corner.

    Raises:
        ValueError: it is empty or leaves the image.
    """

    x: float
    y: float
    width: float
    height: float

    def __post_init__(self) -> None:
        values = (self.x, self.y, self.width, self.height)
        most = 1 + 1e-9  # sums of such shares are not exact
        is_inside = self.x + self.width <= most and self.y + self.height <= most
        if not (min(values) >= 0 and self.width > 0 and self.height > 0 and is_inside):
            raise ValueError(
                'a region is x, y, width, height in shares of the image, from 0 to 1 and not '
                f'empty, got {values}'
            )

    def box(self, size: tuple[int, int]) -> Box:
        """The half-open box (x1, y1, x2, y2) in an image of ``size = (H, W)``; never empty."""
        height, width = size
        x1, y1 = min(int(self.x * width), width - 1), min(int(self.y * height), height - 1)
        x2, y2 = round((self.x + self.width) * width), round((self.y + self.height) * height)
        return x1, y1, max(x2, x1 + 1), max(y2, y1 + 1)


def cut(image: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
    """The pixels of a box, uint8 ``[h, w, 3]``."""
    x1, y1, x2, y2 = box
    return np.ascontiguousarray(image[y1:y2, x1:x2])


def merge(whole: Segmentation, parts: Sequence[tuple[Box, Segmentation]]) -> Segmentation:
    """The whole frame with the things of its parts; ids are running numbers by area.

    A thing of a part takes the place of the same thing of the whole, whose mask is coarser.
    Things that the edge of a part cuts off, and all stuff, are left to the whole.
    """
    segments = list(whole.segments)
    skipped_masks, skipped_names = whole.skipped_masks, whole.skipped_names
    for box, part in parts:
        for segment in part.segments:
            if segment.is_thing and not _is_cut_off(segment, box, whole.original_size):
                placed = _place(segment, box, whole)
                segments = [other for other in segments if not _is_same(other, placed)]
                segments.append(placed)
        skipped_masks += part.skipped_masks
        skipped_names += part.skipped_names
    ordered = whole.with_segments(tuple(segments)).segments
    return replace(
        whole,
        segments=tuple(replace(segment, id=str(n)) for n, segment in enumerate(ordered, 1)),
        skipped_masks=skipped_masks,
        skipped_names=skipped_names,
    )


def _is_same(other: Segment, placed: Segment) -> bool:
    return other.is_thing and segment_iou(other, placed) >= SAME_IOU


def _is_cut_off(segment: Segment, box: Box, size: tuple[int, int]) -> bool:
    """Whether it touches an edge of the part that is none of the image."""
    x1, y1, x2, y2 = segment.box_xyxy
    width, height = box[2] - box[0], box[3] - box[1]
    return (
        (x1 == 0 < box[0])
        or (y1 == 0 < box[1])
        or (x2 == width and box[2] < size[1])
        or (y2 == height and box[3] < size[0])
    )


def _place(segment: Segment, box: Box, whole: Segmentation) -> Segment:
    """The segment at its place in the whole image, with the patch there that holds its centre."""
    x1, y1, x2, y2 = segment.box_xyxy
    moved = (x1 + box[0], y1 + box[1], x2 + box[0], y2 + box[1])
    grid = whole.context.geometry.grid_size
    patch = centre_patch(segment.mask, grid, moved[:2], whole.original_size)
    return replace(segment, box_xyxy=moved, patch=patch)
