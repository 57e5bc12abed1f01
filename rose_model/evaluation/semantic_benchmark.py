"""Semantic segmentation (paper, Sec. 4.2, A.1 and A.4): mean IoU by each rule for names, before
refinement, after the model's own, and after the oracle's, which knows the truth.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rose_model.candidates import NameEncoder
from rose_model.evaluation.class_refinement import LabelledImage, oracle_refine_classes
from rose_model.evaluation.figures import Figures, Tally
from rose_model.evaluation.lexicon import open_lexicon
from rose_model.evaluation.rows import (
    CANDIDATES,
    NONE,
    ORACLE,
    RELATED,
    RULES,
    SELF,
    TRIGGERS,
    WORDS,
    SegmentsAndRefines,
    row_suffix,
)
from rose_model.evaluation.semantic import UNMAPPED, UNPREDICTED, ClassOf, Confusion
from rose_model.evaluation.stacking import ClassStack
from rose_model.evaluation.vocabulary import Vocabulary
from rose_model.records import Segmentation

_DRAWS = 7
_ORACLE_RULES = frozenset(RULES) - {RELATED}
"""The oracle asks the model anew for every rule; for this one it does not."""


class SemanticImages(Protocol):
    """Images whose pixels are labelled with classes."""

    @property
    def classes(self) -> Sequence[Sequence[str]]:
        """The names of each class, its own first; the place is the class's number."""

    def __len__(self) -> int:
        """Number of images."""

    def image(self, index: int) -> NDArray[np.uint8]:
        """RGB ``[H, W, 3]``."""

    def labels(self, index: int) -> NDArray[np.integer]:
        """``[H, W]``: the number of a class, or any other number where nothing is labelled."""


class SemanticBenchmark:
    """``miou`` for every trigger and rule (``rows.py``): ``miou_oracle_nearest``; one confusion
    matrix over all images at their original size.

    Class names as candidates are compared before refinement alone, lexical relations (``related``)
    not after the oracle's, where the packages for them are installed.  ``unmapped``: share of the
    labelled pixels whose segment has a name of no class; ``unpredicted``: share of no segment.
    ``semantic_refine_harm_*``: share of the images with a lower mean IoU than before.
    """

    def __init__(
        self, segmenter: SegmentsAndRefines, encoder: NameEncoder | None, vocabulary: Vocabulary
    ) -> None:
        self._segmenter, self._vocabulary = segmenter, vocabulary
        self._non_object = segmenter.config.patch_filter.min_objectness
        self._rules = vocabulary.rules(encoder, open_lexicon())
        self._by_name = {name: number for number, name in enumerate(vocabulary.names)}
        rows = [
            (trigger, rule)
            for rule in self._rules
            for trigger in (TRIGGERS if rule in _ORACLE_RULES else (NONE, SELF))
        ]
        if vocabulary.can_be_candidates(encoder):
            rows.append((NONE, CANDIDATES))
        self._confusion = {row: Confusion(len(vocabulary)) for row in rows}
        self._tally = Tally()

    def add(self, number: int, image: NDArray[np.uint8], labels: NDArray[np.integer]) -> None:
        """Segment one image.  ``number``: what is drawn for it follows from it."""
        truth = labels.astype(np.int64)
        found = self._segmenter.segment(image)
        by_itself = self._segmenter.self_refine(found)
        for rule, class_of in self._rules.items():
            stack = self._stack(found, class_of)
            rng = np.random.default_rng((number, _DRAWS))
            labelled = LabelledImage(found, stack, truth, self._vocabulary.names, class_of)
            stacks = {NONE: stack, SELF: self._stack(by_itself, class_of)}
            if (ORACLE, rule) in self._confusion:
                stacks[ORACLE] = oracle_refine_classes(self._segmenter, labelled, rng)
            painted = {trigger: item.classes() for trigger, item in stacks.items()}
            for trigger, classes in painted.items():
                self._confusion[trigger, rule].add(classes, truth)
            if rule == WORDS:
                self._count(painted, truth)
        if (NONE, CANDIDATES) in self._confusion:
            chosen = self._segmenter.segment(found.context, candidates=self._vocabulary.names)
            stack = self._stack(chosen, self._by_name.__getitem__)
            self._confusion[NONE, CANDIDATES].add(stack.classes(), truth)

    def _stack(self, segmentation: Segmentation, class_of: ClassOf) -> ClassStack:
        return ClassStack.of(
            segmentation.segments, class_of, segmentation.original_size, self._non_object
        )

    def _count(self, painted: dict[str, NDArray[np.int64]], truth: NDArray[np.int64]) -> None:
        labelled = painted[NONE][(truth >= 0) & (truth < len(self._vocabulary))]
        for key, code in (('unmapped', UNMAPPED), ('unpredicted', UNPREDICTED)):
            self._tally.add_ratio(key, int((labelled == code).sum()), labelled.size, 1)
        before = self._image_iou(painted[NONE], truth)
        for trigger in (SELF, ORACLE):
            worse = self._image_iou(painted[trigger], truth) < before
            self._tally.add_items({f'semantic_refine_harm_{trigger}': [worse]})

    def _image_iou(self, predicted: NDArray[np.int64], truth: NDArray[np.int64]) -> float:
        confusion = Confusion(len(self._vocabulary))
        confusion.add(predicted, truth)
        iou = confusion.iou()
        return float(np.nanmean(iou)) if np.isfinite(iou).any() else 0.0

    def figures(self) -> Figures:
        """Figures over all images."""
        named = {
            f'miou{row_suffix(trigger, rule)}': confusion.mean_iou()
            for (trigger, rule), confusion in self._confusion.items()
        }
        return {**named, **self._tally.figures()}

    def class_iou(self) -> dict[str, float]:
        """IoU of each class before refinement by ``words``, NaN for one that never occurs."""
        values = self._confusion[NONE, WORDS].iou().tolist()
        return dict(zip(self._vocabulary.names, values, strict=True))


def evaluate_semantic(
    segmenter: SegmentsAndRefines,
    encoder: NameEncoder | None,
    data: SemanticImages,
    indices: Iterable[int],
) -> tuple[Figures, dict[str, float]]:
    """Figures and IoU by class over images of those numbers."""
    benchmark = SemanticBenchmark(segmenter, encoder, Vocabulary(data.classes))
    for index in indices:
        benchmark.add(index, data.image(index), data.labels(index))
    return benchmark.figures(), benchmark.class_iou()
