"""Draw segments over their image: translucent masks, outlines, and names in stable colours."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from rose_model.name_tags import TagStyle, luminance, write_names
from rose_model.records import Segment

Rgb = NDArray[np.uint8]
Codes = NDArray[np.uint8]
Colour = tuple[int, int, int]

# The share of the colour in the mix; stuff is fainter, for it covers most of the image.
_FILL_THING = 0.5
_FILL_STUFF = 0.35
_HUES = 180  # OpenCV's hue: half degrees
_HUE_SHIFTS = (0, -10, 10, -5, 5)
_THING_SHADES = ((230, 255), (150, 255), (230, 190), (150, 210))  # saturation and value
_STUFF_SHADE = (110, 230)
_DARK = (20, 20, 20)
_MIN_LUMINANCE = 100.0  # of 255; pure blue has 29 and is lost on a dark image
_REFERENCE_SIDE = 480  # px of the shorter side at which text and lines have their base size

# What a pixel of the picture is, in one byte, so that one table gives its colour: the image, the
# fill of one of so many segments, the line around one, or the dark rim of a line.
_MOST, _RIM = 127, 255


def colour_of(segment: Segment) -> Colour:
    """RGB of a segment: the same in every frame, every run and on every machine.

    The last word of the name gives the hue, so that a red car and a car look alike; the id gives a
    thing its own shade of it.  Stuff is paler than things, whatever its hue.
    """
    noun = segment.category.lower().rpartition(' ')[2]
    return _colour(noun, segment.id if segment.is_thing else None)


@lru_cache(maxsize=4096)  # objects come again in the next frame
def _colour(noun: str, identity: str | None) -> Colour:
    """``identity``: of a thing; ``None`` for stuff."""
    hue = _number(noun) % _HUES
    saturation, value = _STUFF_SHADE
    if identity is not None:
        number, shift = divmod(_number(identity), len(_HUE_SHIFTS))
        hue += _HUE_SHIFTS[shift]
        saturation, value = _THING_SHADES[number % len(_THING_SHADES)]
    hsv = np.array([[[hue % _HUES, saturation, value]]], dtype=np.uint8)
    colour = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0, 0].astype(np.float64)
    missing = max(0.0, _MIN_LUMINANCE - luminance(colour))
    colour += (255.0 - colour) * missing / (255.0 - luminance(colour))
    red, green, blue = np.rint(colour).astype(int).tolist()
    return red, green, blue


def _number(text: str) -> int:
    """A number of some text that is no secret, and unlike Python's hash always the same."""
    return zlib.crc32(text.encode('utf-8', 'surrogatepass'))


def paint_numbers(segments: Sequence[Segment], canvas: NDArray[np.unsignedinteger]) -> None:
    """Paint the numbers of segments, from 1 on, in their order into a map ``[H, W]`` of zeros."""
    for number, segment in enumerate(segments, start=1):
        x1, y1, x2, y2 = segment.box_xyxy
        part = canvas[y1:y2, x1:x2]
        # Numbers grow, so the last is the largest; this is faster than to choose pixels.
        np.maximum(part, np.multiply(segment.mask, number, dtype=canvas.dtype), out=part)


def draw_overlay(rgb: Rgb, segments: Sequence[Segment]) -> Rgb:
    """A copy of the image with its segments painted on it.

    ``rgb``: uint8 ``[H, W, 3]``.  ``segments`` are painted in order, so largest first is right;
    where they overlap, the last one is seen.  A name that finds no free place is left out; its
    outline is still there.
    """
    canvas = np.array(rgb, dtype=np.uint8, order='C')
    scale = min(max(min(canvas.shape[:2]) / _REFERENCE_SIDE, 0.75), 4.0)
    colours = [colour_of(segment) for segment in segments]
    for start in range(0, len(segments), _MOST):
        some = slice(start, start + _MOST)
        codes = _codes(segments[some], canvas.shape[:2], max(1, round(1.5 * scale)))
        _tint(canvas, codes, segments[some], colours[some])
    write_names(canvas, segments, colours, TagStyle.of(scale))
    return canvas


def _codes(segments: Sequence[Segment], size: tuple[int, int], thickness: int) -> Codes:
    """What each pixel is, uint8 ``[H, W]``; lines around things are ``thickness`` pixels wide and
    have a dark rim, which keeps pale lines visible on a bright image, as colour keeps them on a
    dark one.
    """
    numbers = np.zeros(size, np.uint8)
    paint_numbers(segments, numbers)
    codes = numbers.copy()
    _draw_lines(codes, numbers, 1)
    of_things = np.zeros(256, np.uint8)
    of_things[1 : len(segments) + 1] = [n * s.is_thing for n, s in enumerate(segments, start=1)]
    things = np.asarray(cv2.LUT(numbers, of_things), np.uint8)
    _draw_lines(codes, things, thickness, rim=1)
    return codes


def _draw_lines(codes: Codes, numbers: Codes, thickness: int, rim: int = 0) -> None:
    """Lines where numbers differ, each in the colour of the upper segment."""
    near = np.ones((thickness + 1, thickness + 1), np.uint8)
    upper = cv2.dilate(numbers, near)
    is_line = cv2.compare(upper, cv2.erode(numbers, near), cv2.CMP_NE)  # 255 on lines
    if rim:
        around = np.ones((2 * rim + 1, 2 * rim + 1), np.uint8)
        np.maximum(codes, cv2.dilate(is_line, around), out=codes)
    cv2.copyTo(upper + np.uint8(_MOST), is_line, codes)


def _tint(
    canvas: Rgb, codes: Codes, segments: Sequence[Segment], colours: Sequence[Colour]
) -> None:
    """Mix each pixel of the image with the colour of its code."""
    shares = np.zeros(256)
    palette = np.zeros((256, 3))
    count = len(segments)
    fills, lines = slice(1, count + 1), slice(_MOST + 1, _MOST + count + 1)
    shares[fills] = [_FILL_THING if item.is_thing else _FILL_STUFF for item in segments]
    palette[fills] = palette[lines] = colours
    shares[lines] = shares[_RIM] = 1.0
    palette[_RIM] = _DARK
    mixed = np.rint(shares[:, None] * palette).astype(np.uint8)
    kept = np.rint(255 * (1 - shares)).astype(np.uint8)
    left = cv2.cvtColor(cv2.LUT(codes, kept), cv2.COLOR_GRAY2RGB)
    cv2.multiply(canvas, left, dst=canvas, scale=1 / 255)
    cv2.add(canvas, cv2.applyColorMap(codes, mixed[:, None]), dst=canvas)
