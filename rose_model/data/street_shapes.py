"""How each thing of a procedural street looks: flat shapes in unit coordinates, (0, 0) top left,
(1, 1) bottom right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Colour = tuple[float, float, float]

COLOURS: dict[str, Colour] = {
    'red': (200, 30, 35),
    'orange': (240, 135, 25),
    'yellow': (240, 215, 50),
    'green': (40, 150, 60),
    'blue': (35, 75, 200),
    'purple': (130, 50, 160),
    'white': (235, 235, 235),
    'black': (30, 30, 34),
    'brown': (120, 75, 40),
}
PATTERNS = ('striped', 'dotted')

_GLASS: Colour = (70, 90, 110)
_TYRE: Colour = (22, 22, 24)
_METAL: Colour = (125, 128, 132)
_SKIN: tuple[Colour, ...] = ((235, 195, 165), (200, 150, 115), (140, 95, 65), (95, 62, 42))


@dataclass(frozen=True)
class Paint:
    """The look of one instance: the attribute in words, its main colour, and the second one of a
    pattern.
    """

    attribute: str
    colour: Colour
    second: Colour


class Canvas:
    """A small picture with its mask, drawn part by part; ``rgb`` float32 ``[h, w, 3]``, ``mask``
    uint8 0 or 1.
    """

    def __init__(self, height: int, width: int, paint: Paint) -> None:
        self.rgb = np.zeros((height, width, 3), np.float32)
        self.mask = np.zeros((height, width), np.uint8)
        self.paint = paint

    def polygon(self, points: Sequence[tuple[float, float]], colour: Colour | None = None) -> None:
        """Fill a polygon; without a colour it is body, in the paint of the instance."""
        part = np.zeros_like(self.mask)
        cv2.fillPoly(part, [self._pixels(points)], 1)
        self._fill(part, colour)

    def rectangle(
        self, x1: float, y1: float, x2: float, y2: float, colour: Colour | None = None
    ) -> None:
        """Fill an upright rectangle."""
        self.polygon(((x1, y1), (x2, y1), (x2, y2), (x1, y2)), colour)

    def ellipse(
        self, x: float, y: float, radius_x: float, radius_y: float, colour: Colour | None = None
    ) -> None:
        """Fill an upright ellipse around (x, y)."""
        part = np.zeros_like(self.mask)
        height, width = self.mask.shape
        centre = (round(x * (width - 1)), round(y * (height - 1)))
        axes = (max(1, round(radius_x * width)), max(1, round(radius_y * height)))
        cv2.ellipse(part, centre, axes, 0, 0, 360, 1, -1)
        self._fill(part, colour)

    def line(
        self,
        start: tuple[float, float],
        end: tuple[float, float],
        width: float,
        colour: Colour | None = None,
    ) -> None:
        """Draw a line; ``width`` is a share of the canvas height."""
        part = np.zeros_like(self.mask)
        first, second = self._pixels((start, end))
        thickness = max(1, round(width * self.mask.shape[0]))
        cv2.line(part, first.tolist(), second.tolist(), 1, thickness)
        self._fill(part, colour)

    def _pixels(self, points: Sequence[tuple[float, float]]) -> NDArray[np.int32]:
        height, width = self.mask.shape
        return np.rint(np.array(points) * (width - 1, height - 1)).astype(np.int32)

    def _fill(self, part: NDArray[np.uint8], colour: Colour | None) -> None:
        inside = part.astype(bool)
        self.mask |= part
        self.rgb[inside] = self.paint.colour if colour is None else colour
        if colour is None and self.paint.attribute in PATTERNS:
            self.rgb[inside & self._pattern()] = self.paint.second

    def _pattern(self) -> NDArray[np.bool_]:
        height, width = self.mask.shape
        period = max(height, width) / 7
        y, x = np.ogrid[:height, :width]
        if self.paint.attribute == 'striped':
            stripes: NDArray[np.bool_] = np.broadcast_to(
                (x + 0 * y) % period < period / 2, (height, width)
            )
            return stripes
        return (x % period - period / 2) ** 2 + (y % period - period / 2) ** 2 < (
            period * 0.32
        ) ** 2


def _wheels(canvas: Canvas, centres: Sequence[float], radius: float, aspect: float) -> None:
    for x in centres:
        canvas.ellipse(x, 1 - radius, radius / aspect, radius, _TYRE)
        canvas.ellipse(x, 1 - radius, radius / aspect / 2, radius / 2, _METAL)


def _rear_details(canvas: Canvas, lamp_y: float, plate_y: float) -> None:
    for x in (0.12, 0.88):
        canvas.ellipse(x, lamp_y, 0.07, 0.05, (190, 40, 30))
    canvas.rectangle(0.36, plate_y, 0.64, plate_y + 0.08, (225, 225, 205))
    for x1, x2 in ((0.06, 0.24), (0.76, 0.94)):
        canvas.rectangle(x1, 0.86, x2, 1.0, _TYRE)


def draw_car(canvas: Canvas, aspect: float, rng: np.random.Generator) -> None:
    """A car from the side, or from behind where the box is narrow."""
    if aspect < 1.6:
        canvas.polygon(((0.18, 0.0), (0.82, 0.0), (0.94, 0.4), (0.06, 0.4)))
        canvas.rectangle(0.02, 0.38, 0.98, 0.9)
        canvas.polygon(((0.24, 0.07), (0.76, 0.07), (0.84, 0.36), (0.16, 0.36)), _GLASS)
        _rear_details(canvas, 0.55, 0.66)
        return
    canvas.polygon(((0.2, 0.45), (0.32, 0.0), (0.7, 0.0), (0.86, 0.45)))
    canvas.polygon(((0.0, 0.5), (0.15, 0.42), (0.88, 0.42), (1.0, 0.55), (1.0, 0.84), (0.0, 0.84)))
    canvas.polygon(((0.26, 0.42), (0.35, 0.08), (0.5, 0.08), (0.5, 0.42)), _GLASS)
    canvas.polygon(((0.54, 0.42), (0.54, 0.08), (0.67, 0.08), (0.79, 0.42)), _GLASS)
    _wheels(canvas, (0.2, 0.79), 0.2, aspect)


def draw_truck(canvas: Canvas, aspect: float, rng: np.random.Generator) -> None:
    """A truck: a large box behind a lower cab; from behind two doors."""
    if aspect < 1.2:
        canvas.rectangle(0.0, 0.0, 1.0, 0.8)
        canvas.rectangle(0.485, 0.03, 0.515, 0.78, _TYRE)
        canvas.rectangle(0.05, 0.8, 0.95, 0.88, _METAL)
        _rear_details(canvas, 0.84, 0.8)
        return
    canvas.rectangle(0.0, 0.0, 0.7, 0.78)
    canvas.polygon(((0.72, 0.25), (0.92, 0.25), (1.0, 0.55), (1.0, 0.82), (0.72, 0.82)), _METAL)
    canvas.polygon(((0.8, 0.31), (0.91, 0.31), (0.97, 0.54), (0.8, 0.54)), _GLASS)
    canvas.rectangle(0.0, 0.78, 1.0, 0.86, (60, 60, 62))
    _wheels(canvas, (0.12, 0.3, 0.85), 0.13, aspect)


def draw_bus(canvas: Canvas, aspect: float, rng: np.random.Generator) -> None:
    """A bus: a row of windows along its side; from behind one broad window on top."""
    canvas.rectangle(0.0, 0.0, 1.0, 0.88)
    if aspect < 1.2:
        canvas.rectangle(0.08, 0.08, 0.92, 0.4, _GLASS)
        _rear_details(canvas, 0.7, 0.74)
        return
    for x in np.linspace(0.04, 0.76, 6):
        canvas.rectangle(x, 0.14, x + 0.1, 0.5, _GLASS)
    canvas.rectangle(0.89, 0.12, 0.985, 0.84, _GLASS)
    _wheels(canvas, (0.2, 0.76), 0.14, aspect)


def draw_bicycle(canvas: Canvas, aspect: float, rng: np.random.Generator) -> None:
    """A bicycle from the side; its wheels are grey discs with black tyres."""
    radius = 0.33
    for x in (0.22, 0.78):
        canvas.ellipse(x, 1 - radius, radius / aspect, radius, _TYRE)
        canvas.ellipse(x, 1 - radius, radius / aspect * 0.76, radius * 0.76, (165, 168, 170))
    joints = {
        'rear': (0.22, 0.67),
        'pedal': (0.47, 0.7),
        'seat': (0.4, 0.25),
        'head': (0.68, 0.22),
    }
    pairs = (
        ('rear', 'pedal'),
        ('rear', 'seat'),
        ('seat', 'pedal'),
        ('seat', 'head'),
        ('pedal', 'head'),
    )
    for first, second in pairs:
        canvas.line(joints[first], joints[second], 0.09)
    canvas.line(joints['head'], (0.78, 0.67), 0.09)
    canvas.rectangle(0.31, 0.14, 0.48, 0.23, _TYRE)
    canvas.polygon(((0.6, 0.04), (0.76, 0.0), (0.78, 0.1), (0.64, 0.2)), _TYRE)


def draw_person(canvas: Canvas, aspect: float, rng: np.random.Generator) -> None:
    """A person; the colour is that of the clothes' upper part."""
    trousers = ((50, 55, 75), (85, 80, 75), (30, 30, 35))[rng.integers(3)]
    stride = rng.uniform(0.02, 0.22)
    for sign in (-1, 1):
        foot = 0.5 + sign * stride
        canvas.polygon(
            ((0.36, 0.5), (0.64, 0.5), (foot + 0.13, 1.0), (foot - 0.13, 1.0)), trousers
        )
    canvas.polygon(((0.22, 0.2), (0.78, 0.2), (0.7, 0.56), (0.3, 0.56)))
    for side, elbow in ((0.24, 0.04), (0.76, 0.96)):
        canvas.line((side, 0.23), (elbow, 0.5), 0.07)
    canvas.ellipse(0.5, 0.09, 0.19, 0.09, _SKIN[rng.integers(len(_SKIN))])
    canvas.ellipse(0.5, 0.045, 0.19, 0.045, (60, 45, 30))


