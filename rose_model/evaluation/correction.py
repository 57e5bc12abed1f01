"""One correction of a frame by somebody who knows the truth."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rose_model.errors import RefinementError
from rose_model.evaluation.frames import Refines
from rose_model.records import (
    PointHint,
    Refinement,
    RefinementCase,
    RefineTarget,
    Segmentation,
)

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


def answered_mask(
    segmenter: Refines,
    frame: Segmentation,
    text: str = '',
    *,
    segment_id: str = '',
    target: RefineTarget = RefineTarget.AUTO,
    points: tuple[PointHint, ...] = (),
) -> NDArray[np.bool_] | None:
    """Return the mask that a correction is answered with.

    Args:
        segmenter: Corrects.
        frame: What is corrected.
        text: As ``refine`` takes it, like the others.
        segment_id: The segment that is meant; empty for something missed.
        target: What is to be changed.
        points: Clicks.

    Returns:
        bool ``[H, W]``, or ``None`` where the correction is refused.
    """
    try:
        answer = segmenter.refine(frame, text, segment_id=segment_id, target=target, points=points)
    except RefinementError:
        return None
    return mask_of(answer)


def mask_of(answer: Refinement) -> NDArray[np.bool_]:
    """Return the mask of the changed segment, bool ``[H, W]``; an empty one after a deletion."""
    size = answer.segmentation.original_size
    if not answer.changed:
        return np.zeros(size, bool)
    return answer.changed[0].full_mask(size)
