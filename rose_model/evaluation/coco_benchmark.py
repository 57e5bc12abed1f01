"""Instance segmentation on COCO (paper, Sec. 4.2 and A.1): AP by each rule for names, before
refinement, after the model's own, and after the oracle's, which knows the truth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from rose_model.candidates import NameEncoder
from rose_model.data.coco_masks import encode_mask
from rose_model.data.sample import box_in_shares
from rose_model.evaluation.coco_ap import CocoAp, CocoTruth, TrueInstance
from rose_model.evaluation.correction import corrected
from rose_model.evaluation.figures import Figures, Tally
from rose_model.evaluation.frames import Frame, Refines
from rose_model.evaluation.lexicon import open_lexicon
from rose_model.evaluation.protocol import faulty_predictions
from rose_model.evaluation.rows import (
    CANDIDATES,
    NONE,
    ORACLE,
    SELF,
    TRIGGERS,
    WORDS,
    SegmentsAndRefines,
    row_suffix,
)
from rose_model.evaluation.vocabulary import Vocabulary
from rose_model.instructions import FOREGROUND, with_box
from rose_model.prompts.sentences import REFINEMENTS
from rose_model.records import Segment, Segmentation

_DRAWS = 6


@dataclass(frozen=True, eq=False)
class _Match:
    """The instance that each of N predictions overlaps most: IoU ``[N]`` and its index ``[N]``; 0
    and 0 where it overlaps none.
    """

    iou: NDArray[np.float64]
    index: NDArray[np.int64]


class CocoBenchmark:
    """``coco_ap`` and its kin for every trigger and rule (``rows.py``):
    ``coco_ap_oracle_nearest``.

    With ``agnostic`` names do not matter.  Class names as candidates are compared before
    refinement alone: what is refined has a name.  The model is asked for the foreground instances
    (A.4).  ``coco_refine_gain_*``: gain in mean IoU of the predictions that overlap an instance,
    each with the one that it overlapped most before; ``coco_refine_harm_*``: share of the changed
    masks that got worse; ``coco_names_unmapped``: share of the answers whose name is of no class.
    ``sure``: from this objectness on the model refines by itself.
    """

    def __init__(
        self,
        segmenter: SegmentsAndRefines,
        encoder: NameEncoder | None,
        truth: CocoTruth,
        sure: float = 0.0,
    ) -> None:
        self._segmenter, self._truth, self._sure = segmenter, truth, sure
        self._rules = truth.vocabulary.rules(encoder, open_lexicon())
        self._has_candidates = truth.vocabulary.can_be_candidates(encoder)
        self._precision = {trigger: CocoAp(truth) for trigger in TRIGGERS}
        self._chosen = CocoAp(truth)
        self._tally = Tally()

    def add(self, frame: Frame) -> None:
        """Ask for the instances of one frame; its number is the place of its image."""
        found = self._segmenter.segment(frame.segmentation.context, FOREGROUND)
        instances = self._truth.instances(frame.number)
        refined = {
            NONE: found,
            SELF: self._refine_itself(found),
            ORACLE: oracle_refine_instances(
                self._segmenter, found, instances, self._truth.vocabulary, frame.rng(_DRAWS)
            ),
        }
        for trigger, answer in refined.items():
            classes = {
                rule: [class_of(segment.category) for segment in answer.segments]
                for rule, class_of in self._rules.items()
            }
            self._precision[trigger].add(
                frame.number, answer.original_size, answer.segments, classes
            )
        self._count_gains(found, refined, instances)
        strangers = [self._rules[WORDS](item.category) < 0 for item in found.segments]
        self._tally.add_items({'coco_names_unmapped': strangers})
        if self._has_candidates:
            self._choose(found, frame.number)

    def _refine_itself(self, found: Segmentation) -> Segmentation:
        """Refined are those that the model is sure enough of to show them: the tail that AP needs
        would take all of the ten places.
        """
        shown = [item for item in found.segments if item.objectness >= self._sure]
        rest = [item for item in found.segments if item.objectness < self._sure]
        refined = self._segmenter.self_refine(found.with_segments(tuple(shown)))
        return refined.with_segments((*refined.segments, *rest))

    def _choose(self, found: Segmentation, number: int) -> None:
        names = self._truth.vocabulary.names
        answer = self._segmenter.segment(found.context, FOREGROUND, candidates=names)
        classes = [names.index(segment.category) for segment in answer.segments]
        self._chosen.add(number, answer.original_size, answer.segments, {CANDIDATES: classes})

    def _count_gains(
        self,
        found: Segmentation,
        refined: dict[str, Segmentation],
        instances: Sequence[TrueInstance],
    ) -> None:
        before = _match(found.segments, instances, found.original_size)
        for trigger in (SELF, ORACLE):
            gains, harms = [], []
            for row, segment in enumerate(found.segments):
                after = refined[trigger].find(segment.id)
                if not before.iou[row] or after is None:
                    continue
                truth = instances[before.index[row]]
                iou = _ious([after], [truth], found.original_size)[0, 0]
                gains.append(iou - before.iou[row])
                if after.revision != segment.revision:
                    harms.append(iou < before.iou[row])
            self._tally.add_items(
                {f'coco_refine_gain_{trigger}': gains, f'coco_refine_harm_{trigger}': harms}
            )

    def figures(self) -> Figures:
        """Figures over all frames."""
        figures: Figures = {}
        for trigger, precision in self._precision.items():
            for rule in self._rules:
                figures |= precision.figures(rule, row_suffix(trigger, rule))
            figures |= precision.figures(None, row_suffix(trigger, 'agnostic'))
        if self._has_candidates:
            figures |= self._chosen.figures(CANDIDATES, row_suffix(NONE, CANDIDATES))
        return {**figures, **self._tally.figures()}


def oracle_refine_instances(
    segmenter: Refines,
    found: Segmentation,
    instances: Sequence[TrueInstance],
    vocabulary: Vocabulary,
    rng: np.random.Generator,
) -> Segmentation:
    """Return the frame after the oracle had its ten most objective predictions with an IoU below
    0.5 corrected.

    A prediction of the right class gets a mask sentence, another one a category sentence; both
    name what the model has said, right or wrong, and hold the box of the instance that the
    prediction overlaps most.  The true name is in none of them.  All are chosen from the first
    result.  A correction that is refused changes nothing.
    """
    segments, size = found.segments, found.original_size
    match = _match(segments, instances, size)
    is_right = [
        bool(instances) and vocabulary.by_words(segment.category) == instances[index].number
        for segment, index in zip(segments, match.index, strict=True)
    ]
    current = found
    for fault in faulty_predictions(match.iou, [item.objectness for item in segments], is_right):
        segment, instance = segments[fault.row], instances[match.index[fault.row]]
        sentence = str(rng.choice(REFINEMENTS[fault.case])).format(category=segment.category)
        text = with_box(sentence, box_in_shares(instance.mask))
        current = corrected(segmenter, current, segment.id, text, fault.case)
    return current


def _match(
    segments: Sequence[Segment], instances: Sequence[TrueInstance], size: tuple[int, int]
) -> _Match:
    if not segments or not instances:
        nothing = np.zeros(len(segments))
        return _Match(nothing, nothing.astype(np.int64))
    iou = _ious(segments, instances, size)
    return _Match(iou.max(axis=1), iou.argmax(axis=1))


def _ious(
    segments: Sequence[Segment], instances: Sequence[TrueInstance], size: tuple[int, int]
) -> NDArray[np.float64]:
    """Mask IoU ``[N, G]`` of N > 0 segments and G > 0 instances, which may overlap each other."""
    predicted = [encode_mask(segment.full_mask(size)) for segment in segments]
    true = [instance.runs for instance in instances]
    iou: NDArray[np.float64] = coco_mask.iou(predicted, true, [0] * len(true))
    return iou
