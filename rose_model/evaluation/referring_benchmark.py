"""Referring segmentation on RefCOCO and its kin (paper, Sec. 4.2 and A.1): cumulative and mean IoU
over all sentences of a split, before and after refinement.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rose_model.data.refer import References, ReferringExample
from rose_model.data.sample import box_in_shares
from rose_model.errors import DataError
from rose_model.evaluation.correction import corrected
from rose_model.evaluation.figures import Figures, Tally
from rose_model.evaluation.frames import Refines
from rose_model.evaluation.rows import NONE, ORACLE, SELF, TRIGGERS, RefersAndRefines, row_suffix
from rose_model.instructions import REFINEMENTS, with_box
from rose_model.records import FrameContext, RefinementCase, Segmentation

_DRAWS = 8
_PRECISIONS = (0.5, 0.6, 0.7, 0.8, 0.9)


class ReferringSplit:
    """The sentences of a split, those about one image one after the other: its views are made
    once.

    Raises:
        DataError: the split has none.
    """

    def __init__(self, references: References, split: str) -> None:
        chosen = [item for item in references.all if item.split == split]
        if not chosen:
            known = ', '.join(reference_splits(references))
            raise DataError(f'{references.path} has no split {split!r}; it has: {known}.')
        self._references = references
        self._pairs = [
            (reference, sentence.sent)
            for reference in sorted(chosen, key=lambda item: (str(item.image_id), item.ref_id))
            for sentence in reference.sentences
        ]

    def __len__(self) -> int:
        return len(self._pairs)

    def __getitem__(self, index: int) -> ReferringExample:
        """Sentence ``index`` with its image and the whole mask of its thing."""
        return self._references.example(*self._pairs[index])

    def image_of(self, index: int) -> int:
        """The id of the image that sentence ``index`` is about."""
        return self._pairs[index][0].image_id


def reference_splits(references: References) -> list[str]:
    """The splits that have sentences."""
    return sorted({reference.split for reference in references.all})


class Sentences(Protocol):
    """Sentences about images, as ``ReferringSplit`` has them."""

    def __len__(self) -> int:
        """Number of sentences."""

    def __getitem__(self, index: int) -> ReferringExample:
        """A sentence with its image and the whole mask of its thing."""

    def image_of(self, index: int) -> int:
        """The id of its image."""


@dataclass(frozen=True)
class _Pair:
    """Pixels of the intersection and of the union of an answer and the truth."""

    shared: int
    union: int
    is_answered: bool
    has_target: bool

    @property
    def iou(self) -> float:
        return self.shared / self.union if self.union else 1.0


class ReferringIou:
    """IoU over (sentence, mask) pairs, as the field counts it.

    ``refer_ciou``: sum of the intersections over sum of the unions; ``refer_giou``: mean of each
    sentence's IoU; ``refer_p50`` to ``refer_p90``: share with at least that IoU.  Where a sentence
    means nothing, an empty answer has an IoU of 1 and another one 0, and its pixels count in the
    union of ``refer_ciou`` (GSVA).  ``refer_n_acc``: of such sentences, those answered by nothing;
    ``refer_t_acc``: of the others, those answered by something.
    """

    def __init__(self) -> None:
        self._pairs: dict[int, list[_Pair]] = {}

    def add(self, predicted: NDArray[np.bool_], truth: NDArray[np.bool_], image: int) -> float:
        """One sentence about an image of that id: both masks bool ``[H, W]``; its IoU."""
        pair = _Pair(
            int((predicted & truth).sum()),
            int((predicted | truth).sum()),
            bool(predicted.any()),
            bool(truth.any()),
        )
        self._pairs.setdefault(image, []).append(pair)
        return pair.iou

    def figures(self, suffix: str = '') -> Figures:
        """The figures, their keys with that suffix."""
        tally = Tally()
        for pairs in self._pairs.values():
            shared, union = sum(pair.shared for pair in pairs), sum(pair.union for pair in pairs)
            tally.add_ratio('refer_ciou', shared, union, len(pairs))
            reached = {
                f'refer_p{round(100 * least)}': [pair.iou >= least for pair in pairs]
                for least in _PRECISIONS
            }
            tally.add_items(
                {
                    'refer_giou': [pair.iou for pair in pairs],
                    **reached,
                    'refer_n_acc': [not pair.is_answered for pair in pairs if not pair.has_target],
                    'refer_t_acc': [pair.is_answered for pair in pairs if pair.has_target],
                }
            )
        return {f'{key}{suffix}': value for key, value in tally.figures().items()}


class ReferringBenchmark:
    """The figures of ``ReferringIou`` for every trigger (``rows.py``): ``refer_ciou_oracle``.

    ``refer_refine_gain_*``: gain in mean IoU of the sentences that had an answer;
    ``refer_refine_harm_*``: share of the changed masks that got worse.
    """

    def __init__(self, segmenter: RefersAndRefines) -> None:
        self._segmenter = segmenter
        self._iou = {trigger: ReferringIou() for trigger in TRIGGERS}
        self._tally = Tally()
        self._seen: tuple[int, FrameContext] | None = None

    def add(self, number: int, example: ReferringExample, image: int) -> None:
        """One sentence about an image of that id.  ``number``: what is drawn follows from it."""
        truth = example.sample.mask(example.index)
        found = self._segmenter.refer(self._view(example, image), example.sentence)
        self._seen = (image, found.context)
        rng = np.random.default_rng((number, _DRAWS))
        refined = {
            SELF: self._segmenter.self_refine(found),
            ORACLE: oracle_refine_referred(self._segmenter, found, example.sentence, truth, rng),
        }
        before = self._iou[NONE].add(union_mask(found), truth, image)
        for trigger, answer in refined.items():
            after = self._iou[trigger].add(union_mask(answer), truth, image)
            is_changed = any(segment.revision for segment in answer.segments)
            self._tally.add_items(
                {
                    f'refer_refine_gain_{trigger}': [after - before] if found.segments else [],
                    f'refer_refine_harm_{trigger}': [after < before] if is_changed else [],
                }
            )

    def _view(self, example: ReferringExample, image: int) -> NDArray[np.uint8] | FrameContext:
        """The image, or what is known of it from the sentence before."""
        if self._seen is not None and self._seen[0] == image:
            return self._seen[1]
        return example.sample.image

    def figures(self) -> Figures:
        """Figures over all sentences."""
        figures: Figures = {}
        for trigger, iou in self._iou.items():
            figures |= iou.figures(row_suffix(trigger))
        return {**figures, **self._tally.figures()}


def oracle_refine_referred(
    segmenter: Refines,
    found: Segmentation,
    sentence: str,
    truth: NDArray[np.bool_],
    rng: np.random.Generator,
) -> Segmentation:
    """Return the frame after the oracle had its answer corrected by a mask sentence about the
    description, with the box of the truth: every prediction is refined.

    The words are those of the question.  Without an answer there is nothing to refine; a
    correction that is refused changes nothing.
    """
    if not found.segments or not truth.any():
        return found
    words = sentence.removeprefix('the ')
    text = str(rng.choice(REFINEMENTS[RefinementCase.MASK])).format(category=words)
    with_truth = with_box(text, box_in_shares(truth))
    return corrected(segmenter, found, found.segments[0].id, with_truth, RefinementCase.MASK)


def union_mask(segmentation: Segmentation) -> NDArray[np.bool_]:
    """All pixels of all segments, bool ``[H, W]``."""
    union = np.zeros(segmentation.original_size, bool)
    for segment in segmentation.segments:
        x1, y1, x2, y2 = segment.box_xyxy
        union[y1:y2, x1:x2] |= segment.mask
    return union


def evaluate_referring(
    segmenter: RefersAndRefines, data: Sentences, indices: Iterable[int]
) -> Figures:
    """Figures over the sentences of those numbers."""
    benchmark = ReferringBenchmark(segmenter)
    for index in indices:
        benchmark.add(index, data[index], data.image_of(index))
    return benchmark.figures()
