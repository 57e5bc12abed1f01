"""One correction of a frame by somebody who knows the truth."""

from __future__ import annotations

from rose_model.errors import RefinementError
from rose_model.evaluation.frames import Refines
from rose_model.records import RefinementCase, RefineTarget, Segmentation

TARGETS = {RefinementCase.MASK: RefineTarget.MASK, RefinementCase.CATEGORY: RefineTarget.BOTH}
"""What is corrected of a segment: a wrong name hardly ever comes with the right mask."""


def corrected(
    segmenter: Refines, frame: Segmentation, segment_id: str, text: str, case: RefinementCase
) -> Segmentation:
    """The frame after a sentence about one of its segments, in the situation ``MASK`` or
    ``CATEGORY``; the frame itself where the model refuses.
    """
    try:
        answer = segmenter.refine(frame, text, segment_id=segment_id, target=TARGETS[case])
    except RefinementError:
        return frame
    return answer.segmentation
