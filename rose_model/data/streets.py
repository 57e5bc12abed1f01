"""Procedural street scenes: seeded images with visible-part masks and names, as many as anybody
wants.

Everything of a scene follows from its seed: layout, things, attributes, texture and camera.  A
scene can be played:
``time_s`` moves its things along the street, so that consecutive frames belong together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

from rose_model.data.sample import VOID, LabelledRegion, Sample
from rose_model.data.street_backdrop import STUFF, View, draw_backdrop
from rose_model.data.street_shapes import COLOURS, DRAW, PATTERNS, Canvas, Paint

TRAINING_SIZE = (192, 256)
"""Scenes of training, in pixels: little more than a small model sees of them."""

MIN_VISIBLE_SHARE = 1 / 2304
"""A thing counts from this share of the image on: 12 px at 144 x 192.  Smaller ones are void."""

MAX_OVERLAP = 0.6
"""Two things may share this part of the smaller one's box."""
PLACING_TRIES = 10

_VEHICLE = ('red', 'orange', 'yellow', 'green', 'blue', 'purple', 'white', 'black', *PATTERNS)


@dataclass(frozen=True)
class ThingKind:
    """A noun with its attributes and sizes; ``height_m`` and ``aspects`` (width / height) are
    ranges to draw from.
    """

    attributes: tuple[str, ...]
    height_m: tuple[float, float]
    aspects: tuple[tuple[float, float], ...]
    place: str
    speed: float


THINGS: dict[str, ThingKind] = {
    'car': ThingKind(_VEHICLE, (1.4, 1.7), ((2.1, 2.6), (1.1, 1.35)), 'road', 0.08),
    'truck': ThingKind(_VEHICLE, (2.6, 3.2), ((1.9, 2.4), (0.75, 0.95)), 'road', 0.05),
    'bus': ThingKind(_VEHICLE, (2.6, 3.1), ((2.4, 3.0), (0.75, 0.95)), 'road', 0.05),
    'bicycle': ThingKind(
        ('red', 'orange', 'yellow', 'green', 'blue', 'purple', 'white'),
        (1.1, 1.4),
        ((1.4, 1.7),),
        'any',
        0.05,
    ),
    'person': ThingKind(
        ('red', 'orange', 'yellow', 'green', 'blue', 'purple', 'white', 'black', *PATTERNS),
        (1.7, 2.1),
        ((0.38, 0.5),),
        'any',
        0.03,
    ),
    'traffic light': ThingKind(
        ('red', 'yellow', 'green'), (2.2, 2.9), ((0.2, 0.26),), 'side', 0.0
    ),
    'sign': ThingKind(('red', 'yellow', 'blue', 'green'), (1.9, 2.4), ((0.5, 0.6),), 'side', 0.0),
    'cone': ThingKind(
        ('red', 'orange', 'yellow', 'striped'), (0.8, 1.1), ((0.65, 0.85),), 'any', 0.0
    ),
    'tree': ThingKind(
        ('green', 'yellow', 'orange', 'red'), (2.8, 3.8), ((0.6, 0.85),), 'side', 0.0
    ),
    'dog': ThingKind(
        ('black', 'white', 'brown', 'orange'), (0.8, 1.1), ((1.3, 1.6),), 'any', 0.03
    ),
}

HELD_OUT = frozenset(
    {
        ('red', 'car'),
        ('blue', 'car'),
        ('striped', 'car'),
        ('yellow', 'truck'),
        ('white', 'truck'),
        ('black', 'truck'),
        ('green', 'bus'),
        ('purple', 'bus'),
        ('orange', 'bus'),
        ('yellow', 'bicycle'),
        ('blue', 'bicycle'),
        ('green', 'person'),
        ('white', 'person'),
    }
)
"""Pairs of attribute and noun that occur in no picture and in no text of training: a fifth of all.

Each attribute and each noun is seen in at least four other pairs.
"""

Pairs = Mapping[str, tuple[str, ...]]
"""Which attributes the things of a noun may have."""

ALL_PAIRS: Pairs = MappingProxyType({noun: kind.attributes for noun, kind in THINGS.items()})
SEEN_PAIRS: Pairs = MappingProxyType(
    {
        noun: tuple(word for word in attributes if (word, noun) not in HELD_OUT)
        for noun, attributes in ALL_PAIRS.items()
    }
)

REPEATING_SCENES = 0.5
REPEATED_THINGS = 0.6
"""In half of the scenes this share of the things is of one noun, so that a noun alone names none
of them.
"""


