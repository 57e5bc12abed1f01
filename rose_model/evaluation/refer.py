"""Referring: the one thing that a description fits, among others of its kind."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rose_model.data.street_descriptions import describe_thing, distractors
from rose_model.evaluation.figures import Figures, Tally
from rose_model.evaluation.frames import Frame, Refers

LEAST_DISTRACTORS = 2
KINDS = ('attribute', 'side', 'size')
_DRAWS = 1
_MARKS = {
    ' on the left': 'side',
    ' on the right': 'side',
    'the leftmost ': 'side',
    'the rightmost ': 'side',
    'the largest ': 'size',
    'the smallest ': 'size',
}


def kind_of(description: str) -> str:
    """What a description tells its thing by: ``'side'``, ``'size'``, or its ``'attribute'``."""
    return next((kind for mark, kind in _MARKS.items() if mark in description), 'attribute')


@dataclass(frozen=True)
class _Answer:
    """Pixels of the intersection and of the union of an answer and the truth."""

    kind: str
    shared: int
    union: int
    is_lost: bool

    @property
    def iou(self) -> float:
        return self.shared / self.union


class Referring:
    """``refer_ciou``: intersections over unions, both summed over all descriptions;
    ``refer_giou``: mean IoU; ``refer_p50``: share found with an IoU of at least 0.5;
    ``refer_present_lost``: share for which nothing is found.

    One description for each large thing with at least two others of its noun in the image, where
    one fits it alone.  No answer has an intersection of 0.  The cumulative IoU by kind of
    description is under ``refer_ciou_attribute``, ``refer_ciou_side`` and ``refer_ciou_size``.
    """

    def __init__(self, segmenter: Refers) -> None:
        self._segmenter = segmenter
        self._tally = Tally()

    def add(self, frame: Frame) -> None:
        """Refer to the things of one frame."""
        rng = frame.rng(_DRAWS)
        answers = []
        for index in frame.large_things:
            if distractors(frame.sample, index) < LEAST_DISTRACTORS:
                continue
            description = describe_thing(frame.sample, index, rng)
            if description is not None:
                answers.append(self._ask(frame, index, description))
        self._count('refer_ciou', answers)
        for kind in KINDS:
            self._count(f'refer_ciou_{kind}', [item for item in answers if item.kind == kind])
        self._tally.add_items(
            {
                'refer_giou': (item.iou for item in answers),
                'refer_p50': (item.iou >= 0.5 for item in answers),
                'refer_present_lost': (item.is_lost for item in answers),
            }
        )

    def _ask(self, frame: Frame, index: int, description: str) -> _Answer:
        answer = self._segmenter.refer(frame.segmentation.context, description)
        truth = frame.sample.mask(index)
        predicted = np.zeros_like(truth)
        for segment in answer.segments:
            predicted |= segment.full_mask(answer.original_size)
        shared, union = int((predicted & truth).sum()), int((predicted | truth).sum())
        return _Answer(kind_of(description), shared, union, is_lost=not answer.segments)

    def _count(self, key: str, answers: list[_Answer]) -> None:
        shared, union = sum(item.shared for item in answers), sum(item.union for item in answers)
        self._tally.add_ratio(key, shared, union, len(answers))

    def figures(self) -> Figures:
        """Figures over all descriptions."""
        return self._tally.figures()