def draw_traffic_light(canvas: Canvas, aspect: float, rng: np.random.Generator) -> None:
    """A traffic light on its pole; the paint is the lit lamp, and its place follows the colour."""
    canvas.rectangle(0.38, 0.5, 0.62, 1.0, _METAL)
    canvas.rectangle(0.0, 0.0, 1.0, 0.55, (35, 38, 40))
    for attribute, y in (('red', 0.1), ('yellow', 0.275), ('green', 0.45)):
        lit = attribute == canvas.paint.attribute
        canvas.ellipse(0.5, y, 0.36, 0.075, None if lit else (62, 62, 62))


def draw_sign(canvas: Canvas, aspect: float, rng: np.random.Generator) -> None:
    """A traffic sign on a pole: round, triangular, square or eight-sided, with a rim and a bar."""
    canvas.rectangle(0.44, 0.4, 0.56, 1.0, _METAL)
    sides = (3, 4, 8, 24)[rng.integers(4)]
    turn = {3: -np.pi / 2, 4: np.pi / 4, 8: np.pi / 8, 24: 0.0}[sides]
    angles = turn + 2 * np.pi * np.arange(sides) / sides
    for scale, colour in ((1.0, (228, 228, 228)), (0.84, None)):
        outline = [
            (0.5 + 0.5 * scale * float(np.cos(a)), 0.29 + 0.29 * scale * float(np.sin(a)))
            for a in angles
        ]
        canvas.polygon(outline, colour)
    bar = (25, 25, 25) if np.mean(canvas.paint.colour) > 140 else (240, 240, 240)
    canvas.rectangle(0.3, 0.26, 0.7, 0.32, bar)


