"""One pass over the images: each is segmented once, and all parts of the evaluation look at it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rose_model.config import RoseConfig
from rose_model.data.sample import Sample
from rose_model.evaluation.figures import Figures
from rose_model.evaluation.matching import iou_matrix, match_greedily
from rose_model.records import (
    FrameContext,
    PointHint,
    Refinement,
    RefineTarget,
    Segment,
    Segmentation,
)

MATCH_IOU = 0.5
LARGE_PATCHES = 9
"""A thing counts as large where its visible mask covers the area of 3 x 3 patches."""


class Segments(Protocol):
    """What segments images."""

    @property
    def config(self) -> RoseConfig:
        """The model's configuration."""

    def segment(
        self,
        image: NDArray[np.uint8] | FrameContext,
        instruction: str | None = None,
        *,
        candidates: Sequence[str] = (),
    ) -> Segmentation:
        """Segment an image, or a frame seen before; names are generated, or the best of
        ``candidates``.
        """


class Refers(Protocol):
    """What finds the one thing that a description fits."""

    def refer(self, image: NDArray[np.uint8] | FrameContext, description: str) -> Segmentation:
        """One segment, or none."""


class Refines(Protocol):
    """What corrects segmented frames."""

    def refine(
        self,
        segmentation: Segmentation,
        text: str = '',
        *,
        segment_id: str = '',
        target: RefineTarget = RefineTarget.AUTO,
        points: tuple[PointHint, ...] = (),
        label: str = '',
        remove: bool = False,
    ) -> Refinement:
        """Correct a frame by a sentence, by clicks, or by a label, or delete one of its segments.

        Of a deletion ``changed`` is empty.
        """

    def self_refine(self, segmentation: Segmentation) -> Segmentation:
        """Correct a frame without being told what is wrong."""


class Describes(Protocol):
    """What counts in words."""

    def describe(self, image: NDArray[np.uint8] | FrameContext) -> str:
        """The counting sentence."""


class Evaluable(Segments, Refers, Refines, Describes, Protocol):
    """Everything that the evaluation asks of a model, ``RoseSegmenter`` for one."""


@dataclass(frozen=True, eq=False)
class Found:
    """A predicted thing, the index of the region that it found, and their IoU."""

    segment: Segment
    index: int
    iou: float


@dataclass(frozen=True, eq=False)
class Frame:
    """A labelled image with its segmentation.

    ``number`` is the scene's, or the image's place in its split; all that is drawn for the frame
    follows from it.  Things of at least ``least_area`` pixels count as large.
    """

    number: int
    sample: Sample
    segmentation: Segmentation
    least_area: float

    @cached_property
    def areas(self) -> NDArray[np.int64]:
        """Visible pixels of each region, int64 ``[G]``."""
        counts = np.bincount(self.sample.index_map.ravel(), minlength=256)
        return counts[: len(self.sample.regions)].astype(np.int64)

    @property
    def large_things(self) -> list[int]:
        """Indices of the things that count."""
        return [
            index
            for index, region in enumerate(self.sample.regions)
            if region.is_thing and self.areas[index] >= self.least_area
        ]

    def is_large(self, index: int) -> bool:
        """Whether a region has the area of a large thing."""
        return bool(self.areas[index] >= self.least_area)

    def predicted(self, is_thing: bool) -> list[Segment]:
        """The predicted things, or the predicted stuff."""
        return [item for item in self.segmentation.segments if item.is_thing == is_thing]

    @cached_property
    def found_things(self) -> list[Found]:
        """Each thing at most once, by the best objectness that overlaps it by half."""
        return find(self.sample, self.predicted(is_thing=True), is_thing=True)

    def rng(self, part: int) -> np.random.Generator:
        """Draws of one part of the evaluation for this frame, the same in every run."""
        return np.random.default_rng((self.number, part))


def find(sample: Sample, segments: Sequence[Segment], *, is_thing: bool) -> list[Found]:
    """Which regions of a kind the segments find; best objectness first, each region once."""
    kind = np.array([region.is_thing == is_thing for region in sample.regions], bool)
    iou = iou_matrix(segments, sample) * kind
    matched = match_greedily(iou, [item.objectness for item in segments], MATCH_IOU)
    return [
        Found(segment, index, float(iou[row, index]))
        for row, (segment, index) in enumerate(zip(segments, matched.tolist(), strict=True))
        if index >= 0
    ]


class Part(Protocol):
    """One part of the evaluation: sees the frames one by one, then has figures."""

    def add(self, frame: Frame) -> None:
        """Look at the next frame."""

    def figures(self) -> Figures:
        """Figures over all frames seen."""


class FirstFrames:
    """A part that looks at the first frames only, because each costs it many passes."""

    def __init__(self, part: Part, frames: int) -> None:
        self._part = part
        self._left = frames

    def add(self, frame: Frame) -> None:
        """Hand the frame on, as long as there are any left to be looked at."""
        if self._left > 0:
            self._left -= 1
            self._part.add(frame)

    def figures(self) -> Figures:
        """The part's."""
        return self._part.figures()


def measure(
    segmenter: Segments, samples: Iterable[tuple[int, Sample]], parts: Sequence[Part]
) -> Figures:
    """Figures of all parts over numbered samples, each segmented once.

    Nothing of a frame outlives it, save what the parts keep.
    """
    for number, sample in samples:
        least = LARGE_PATCHES * sample.index_map.size / segmenter.config.vision.grid_size**2
        frame = Frame(number, sample, segmenter.segment(sample.image), least)
        for part in parts:
            part.add(frame)
    figures: Figures = {}
    for part in parts:
        figures.update(part.figures())
    return figures
