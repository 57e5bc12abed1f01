"""Draw segments over their image: translucent masks, outlines, and names in stable colours."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from rose_model.records import Segment

Rgb = NDArray[np.uint8]

# The share of the colour in the mix; stuff is fainter, for it covers most of the image.
_FILL_THING = 0.5
_FILL_STUFF = 0.35
_HUES = 180  # OpenCV's hue: half degrees
_HUE_SHIFTS = (0, -10, 10, -5, 5)
_THING_SHADES = ((230, 255), (150, 255), (230, 190), (150, 210))  # saturation and value
_STUFF_SHADE = (110, 230)
_DARK = (20, 20, 20)
_MIN_LUMINANCE = 100.0  # of 255; pure blue has 29 and is lost on a dark image
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_REFERENCE_SIDE = 480  # px of the shorter side at which text and lines have their base size


@dataclass(frozen=True)
class _Style:
    """Sizes in pixels that grow with the image."""

    font_scale: float
    text_thickness: int
    line_thickness: int
    padding: int

    @classmethod
    def for_image(cls, height: int, width: int) -> _Style:
        scale = min(max(min(height, width) / _REFERENCE_SIDE, 0.75), 4.0)
        return cls(
            font_scale=0.45 * scale,
            text_thickness=max(1, round(scale)),
            line_thickness=max(1, round(1.5 * scale)),
            padding=max(2, round(3 * scale)),
        )


@dataclass(frozen=True)
class _Box:
    """A rectangle in pixels, half open."""

    x1: int
    y1: int
    x2: int
    y2: int

    def overlaps(self, other: _Box) -> bool:
        return (
            self.x1 < other.x2 and other.x1 < self.x2 and self.y1 < other.y2 and other.y1 < self.y2
        )


def colour_of(segment: Segment) -> tuple[int, int, int]:
    """RGB of a segment: the same in every frame, every run and on every machine.

    The last word of the name gives the hue, so that a red car and a car look alike; the id gives a
    thing its own shade of it.  Stuff is paler than things, whatever its hue.
    """
    hue = _number(segment.category.lower().rpartition(' ')[2]) % _HUES
    saturation, value = _STUFF_SHADE
    if segment.is_thing:
        number = _number(segment.id)
        number, shift = divmod(number, len(_HUE_SHIFTS))
        hue += _HUE_SHIFTS[shift]
        saturation, value = _THING_SHADES[number % len(_THING_SHADES)]
    hsv = np.array([[[hue % _HUES, saturation, value]]], dtype=np.uint8)
    colour = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0, 0].astype(np.float64)
    missing = max(0.0, _MIN_LUMINANCE - _luminance(colour))
    colour += (255.0 - colour) * missing / (255.0 - _luminance(colour))
    red, green, blue = np.rint(colour).astype(int).tolist()
    return red, green, blue


def _luminance(colour: Sequence[float] | NDArray[np.float64]) -> float:
    """How bright an RGB is to the eye, in [0, 255]."""
    red, green, blue = colour
    return float(0.299 * red + 0.587 * green + 0.114 * blue)


def _number(text: str) -> int:
    """A number of some text that is no secret, and unlike Python's hash always the same."""
    return zlib.crc32(text.encode('utf-8', 'surrogatepass'))


def draw_overlay(rgb: Rgb, segments: Sequence[Segment]) -> Rgb:
    """A copy of the image with its segments painted on it.

    ``rgb``: uint8 ``[H, W, 3]``.  ``segments`` are painted in order, so largest first is right.  A
    name that finds no free place is left out; its outline is still there.
    """
    canvas = np.array(rgb, dtype=np.uint8, order='C')
    height, width = canvas.shape[:2]
    style = _Style.for_image(height, width)
    for segment in segments:
        _fill(canvas, segment)
    for segment in segments:
        _outline(canvas, segment, style)
    taken: list[_Box] = []
    # Things first: where places are scarce, their names matter more than those of the road or the
    # sky.
    for segment in sorted(segments, key=lambda each: not each.is_thing):
        box = _place(segment, _text_size(segment, style), (height, width), taken)
        if box is not None:
            taken.append(box)
            _write(canvas, segment, box, style)
    return canvas


def _fill(canvas: Rgb, segment: Segment) -> None:
    x1, y1, x2, y2 = segment.box_xyxy
    region = canvas[y1:y2, x1:x2]
    share = _FILL_THING if segment.is_thing else _FILL_STUFF
    colour = np.array(colour_of(segment), dtype=np.float32)
    mixed = (1.0 - share) * region[segment.mask] + share * colour
    region[segment.mask] = np.rint(mixed).astype(np.uint8)


def _outline(canvas: Rgb, segment: Segment, style: _Style) -> None:
    x1, y1, _, _ = segment.box_xyxy
    contours, _ = cv2.findContours(
        segment.mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE
    )
    thickness = style.line_thickness if segment.is_thing else 1
    # A dark rim keeps pale lines visible on a bright image, as colour keeps them on a dark one.
    rim = thickness + 2 if segment.is_thing else 0
    for colour, width in ((_DARK, rim), (colour_of(segment), thickness)):
        if width:
            cv2.drawContours(
                canvas, contours, -1, colour, width, lineType=cv2.LINE_AA, offset=(x1, y1)
            )


def _text_of(segment: Segment) -> str:
    """The name in the letters that the font has."""
    return segment.category.encode('ascii', 'replace').decode('ascii')


def _text_size(segment: Segment, style: _Style) -> tuple[int, int]:
    """(width, height) of the label in pixels, with its padding."""
    (width, height), baseline = cv2.getTextSize(
        _text_of(segment), _FONT, style.font_scale, style.text_thickness
    )
    return width + 2 * style.padding, height + baseline + 2 * style.padding


def _place(
    segment: Segment, size: tuple[int, int], image_size: tuple[int, int], taken: Iterable[_Box]
) -> _Box | None:
    """The first free place for a label of ``size = (width, height)``."""
    height, width = image_size
    for x, y in _candidates(segment, size):
        left = min(max(x, 0), max(width - size[0], 0))
        top = min(max(y, 0), max(height - size[1], 0))
        box = _Box(left, top, left + size[0], top + size[1])
        if not any(box.overlaps(other) for other in taken):
            return box
    return None


def _candidates(segment: Segment, size: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """Upper left corners to try: around the box of a thing, in the thick of stuff."""
    x1, y1, x2, y2 = segment.box_xyxy
    width, height = size
    if segment.is_thing:
        yield x1, y1 - height
        yield x2 - width, y1 - height
        yield x1, y2
        yield x2 - width, y2
    depth = cv2.distanceTransform(np.pad(segment.mask, 1).astype(np.uint8), cv2.DIST_L2, 3)
    row, column = np.unravel_index(int(np.argmax(depth)), depth.shape)
    yield x1 + int(column) - 1 - width // 2, y1 + int(row) - 1 - height // 2


def _write(canvas: Rgb, segment: Segment, box: _Box, style: _Style) -> None:
    colour = colour_of(segment)
    cv2.rectangle(canvas, (box.x1, box.y1), (box.x2 - 1, box.y2 - 1), colour, cv2.FILLED)
    _, baseline = cv2.getTextSize(_text_of(segment), _FONT, style.font_scale, style.text_thickness)
    cv2.putText(
        canvas,
        _text_of(segment),
        (box.x1 + style.padding, box.y2 - style.padding - baseline),
        _FONT,
        style.font_scale,
        (0, 0, 0) if _luminance(colour) > 110 else (255, 255, 255),
        style.text_thickness,
        cv2.LINE_AA,
    )
