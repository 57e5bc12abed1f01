"""The ground and the background of a procedural street: sky, buildings, grass, pavement, road with
lanes.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

STUFF = ('sky', 'building', 'grass', 'pavement', 'road')


@dataclass(frozen=True)
class View:
    """The camera's view of the street, in shares of the image's width and height.

    ``horizon`` and ``vanishing_x``: where the road ends.  ``road_left``, ``road_right``: its edges
    on the lower image border.  ``pavement``: width of the pavement there.
    """

    horizon: float
    vanishing_x: float
    road_left: float
    road_right: float
    pavement: float

    @staticmethod
    def sample(rng: np.random.Generator) -> View:
        """A view in front of a car."""
        centre, half = rng.uniform(0.3, 0.7), rng.uniform(0.3, 0.6)
        return View(
            horizon=rng.uniform(0.3, 0.5),
            vanishing_x=rng.uniform(0.35, 0.65),
            road_left=centre - half,
            road_right=centre + half,
            pavement=rng.uniform(0.12, 0.35),
        )

    def ground_x(self, lateral: float, depth: float) -> float:
        """Image x of a ground point: ``lateral`` is its x on the lower border, ``depth`` 1 there
        and 0 far away.
        """
        return self.vanishing_x + (lateral - self.vanishing_x) * depth


def draw_backdrop(
    view: View, size: tuple[int, int], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Image float32 RGB ``[H, W, 3]`` in 0..255 and label map uint8 ``[H, W]`` of indices into
    ``STUFF``.
    """
    height, width = size
    image = np.zeros((height, width, 3), np.float32)
    labels = np.zeros((height, width), np.uint8)
    _draw_sky(image, view, rng)
    _draw_buildings(image, labels, view, rng)
    horizon = round(view.horizon * height)
    _paint_ground(image, labels, view, rng, horizon)
    _draw_lanes(image, view, rng)
    if rng.random() < 0.35:
        _cast_shadow(image, horizon, rng)
    return image, labels


def _draw_sky(image: NDArray[np.float32], view: View, rng: np.random.Generator) -> None:
    top = np.array(((90, 150, 225), (165, 180, 195), (225, 170, 130))[rng.integers(3)], np.float32)
    top += rng.normal(0, 10, 3).astype(np.float32)
    fade = np.linspace(0, 1, image.shape[0], dtype=np.float32)[:, None, None]
    image[:] = top + (235 - top) * fade * 0.8


def _draw_buildings(
    image: NDArray[np.float32],
    labels: NDArray[np.uint8],
    view: View,
    rng: np.random.Generator,
) -> None:
    height, width = labels.shape
    base = round(view.horizon * height) + 1
    x = -rng.uniform(0, 0.15)
    while x < 1:
        step = rng.uniform(0.1, 0.3)
        if rng.random() < 0.85:
            top = round(max(0.0, view.horizon - rng.uniform(0.1, 0.38)) * height)
            left, right = max(0, round(x * width)), min(width, round((x + step) * width))
            wall = np.array(((150, 120, 105), (165, 160, 150), (120, 85, 75), (195, 185, 165)))
            colour = wall[rng.integers(4)] + rng.normal(0, 12, 3)
            image[top:base, left:right] = colour
            labels[top:base, left:right] = STUFF.index('building')
            _draw_windows(image[top:base, left:right], rng)
        x += step


def _draw_windows(wall: NDArray[np.float32], rng: np.random.Generator) -> None:
    height, width = wall.shape[:2]
    columns, rows = int(rng.integers(2, 5)), int(rng.integers(2, 5))
    shade = np.array((75, 90, 105), np.float32) * rng.uniform(0.6, 1.5)
    for row in range(rows):
        for column in range(columns):
            y, x = int((row + 0.3) * height / rows), int((column + 0.3) * width / columns)
            wall[
                y : y + max(1, int(height / rows * 0.45)),
                x : x + max(1, int(width / columns * 0.45)),
            ] = shade


def _paint_ground(
    image: NDArray[np.float32],
    labels: NDArray[np.uint8],
    view: View,
    rng: np.random.Generator,
    horizon: int,
) -> None:
    height, width = labels.shape
    image[horizon:] = np.array((85, 130, 60)) + rng.normal(0, 14, 3)
    labels[horizon:] = STUFF.index('grass')
    texture = rng.normal(0, 13, (max(1, (height - horizon) // 3), width // 3)).astype(np.float32)
    image[horizon:] += cv2.resize(texture, (width, height - horizon))[..., None]
    pavement = np.array((172, 165, 158)) + rng.normal(0, 12, 3)
    asphalt = np.full(3, rng.uniform(70, 115)) + rng.normal(0, 4, 3)
    edge = view.pavement
    for name, colour, left, right in (
        ('pavement', pavement, view.road_left - edge, view.road_right + edge),
        ('road', asphalt, view.road_left, view.road_right),
    ):
        corners = np.array(
            (
                (view.vanishing_x * width, horizon),
                (left * width, height),
                (right * width, height),
            )
        )
        area = np.zeros((height, width), np.uint8)
        cv2.fillPoly(area, [np.rint(corners).astype(np.int32)], 1)
        image[area == 1] = colour
        labels[area == 1] = STUFF.index(name)


def _draw_lanes(image: NDArray[np.float32], view: View, rng: np.random.Generator) -> None:
    height, width = image.shape[:2]
    span = 1 - view.horizon
    phase = rng.uniform(0, 1)
    for share in ((0.5,), (0.33, 0.67))[rng.integers(2)]:
        lateral = view.road_left + share * (view.road_right - view.road_left)
        for dash in range(6):
            # equal lengths on the ground shrink with the depth in the image
            near, far = 0.62 ** (dash + phase), 0.62 ** (dash + phase + 0.45)
            corners = [
                (
                    view.ground_x(lateral + side, depth) * width,
                    (view.horizon + depth * span) * height,
                )
                for depth, side in ((near, -0.008), (near, 0.008), (far, 0.008), (far, -0.008))
            ]
            cv2.fillPoly(image, [np.rint(corners).astype(np.int32)], (225, 225, 220))


def _cast_shadow(image: NDArray[np.float32], horizon: int, rng: np.random.Generator) -> None:
    height, width = image.shape[:2]
    shadow = np.zeros((height, width), np.uint8)
    x = rng.uniform(-0.2, 1.0)
    corners = np.array(((x, 0.0), (x + 0.3, 0.0), (x + rng.uniform(0, 0.7), 1.0), (x - 0.2, 1.0)))
    pixels = corners * (width, height - horizon) + (0, horizon)
    cv2.fillPoly(shadow, [np.rint(pixels).astype(np.int32)], 1)
    image[shadow == 1] *= rng.uniform(0.55, 0.8)
