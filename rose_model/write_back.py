"""What becomes of an answer: the corrected frame (paper, Sec. 3.4).

One way for corrections of users, for self-triggered and for oracle-triggered ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from rose_model.errors import RefinementRejectedError
from rose_model.records import Refinement, RefinementCase, Segment, Segmentation
from rose_model.refinement import RefinementRequest


def write_back(
    segmentation: Segmentation, request: RefinementRequest, answer: Segment, same_iou: float
) -> Refinement:
    """Return the frame with an answer in place of its segment, or as a new one.

    What ranks a segment is the score of its detection: an answer to a sentence about an object
    says nothing about whether the object would be found without it.  Suppression runs afterwards:
    what the changed mask covers by more than ``same_iou`` is the same object and goes, and its
    score passes on if it is higher.

    Args:
        segmentation: The frame before.
        request: What was asked for.
        answer: The model's answer, without an id.
        same_iou: IoU above which two segments are one object.

    Raises:
        RefinementRejectedError: the answer to a sentence about something missed lies on a segment
            of another kind.
    """
    old = request.segment or _takes_over(segmentation.segments, request, answer, same_iou)
    label = request.label or answer.category
    score = 1.0 if request.label else answer.category_score
    if old is None:
        changed = replace(
            answer, id=_free_id(segmentation), category=label, category_score=score, revision=1
        )
    else:
        changed = replace(
            old if request.keeps_mask else answer,
            id=old.id,
            category=old.category if request.keeps_category else label,
            category_score=old.category_score if request.keeps_category else score,
            objectness=max(old.objectness, answer.objectness)
            if request.segment is None
            else old.objectness,
            is_thing=old.is_thing,
            revision=old.revision + 1,
        )
    return _replaced(segmentation, request.case, old, changed, same_iou)


def rename(segmentation: Segmentation, segment: Segment, label: str) -> Refinement:
    """Return the frame with a stated label; mask and scores of the segment stay."""
    changed = replace(segment, category=label, category_score=1.0, revision=segment.revision + 1)
    rest = tuple(other for other in segmentation.segments if other is not segment)
    corrected = segmentation.with_segments((*rest, changed))
    return Refinement(RefinementCase.CATEGORY, (changed,), (), corrected)


def delete(segmentation: Segmentation, segment: Segment) -> Refinement:
    """Return the frame without a segment."""
    rest = tuple(other for other in segmentation.segments if other is not segment)
    corrected = segmentation.with_segments(rest)
    return Refinement(RefinementCase.DELETE, (), (segment.id,), corrected)


def segment_iou(first: Segment, second: Segment) -> float:
    """Return the intersection over union of two segments of one frame."""
    x1, y1 = (max(first.box_xyxy[axis], second.box_xyxy[axis]) for axis in (0, 1))
    x2, y2 = (min(first.box_xyxy[axis], second.box_xyxy[axis]) for axis in (2, 3))
    if x1 >= x2 or y1 >= y2:
        return 0.0
    both = _part(first, x1, y1, x2, y2) & _part(second, x1, y1, x2, y2)
    shared = int(both.sum())
    return shared / (first.area + second.area - shared)


def _replaced(
    segmentation: Segmentation,
    case: RefinementCase,
    old: Segment | None,
    changed: Segment,
    same_iou: float,
) -> Refinement:
    rest = [segment for segment in segmentation.segments if segment is not old]
    is_new_mask = old is None or changed.mask is not old.mask
    twins = [
        segment for segment in rest if is_new_mask and segment_iou(segment, changed) > same_iou
    ]
    changed = replace(
        changed, objectness=max([changed.objectness, *(twin.objectness for twin in twins)])
    )
    kept = tuple(segment for segment in rest if segment not in twins)
    removed = tuple(twin.id for twin in twins)
    return Refinement(case, (changed,), removed, segmentation.with_segments((*kept, changed)))


def _takes_over(
    segments: Sequence[Segment], request: RefinementRequest, answer: Segment, same_iou: float
) -> Segment | None:
    """The segment that an answer without one is: of the same kind, and nearly the same mask.

    Raises:
        RefinementRejectedError: it lies on a segment of another kind.
    """
    best = max(segments, key=lambda segment: segment_iou(segment, answer), default=None)
    if best is None or segment_iou(best, answer) <= same_iou:
        return None
    label = request.label or answer.category
    if best.is_thing == answer.is_thing and _noun(best.category) == _noun(label):
        return best
    raise RefinementRejectedError(
        f'The answer ({label!r}) lies on segment {best.id!r}, which is called {best.category!r}; '
        f'name that segment to change it. Nothing was changed.'
    )


def _noun(category: str) -> str:
    words = category.lower().split()
    return words[-1] if words else ''


def _free_id(segmentation: Segmentation) -> str:
    taken = {segment.id for segment in segmentation.segments}
    return next(str(n) for n in range(1, len(taken) + 2) if str(n) not in taken)


def _part(segment: Segment, x1: int, y1: int, x2: int, y2: int) -> NDArray[np.bool_]:
    left, top = segment.box_xyxy[:2]
    return segment.mask[y1 - top : y2 - top, x1 - left : x2 - left]
