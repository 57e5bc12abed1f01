"""Masks and names on unseen procedural streets, at the node's own thresholds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from rose_model.config import RoseConfig
from rose_model.data.sample import LabelledRegion, Sample
from rose_model.data.streets import render_scene
from rose_model.evaluation.matching import iou_matrix, match_greedily
from rose_model.records import Segment, Segmentation

FIRST_TEST_SCENE = 1_000_000
"""Test scenes are numbered from here, validation from 2,000,000, training from 10,000,000."""
TEST_SIZE = (480, 640)
MATCH_IOU = 0.5
LARGE_PATCHES = 9
"""A thing counts as large where its visible mask covers the area of 3 x 3 patches."""
GROUPS = ('things', 'small_things', 'stuff')


@dataclass
class GroupCounts:
    """Counts of one group: labelled regions, predicted segments, and what the found got right."""

    regions: int = 0
    predicted: int = 0
    found: int = 0
    correct_predictions: int = 0
    name_exact: int = 0
    noun_exact: int = 0
    attribute_exact: int = 0
    iou_of_found: float = 0.0

    def figures(self) -> dict[str, float | int]:
        """Shares in [0, 1]; 0 where there is nothing to count."""
        return {
            'regions': self.regions,
            'predicted': self.predicted,
            'recall50': _share(self.found, self.regions),
            'precision50': _share(self.correct_predictions, self.predicted),
            'name_exact': _share(self.name_exact, self.found),
            'noun_exact': _share(self.noun_exact, self.found),
            'attribute_exact': _share(self.attribute_exact, self.found),
            'mean_iou_of_found': _share(self.iou_of_found, self.found),
        }


@dataclass
class SceneStatistics:
    """What the scenes hold, so that figures of different runs can be compared."""

    scenes: int = 0
    things: int = 0
    large_things: int = 0
    occluded_things: int = 0
    nouns: Counter[str] = field(default_factory=Counter)
    attributes: Counter[str] = field(default_factory=Counter)
    areas: list[float] = field(default_factory=list)

    def add(self, sample: Sample, least_large: float) -> None:
        """Count one scene; ``least_large`` is the area of a large thing, in pixels."""
        self.scenes += 1
        for index, region in enumerate(sample.regions):
            self.nouns[region.noun] += 1
            if not region.is_thing:
                continue
            area = float(sample.mask(index).sum())
            self.things += 1
            self.large_things += area >= least_large
            self.occluded_things += region.occlusion > 0.1
            self.attributes[region.attribute] += 1
            self.areas.append(area / sample.index_map.size)

    def figures(self) -> dict[str, object]:
        """Means, shares and counts; areas as shares of the image."""
        quartiles = np.percentile(self.areas, (25, 50, 75)) if self.areas else np.zeros(3)
        return {
            'scenes': self.scenes,
            'things_per_scene': round(_share(self.things, self.scenes), 3),
            'large_things_per_scene': round(_share(self.large_things, self.scenes), 3),
            'occluded_share': round(_share(self.occluded_things, self.things), 3),
            'area_quartiles': [round(float(value), 5) for value in quartiles],
            'nouns': dict(sorted(self.nouns.items())),
            'attributes': dict(sorted(self.attributes.items())),
        }


def evaluate_streets(
    segment: Callable[[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]], Segmentation],
    config: RoseConfig,
    scenes: Iterable[int],
) -> dict[str, object]:
    """Figures by group, and the statistics of the scenes.

    A thing is looked for among predicted things, a stuff region among predicted stuff.
    ``recall50`` is the share of a group's regions found with an IoU of at least 0.5;
    ``precision50`` the share of its predictions that lie so on any region of their kind; names
    are judged on the found.
    """
    groups = {name: GroupCounts() for name in GROUPS}
    statistics = SceneStatistics()
    for number in scenes:
        sample = render_scene(number, TEST_SIZE)
        least_large = LARGE_PATCHES * sample.index_map.size / config.vision.grid_size**2
        statistics.add(sample, least_large)
        predicted = segment(sample.image).segments
        for is_thing in (True, False):
            chosen = [item for item in predicted if item.is_thing == is_thing]
            _count_kind(groups, sample, chosen, is_thing, least_large)
    return {
        **{name: counts.figures() for name, counts in groups.items()},
        'scenes': statistics.figures(),
    }


def _count_kind(
    groups: dict[str, GroupCounts],
    sample: Sample,
    segments: list[Segment],
    is_thing: bool,
    least_large: float,
) -> None:
    def group(area: float) -> GroupCounts:
        if not is_thing:
            return groups['stuff']
        return groups['things' if area >= least_large else 'small_things']

    iou = iou_matrix(segments, sample)
    kind = np.array([region.is_thing == is_thing for region in sample.regions], bool)
    matched = match_greedily(iou * kind, [item.objectness for item in segments], MATCH_IOU)
    for index in np.flatnonzero(kind).tolist():
        group(float(sample.mask(index).sum())).regions += 1
    for row, (item, index) in enumerate(zip(segments, matched.tolist(), strict=True)):
        group(item.area).predicted += 1
        if index < 0:
            continue
        group(item.area).correct_predictions += 1
        _count_found(
            group(float(sample.mask(index).sum())), sample.regions[index], item, iou[row, index]
        )


def _count_found(
    counts: GroupCounts, region: LabelledRegion, segment: Segment, iou: float
) -> None:
    counts.found += 1
    counts.iou_of_found += float(iou)
    counts.name_exact += segment.category == region.name
    counts.noun_exact += segment.category.endswith(region.noun)
    counts.attribute_exact += segment.category.split(' ')[0] == region.name.split(' ')[0]


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