@dataclass(frozen=True)
class Placed:
    """A thing on the ground: ``lateral`` as in ``View.ground_x``, ``depth`` in (0, 1.1], nearest
    at 1.
    """

    noun: str
    attribute: str
    lateral: float
    depth: float
    height_m: float
    aspect: float
    speed: float
    seed: int

    def box(self, view: View, size: tuple[int, int], time_s: float) -> tuple[int, int, int, int]:
        """x, y, width, height in pixels; may reach out of the image."""
        height, width = size
        x = view.ground_x(self.lateral + self.speed * time_s, self.depth) * width
        base = (view.horizon + self.depth * (1 - view.horizon)) * height
        tall = max(3, round(self.height_m / 1.75 * self.depth * (1 - view.horizon) * height))
        wide = max(3, round(tall * self.aspect))
        return round(x - wide / 2), round(base - tall), wide, tall


def render_scene(
    seed: int,
    size: tuple[int, int] = (288, 384),
    *,
    things: tuple[int, int] = (2, 8),
    pairs: Pairs = ALL_PAIRS,
    time_s: float = 0.0,
) -> Sample:
    """The scene of that seed at ``size = (H, W)`` pixels, with between ``things[0]`` and
    ``things[1]`` things, their attributes out of ``pairs``.

    Raises:
        ValueError: the image is smaller than 24 x 24 pixels.
    """
    if min(size) < 24:
        raise ValueError(f'A street needs at least 24 x 24 pixels, got {size[0]} x {size[1]}.')
    layout = np.random.default_rng((seed, 0))
    view = View.sample(layout)
    count = int(layout.integers(things[0], things[1] + 1))
    placed = _place_things(view, size, count, pairs, layout)
    image, stuff = draw_backdrop(view, size, np.random.default_rng((seed, 1)))
    index_map = np.full(size, VOID, np.uint8)
    full_areas = []
    for index, thing in enumerate(placed):
        full_areas.append(_draw_thing(image, index_map, index, thing, view, time_s))
    noise = np.random.default_rng((seed, 2, round(time_s * 1000)))
    return _annotate(_develop(image, noise, layout), index_map, stuff, placed, full_areas)


def _place_things(
    view: View, size: tuple[int, int], count: int, pairs: Pairs, rng: np.random.Generator
) -> list[Placed]:
    """Things from far to near; one that would hide most of another, or be hidden by it, is placed
    anew.
    """
    placed: list[Placed] = []
    nouns = list(THINGS)
    repeated = nouns[rng.integers(len(nouns))]
    share = REPEATED_THINGS if rng.random() < REPEATING_SCENES else 0.0
    for _ in range(count):
        noun = repeated if rng.random() < share else nouns[rng.integers(len(nouns))]
        for _ in range(PLACING_TRIES):
            candidate = _sample_thing(noun, pairs[noun], view, rng)
            box = candidate.box(view, size, 0.0)
            if _visible_share(box, size) > 0.5 and all(
                _overlap(box, other.box(view, size, 0.0)) < MAX_OVERLAP for other in placed
            ):
                placed.append(candidate)
                break
    return sorted(placed, key=lambda thing: thing.depth)


def _sample_thing(
    noun: str, attributes: tuple[str, ...], view: View, rng: np.random.Generator
) -> Placed:
    kind = THINGS[noun]
    aspect = kind.aspects[rng.integers(len(kind.aspects))]
    road, edge = (view.road_left, view.road_right), view.pavement
    side = (
        (road[0] - edge * 1.6, road[0] - 0.02),
        (road[1] + 0.02, road[1] + edge * 1.6),
    )[rng.integers(2)]
    spans = {'road': road, 'side': side, 'any': (road[0] - edge, road[1] + edge)}
    direction = 1.0 if rng.random() < 0.5 else -1.0
    small, tall = kind.height_m[1] < 1.5, kind.height_m[0] > 2.5
    near = 1.0 if small else 0.6 if tall else 0.85
    return Placed(
        noun=noun,
        attribute=attributes[rng.integers(len(attributes))],
        lateral=rng.uniform(*spans[kind.place]),
        depth=rng.uniform(0.3 if small else 0.15, near),
        height_m=rng.uniform(*kind.height_m),
        aspect=rng.uniform(*aspect),
        speed=direction * kind.speed * rng.uniform(0.5, 1.5),
        seed=int(rng.integers(2**31)),
    )