def draw_cone(canvas: Canvas, aspect: float, rng: np.random.Generator) -> None:
    """A traffic cone with one bright band and a flat foot."""
    canvas.polygon(((0.42, 0.0), (0.58, 0.0), (0.86, 0.9), (0.14, 0.9)))
    canvas.polygon(((0.34, 0.34), (0.66, 0.34), (0.73, 0.54), (0.27, 0.54)), (240, 240, 240))
    canvas.rectangle(0.0, 0.88, 1.0, 1.0)


def draw_tree(canvas: Canvas, aspect: float, rng: np.random.Generator) -> None:
    """A tree: a brown trunk under a crown of overlapping round tufts."""
    canvas.rectangle(0.43, 0.5, 0.57, 1.0, (88, 62, 40))
    canvas.ellipse(0.5, 0.35, 0.34, 0.3)
    for _ in range(7):
        x, y = rng.uniform(0.24, 0.76), rng.uniform(0.16, 0.52)
        canvas.ellipse(x, y, rng.uniform(0.16, 0.24), rng.uniform(0.11, 0.16))


def draw_dog(canvas: Canvas, aspect: float, rng: np.random.Generator) -> None:
    """A dog from the side."""
    for x in (0.2, 0.3, 0.58, 0.68):
        canvas.rectangle(x, 0.55, x + 0.08, 1.0)
    canvas.ellipse(0.46, 0.48, 0.32, 0.2)
    canvas.line((0.16, 0.42), (0.03, 0.12), 0.12)
    canvas.ellipse(0.8, 0.26, 0.15, 0.2)
    canvas.polygon(((0.84, 0.2), (1.0, 0.3), (0.98, 0.42), (0.84, 0.42)))
    canvas.polygon(((0.68, 0.0), (0.78, 0.08), (0.7, 0.3)), (70, 50, 38))
    canvas.ellipse(0.97, 0.31, 0.03, 0.05, _TYRE)


DRAW: dict[str, Callable[[Canvas, float, np.random.Generator], None]] = {
    'car': draw_car,
    'truck': draw_truck,
    'bus': draw_bus,
    'bicycle': draw_bicycle,
    'person': draw_person,
    'traffic light': draw_traffic_light,
    'sign': draw_sign,
    'cone': draw_cone,
    'tree': draw_tree,
    'dog': draw_dog,
}
