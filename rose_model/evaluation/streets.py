"""The procedural test scenes: which they are, what they hold, and all figures on them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from rose_model.data.sample import Sample
from rose_model.data.street_backdrop import STUFF
from rose_model.data.streets import ALL_PAIRS, SEEN_PAIRS, TRAINING_SIZE, Pairs, render_scene
from rose_model.evaluation.absence import AbsentDescriptions
from rose_model.evaluation.area_direction import AreaDirection
from rose_model.evaluation.asked_deletions import AskedDeletions
from rose_model.evaluation.clicked_faults import ClickedFaults
from rose_model.evaluation.clicked_things import ClickedThings
from rose_model.evaluation.counting import Counting
from rose_model.evaluation.figures import Figures
from rose_model.evaluation.found import FoundRegions
from rose_model.evaluation.frames import LARGE_PATCHES, Evaluable, FirstFrames, Part, measure
from rose_model.evaluation.instance import InstanceAp
from rose_model.evaluation.labels import CorrectedLabels, StatedLabels
from rose_model.evaluation.naming import Naming, NearestNaming
from rose_model.evaluation.paraphrases import Paraphrases
from rose_model.evaluation.refer import Referring
from rose_model.evaluation.refine import MaskRefinement
from rose_model.evaluation.semantic import StuffIou
from rose_model.evaluation.sentence_tables import GrammarTables
from rose_model.evaluation.triggers import TriggeredRefinement

TEST_SIZE = (480, 640)
THINGS = (2, 8)
CROWDED_THINGS = (9, 14)
"""More things than a scene of training ever has."""


@dataclass(frozen=True)
class Split:
    """Scenes from number ``first`` on, at ``size`` (H, W), their attributes out of ``pairs``."""

    first: int
    size: tuple[int, int]
    pairs: Pairs

    def render(self, number: int, things: tuple[int, int]) -> Sample:
        """Scene ``number`` with so many things, at least and at most."""
        return render_scene(number, self.size, things=things, pairs=self.pairs)


SPLITS = {
    'test': Split(1_000_000, TEST_SIZE, ALL_PAIRS),
    'validation': Split(2_000_000, TEST_SIZE, ALL_PAIRS),
    # as training sees them: what was learned by heart must come back here
    'train': Split(20_000_000, TRAINING_SIZE, SEEN_PAIRS),
}

COUNTED_SCENES = 200
NEAREST_SCENES = 100
REFINED_SCENES = 200
TRIGGERED_SCENES = 150
STATED_SCENES = 150
CORRECTED_SCENES = 300
CLICKED_SCENES = 130
FAULTY_SCENES = 110
RESIZED_SCENES = 120
ABSENT_SCENES = 100
PARAPHRASED_SCENES = 100
"""How many of the first scenes the parts look at that ask the model several times a scene."""


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
    segmenter: Evaluable,
    scenes: Iterable[int],
    things: tuple[int, int] = THINGS,
    split: Split = SPLITS['test'],
) -> tuple[Figures, SceneStatistics]:
    """All figures on the scenes of those numbers, and what the scenes hold.

    ``things``: how many there are in a scene, at least and at most.  ``split`` draws them.
    """
    statistics = SceneStatistics()
    least = LARGE_PATCHES / segmenter.config.vision.grid_size**2

    def samples() -> Iterator[tuple[int, Sample]]:
        for number in scenes:
            sample = split.render(number, things)
            statistics.add(sample, least * sample.index_map.size)
            yield number, sample

    return measure(segmenter, samples(), street_parts(segmenter)), statistics


def street_parts(segmenter: Evaluable) -> list[Part]:
    """Every part of the evaluation, for names of streets."""
    seen, every = names_of(SEEN_PAIRS), names_of(ALL_PAIRS)
    return [
        InstanceAp(),
        FoundRegions(),
        StuffIou(STUFF),
        Naming((*every, *STUFF)),
        FirstFrames(NearestNaming(segmenter, (*every, *STUFF)), NEAREST_SCENES),
        Referring(segmenter),
        FirstFrames(MaskRefinement(segmenter), REFINED_SCENES),
        FirstFrames(TriggeredRefinement(segmenter), TRIGGERED_SCENES),
        FirstFrames(StatedLabels(segmenter, seen), STATED_SCENES),
        FirstFrames(CorrectedLabels(segmenter, seen), CORRECTED_SCENES),
        FirstFrames(Counting(segmenter), COUNTED_SCENES),
        *_correction_parts(segmenter),
    ]


def _correction_parts(segmenter: Evaluable) -> list[Part]:
    """Clicks, deletions, larger and smaller, and what is not there."""
    return [
        FirstFrames(ClickedThings(segmenter), CLICKED_SCENES),
        FirstFrames(ClickedFaults(segmenter), FAULTY_SCENES),
        GrammarTables(),
        AskedDeletions(segmenter),
        FirstFrames(AreaDirection(segmenter), RESIZED_SCENES),
        FirstFrames(AbsentDescriptions(segmenter, names_of(ALL_PAIRS)), ABSENT_SCENES),
        FirstFrames(Paraphrases(segmenter), PARAPHRASED_SCENES),
    ]


def names_of(pairs: Pairs) -> tuple[str, ...]:
    """The full names of the things that those pairs allow."""
    return tuple(f'{word} {noun}' for noun, words in pairs.items() for word in words)


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