def _visible_share(box: tuple[int, int, int, int], size: tuple[int, int]) -> float:
    x, y, width, height = box
    seen_x = min(x + width, size[1]) - max(x, 0)
    seen_y = min(y + height, size[0]) - max(y, 0)
    return max(0, seen_x) * max(0, seen_y) / (width * height)


def _overlap(first: tuple[int, int, int, int], second: tuple[int, int, int, int]) -> float:
    """Intersection over the smaller of two boxes."""
    x = min(first[0] + first[2], second[0] + second[2]) - max(first[0], second[0])
    y = min(first[1] + first[3], second[1] + second[3]) - max(first[1], second[1])
    smaller = min(first[2] * first[3], second[2] * second[3])
    return max(0, x) * max(0, y) / smaller


def _draw_thing(
    image: NDArray[np.float32],
    index_map: NDArray[np.uint8],
    index: int,
    thing: Placed,
    view: View,
    time_s: float,
) -> int:
    """Paint a thing over what is there; the number of its pixels inside the image."""
    size = index_map.shape
    x, y, width, height = thing.box(view, (size[0], size[1]), time_s)
    rng = np.random.default_rng(thing.seed)
    canvas = Canvas(height, width, _paint(thing, rng))
    DRAW[thing.noun](canvas, thing.aspect, rng)
    canvas.rgb *= np.linspace(1.08, 0.85, height, dtype=np.float32)[:, None, None]
    centre, axes = (x + width // 2, y + height), (max(1, int(width * 0.55)), max(1, height // 14))
    shadow = np.zeros(size, np.uint8)
    cv2.ellipse(shadow, centre, axes, 0, 0, 360, 1, -1)
    image[shadow == 1] *= 0.6
    top, left = max(0, y), max(0, x)
    bottom, right = min(size[0], y + height), min(size[1], x + width)
    if top >= bottom or left >= right:
        return 0
    crop = (slice(top - y, bottom - y), slice(left - x, right - x))
    inside = canvas.mask[crop] == 1
    image[top:bottom, left:right][inside] = canvas.rgb[crop][inside]
    index_map[top:bottom, left:right][inside] = index
    return int(inside.sum())


def _paint(thing: Placed, rng: np.random.Generator) -> Paint:
    def shade(name: str) -> tuple[float, float, float]:
        red, green, blue = np.clip(np.array(COLOURS[name]) + rng.normal(0, 9, 3), 0, 255)
        return float(red), float(green), float(blue)

    if thing.attribute not in PATTERNS:
        return Paint(thing.attribute, shade(thing.attribute), shade(thing.attribute))
    first, second = rng.permutation(('red', 'yellow', 'blue', 'green', 'purple'))[0], 'white'
    return Paint(thing.attribute, shade(str(first)), shade(second))


def _develop(
    image: NDArray[np.float32], noise: np.random.Generator, layout: np.random.Generator
) -> NDArray[np.uint8]:
    """Exposure, blur and sensor noise."""
    image = image * layout.uniform(0.75, 1.15) + layout.uniform(-12, 12)
    blur = layout.uniform(0, 1.1)
    if blur > 0.3:
        image = cv2.GaussianBlur(image, (0, 0), blur).astype(np.float32, copy=False)
    sigma = layout.uniform(1, 9)
    image = image + sigma * noise.standard_normal(image.shape, dtype=np.float32)
    return np.clip(image, 0, 255).astype(np.uint8)


def _annotate(
    image: NDArray[np.uint8],
    index_map: NDArray[np.uint8],
    stuff: NDArray[np.uint8],
    placed: list[Placed],
    full_areas: list[int],
) -> Sample:
    """Number the regions that are large enough to count; the rest is void."""
    least = MIN_VISIBLE_SHARE * index_map.size
    seen = np.full(index_map.shape, VOID, np.uint8)
    regions: list[LabelledRegion] = []
    for index, thing in enumerate(placed):
        mask = index_map == index
        area = int(mask.sum())
        if area >= least:
            seen[mask] = len(regions)
            hidden = 1 - area / full_areas[index]
            regions.append(LabelledRegion(thing.noun, thing.attribute, True, hidden))
    for label, noun in enumerate(STUFF):
        mask = (stuff == label) & (index_map == VOID)
        if mask.sum() >= least:
            seen[mask] = len(regions)
            regions.append(LabelledRegion(noun, '', False))
    return Sample(image, seen, tuple(regions))
