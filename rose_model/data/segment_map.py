"""From a map of segment ids to the index map and the regions of a sample."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from rose_model.data.sample import VOID, LabelledRegion, Sample

_NARROW = 1 << 18
"""Ids below it are counted in a table, which is much faster; larger ones are sorted."""

LEAST_PART = 1 / 3456
"""Smaller connected parts of a thing class [share of the image] are void: 50 pixels of 480 x 360,
two thirds of a patch of nano.
"""


@dataclass(frozen=True, eq=False)
class Labelling:
    """``index_map`` and ``regions`` as in ``Sample``; ``index_of``: the region of each segment id;
    ``lost``: the names of the segments that are no region of it.
    """

    index_map: NDArray[np.uint8]
    regions: tuple[LabelledRegion, ...]
    index_of: Mapping[int, int]
    lost: tuple[str, ...]

    def sample(self, image: NDArray[np.uint8]) -> Sample:
        """The image with this labelling."""
        return Sample(image, self.index_map, self.regions, lost=self.lost)


def label_segments(
    segments: NDArray[np.integer], kinds: Mapping[int, LabelledRegion]
) -> Labelling:
    """One region for each thing and for each kind of stuff.

    ``segments``: ids from 0 on, ``[H, W]``; ids that ``kinds`` lacks are void.  ``kinds``: what
    each segment of the image is, in the order that the regions shall have.  Lost are segments
    without a pixel, and the smallest where there are more than an index map can tell apart.
    """
    areas = pixel_counts(segments)
    groups: dict[object, list[int]] = {}
    for number, kind in kinds.items():
        groups.setdefault(number if kind.is_thing else kind, []).append(number)
    members = {key: [n for n in numbers if n in areas] for key, numbers in groups.items()}
    seen = [key for key, numbers in members.items() if numbers]
    if len(seen) > VOID:
        size = {key: sum(areas[number] for number in members[key]) for key in seen}
        largest = set(sorted(seen, key=lambda key: -size[key])[:VOID])
        seen = [key for key in seen if key in largest]
    index_of = {number: index for index, key in enumerate(seen) for number in members[key]}
    table = np.full(max(areas) + 1, VOID, np.uint8)
    for number, index in index_of.items():
        table[number] = index
    return Labelling(
        index_map=table[segments],
        regions=tuple(kinds[members[key][0]] for key in seen),
        index_of=index_of,
        lost=tuple(kind.name for number, kind in kinds.items() if number not in index_of),
    )


def pixel_counts(segments: NDArray[np.integer]) -> dict[int, int]:
    """The number of pixels of each id from 0 on, by id."""
    if segments.max() < _NARROW:
        counts = np.bincount(segments.ravel())
        ids = np.flatnonzero(counts)
        return dict(zip(ids.tolist(), counts[ids].tolist(), strict=True))
    ids, counts = np.unique(segments, return_counts=True)
    return dict(zip(ids.tolist(), counts.tolist(), strict=True))


def split_things(
    classes: NDArray[np.integer], kinds: Mapping[int, LabelledRegion]
) -> tuple[NDArray[np.int32], dict[int, LabelledRegion]]:
    """Segments of a map of classes without instance ids: the connected parts of a thing class,
    over corners, too, stand for its things.

    Two cars that touch are one then, and one car behind a pole is two.  Parts below ``LEAST_PART``
    are void, and so are the classes that ``kinds`` lacks.  Returns the segments, int32 ``[H, W]``,
    and what each of them is.
    """
    segments = np.zeros(classes.shape, np.int32)
    found: dict[int, LabelledRegion] = {}
    for number in pixel_counts(classes):
        kind = kinds.get(number)
        if kind is None:
            continue
        mask = classes == number
        for part in _parts(mask) if kind.is_thing else [mask]:
            found[len(found) + 1] = kind
            segments[part] = len(found)
    return segments, found


def _parts(mask: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
    count, parts, statistics, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    areas = statistics[:, cv2.CC_STAT_AREA]
    return [parts == n for n in range(1, count) if areas[n] >= LEAST_PART * mask.size]
