"""Names beside segments, each where it hides no other name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from rose_model.records import Segment

Rgb = NDArray[np.uint8]
Colour = tuple[int, int, int]

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_BRIGHT = 110  # luminance from which on black letters can be read better than white ones
_FINEST = 64  # points along the longer side of a mask on which its thickest place is looked for


@dataclass(frozen=True)
class TagStyle:
    """Sizes in pixels that grow with the image; ``scale`` is 1 at 480 rows."""

    font_scale: float
    thickness: int
    padding: int

    @classmethod
    def of(cls, scale: float) -> TagStyle:
        """The style for images of that scale."""
        return cls(0.45 * scale, max(1, round(scale)), max(2, round(3 * scale)))


class _Places:
    """Boxes (x1, y1, x2, y2), half open, of the names that are there."""

    def __init__(self, most: int) -> None:
        self._boxes = np.empty((most, 4), np.int64)
        self._count = 0

    def take(self, x1: int, y1: int, x2: int, y2: int) -> bool:
        """Take a place; False if a part of it is taken."""
        left, top, right, bottom = self._boxes[: self._count].T
        if ((left < x2) & (x1 < right) & (top < y2) & (y1 < bottom)).any():
            return False
        self._boxes[self._count] = x1, y1, x2, y2
        self._count += 1
        return True


def luminance(colour: Sequence[float] | NDArray[np.float64]) -> float:
    """How bright an RGB is to the eye, in [0, 255]."""
    red, green, blue = colour
    return float(0.299 * red + 0.587 * green + 0.114 * blue)


def write_names(
    canvas: Rgb, segments: Sequence[Segment], colours: Sequence[Colour], style: TagStyle
) -> None:
    """Write the names into an image ``[H, W, 3]``; one that finds no free place is left out.

    Things come first: where places are scarce, their names matter more than those of the road or
    the sky.
    """
    height, width = canvas.shape[:2]
    places = _Places(len(segments))
    for segment, colour in sorted(
        zip(segments, colours, strict=True), key=lambda pair: not pair[0].is_thing
    ):
        # The name in the letters that the font has.
        text = segment.category.encode('ascii', 'replace').decode('ascii')
        (text_width, text_height), baseline = cv2.getTextSize(
            text, _FONT, style.font_scale, style.thickness
        )
        across = text_width + 2 * style.padding
        down = text_height + baseline + 2 * style.padding
        for x, y in _candidates(segment, across, down):
            left = min(max(x, 0), max(width - across, 0))
            top = min(max(y, 0), max(height - down, 0))
            if places.take(left, top, left + across, top + down):
                corner = left + across - 1, top + down - 1
                cv2.rectangle(canvas, (left, top), corner, colour, cv2.FILLED)
                start = left + style.padding, top + down - style.padding - baseline
                _write(canvas, text, start, colour, style)
                break


def _candidates(segment: Segment, width: int, height: int) -> Iterator[tuple[int, int]]:
    """Upper left corners to try: around the box of a thing, in the thick of stuff."""
    x1, y1, x2, y2 = segment.box_xyxy
    if segment.is_thing:
        yield x1, y1 - height
        yield x2 - width, y1 - height
        yield x1, y2
        yield x2 - width, y2
    step = max(1, max(segment.mask.shape) // _FINEST)
    coarse = segment.mask[::step, ::step].astype(np.uint8)
    padded = cv2.copyMakeBorder(coarse, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    depth = cv2.distanceTransform(padded, cv2.DIST_L2, 3)
    row, column = np.unravel_index(int(np.argmax(depth)), depth.shape)
    yield x1 + step * (int(column) - 1) - width // 2, y1 + step * (int(row) - 1) - height // 2


def _write(
    canvas: Rgb, text: str, start: tuple[int, int], ground: Colour, style: TagStyle
) -> None:
    black, white = (0, 0, 0), (255, 255, 255)
    colour = black if luminance(ground) > _BRIGHT else white
    cv2.putText(canvas, text, start, _FONT, style.font_scale, colour, style.thickness, cv2.LINE_AA)
