"""What refinement gains on the model's own predictions, by who asks for it (paper, A.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from rose_model.evaluation.correction import corrected
from rose_model.evaluation.figures import Figures, Tally
from rose_model.evaluation.frames import Frame, Refines
from rose_model.evaluation.instance import InstanceAp
from rose_model.evaluation.matching import iou_matrix
from rose_model.evaluation.paired_precision import precision_gain
from rose_model.evaluation.protocol import faulty_predictions
from rose_model.evaluation.rows import NONE, ORACLE, SELF, TRIGGERS
from rose_model.instructions import REFINEMENTS
from rose_model.records import Segment, Segmentation

_DRAWS = 3


class TriggeredRefinement:
    """Precision and masks of the things by who asks for refinement, on the same frames.

    - ``ap50_*`` and ``named_ap50_*``: average precision, not refined (``none``), self-triggered
      (``self``) and oracle-triggered (``oracle``).
    - ``ap50_self_gain``, ``ap50_oracle_gain``: ``ap50_self - ap50_none`` and ``ap50_oracle -
      ap50_none``, with the interval of the difference.
    - ``refine_gain_self``, ``refine_gain_oracle``: gain in mean IoU over all predicted things that
      overlap a thing, each compared with the one that it overlapped most before.  Of a segment
      that went as a duplicate, what counts is the best that is left on that thing.
    - ``refine_harm_self``, ``refine_harm_oracle``: share of those whose mask changed and that got
      worse.
    """

    def __init__(self, segmenter: Refines) -> None:
        self._segmenter = segmenter
        self._tally = Tally()
        self._precision = {trigger: InstanceAp() for trigger in TRIGGERS}

    def add(self, frame: Frame) -> None:
        """Refine one frame by either trigger."""
        refined = {
            SELF: self._segmenter.self_refine(frame.segmentation),
            ORACLE: oracle_refine(self._segmenter, frame),
        }
        things = frame.predicted(is_thing=True)
        iou, best = _best_matches(things, frame)
        self._precision[NONE].add(frame)
        for trigger, segmentation in refined.items():
            self._precision[trigger].add(replace(frame, segmentation=segmentation))
            changed = [segmentation.find(segment.id) for segment in things]
            after = _iou_after(changed, best, replace(frame, segmentation=segmentation))
            matched = iou > 0
            touched = [
                new is None or new.revision != old.revision
                for old, new in zip(things, changed, strict=True)
            ]
            worse = (after < iou)[matched & np.array(touched, bool)]
            self._tally.add_items(
                {
                    f'refine_gain_{trigger}': (after - iou)[matched].tolist(),
                    f'refine_harm_{trigger}': worse.tolist(),
                }
            )

    def figures(self) -> Figures:
        """Gains, and precision by trigger."""
        figures = self._tally.figures()
        for trigger, precision in self._precision.items():
            measured = precision.figures()
            for key in ('ap50', 'named_ap50'):
                figures[f'{key}_{trigger}'] = measured[key]
        before = self._precision[NONE].evaluation()
        for trigger in (SELF, ORACLE):
            after = self._precision[trigger].evaluation()
            figures[f'ap50_{trigger}_gain'] = precision_gain(before, after, slice(0, 1))
        return figures


def oracle_refine(segmenter: Refines, frame: Frame) -> Segmentation:
    """The frame after its ten most objective things with an IoU below 0.5 were corrected.

    A thing with the right name gets a mask sentence, another one a category sentence that names
    the wrong name.  The box in the text is the predicted one, as whenever a segment is corrected;
    the paper does not say whose it takes.  A correction that is refused changes nothing.
    """
    rng = frame.rng(_DRAWS)
    things = frame.predicted(is_thing=True)
    iou, best = _best_matches(things, frame)
    names = [region.name for region in frame.sample.regions] or ['']
    is_right = [thing.category == names[index] for thing, index in zip(things, best, strict=True)]
    current = frame.segmentation
    for fault in faulty_predictions(iou, [thing.objectness for thing in things], is_right):
        segment = things[fault.row]
        text = str(rng.choice(REFINEMENTS[fault.case])).format(category=segment.category)
        current = corrected(segmenter, current, segment.id, text, fault.case)
    return current


def _best_matches(
    things: Sequence[Segment], frame: Frame
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The highest IoU of each predicted thing with a true one, and the index of that region; 0
    and 0 where it overlaps none.
    """
    kind = np.array([region.is_thing for region in frame.sample.regions], bool)
    iou = iou_matrix(things, frame.sample) * kind
    if not iou.size:
        return np.zeros(len(things)), np.zeros(len(things), np.int64)
    return iou.max(axis=1), iou.argmax(axis=1)


def _iou_after(
    segments: Sequence[Segment | None], regions: NDArray[np.int64], frame: Frame
) -> NDArray[np.float64]:
    """IoU of each segment with its region ``[N]``; that of the best thing of the refined frame
    where the segment is gone, 0 where there is none.
    """
    result = np.zeros(len(segments))
    if not frame.sample.regions:
        return result
    left = iou_matrix(frame.predicted(is_thing=True), frame.sample).max(axis=0, initial=0)
    for row, (segment, region) in enumerate(zip(segments, regions, strict=True)):
        iou = left if segment is None else iou_matrix([segment], frame.sample)[0]
        result[row] = iou[region]
    return result
