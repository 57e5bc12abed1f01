"""What a request of ``~/refine`` asks for, and whether its fields agree."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ros2_rose.conversions import SCOPES
from ros2_rose.corrections import Scope
from ros2_rose.srv import Refine
from rose_model.correction_grammar import Intent, read_request
from rose_model.errors import InvalidRequestError
from rose_model.records import PointHint, RefineTarget
from rose_model.refinement import check_label, check_text

_TARGETS = {
    Refine.Request.TARGET_AUTO: RefineTarget.AUTO,
    Refine.Request.TARGET_LABEL: RefineTarget.LABEL,
    Refine.Request.TARGET_MASK: RefineTarget.MASK,
    Refine.Request.TARGET_BOTH: RefineTarget.BOTH,
}


@dataclass(frozen=True)
class RefineArguments:
    """What :meth:`rose_model.segmenter.RoseSegmenter.refine` wants besides the frame, and how far
    the correction is to reach.
    """

    text: str
    segment_id: str
    target: RefineTarget
    points: tuple[PointHint, ...]
    scope: Scope
    label: str = ''
    remove: bool = False


def refine_arguments(request: Refine.Request) -> RefineArguments:
    """The arguments in a request.

    Raises:
        InvalidRequestError: names the field that is not usable, or those that contradict each
            other.
        TextEmptyError: neither text nor label, clicks or ``remove`` says what is wrong.
        TextTooLongError: the text or the label has too many characters.
    """
    label = _checked_words(request)
    target = _TARGETS.get(request.target)
    if target is None:
        raise InvalidRequestError(f'target must be one of TARGET_*, got {request.target}.')
    scope = SCOPES.get(request.scope)
    if scope is None:
        raise InvalidRequestError(f'scope must be one of SCOPE_*, got {request.scope}.')
    if request.remove:
        _check_removal(request, target, scope)
    if target is RefineTarget.MASK:
        _check_mask(label, scope)
    if scope is Scope.SESSION:
        _check_session(request, target)
    return RefineArguments(
        text=request.text,
        segment_id=request.segment_id,
        target=target,
        points=_points(request),
        scope=scope,
        label=label,
        remove=request.remove,
    )


def _checked_words(request: Refine.Request) -> str:
    """The label, once it and the text are read; no text is needed where something else says what
    is wrong.
    """
    says_enough = request.label or request.remove or request.points_x
    if request.text.strip() or not says_enough:
        check_text(request.text)
    return check_label(request.label) or ''


def _check_mask(label: str, scope: Scope) -> None:
    """Refuse a correction of the mask alone that reaches further than a mask does."""
    if label:
        raise InvalidRequestError(
            'label must be empty with TARGET_MASK, which keeps the label; take TARGET_LABEL or '
            'TARGET_BOTH.'
        )
    if scope is not Scope.FRAME:
        raise InvalidRequestError(
            'scope must be SCOPE_FRAME with TARGET_MASK: a mask holds for its frame only.'
        )


def _check_removal(request: Refine.Request, target: RefineTarget, scope: Scope) -> None:
    """Refuse to remove a segment and to say more of it, or to remove none."""
    if not request.segment_id:
        raise InvalidRequestError('segment_id must be given with remove: it says what goes.')
    contradictions = {
        'label must be empty': bool(request.label),
        'points_x, points_y and point_labels must be empty': bool(request.points_x),
        'target must be TARGET_AUTO': target is not RefineTarget.AUTO,
        'scope must be SCOPE_FRAME or SCOPE_TRACK': scope is Scope.SESSION,
    }
    for cure, is_contradiction in contradictions.items():
        if is_contradiction:
            raise InvalidRequestError(f'{cure} with remove: the segment goes, or it changes.')


def _check_session(request: Refine.Request, target: RefineTarget) -> None:
    """Refuse what cannot hold for a whole session: anything but a stated label of a segment."""
    if not request.segment_id:
        raise InvalidRequestError(
            'segment_id must be given with SCOPE_SESSION: what was missed holds for its frame or '
            'its object.'
        )
    states_label = request.label or read_request(request.text).intent is Intent.NAME
    if target is RefineTarget.BOTH or not states_label:
        raise InvalidRequestError(
            'SCOPE_SESSION is for a label, in the field label or stated by the text such as "this '
            'is a bus", with TARGET_AUTO or TARGET_LABEL: all else holds for its frame or its '
            'object.'
        )


def _points(request: Refine.Request) -> tuple[PointHint, ...]:
    sizes = [len(request.points_x), len(request.points_y), len(request.point_labels)]
    if len(set(sizes)) > 1:
        raise InvalidRequestError(
            f'points_x, points_y and point_labels must be of one length, got {sizes}.'
        )
    points = []
    for x, y, label in zip(request.points_x, request.points_y, request.point_labels, strict=True):
        if not (math.isfinite(x) and math.isfinite(y)) or label not in (0, 1):
            raise InvalidRequestError(
                f'A point must be finite with label 0 or 1, got ({x}, {y}) with {label}.'
            )
        points.append(PointHint(x=float(x), y=float(y), is_foreground=label == 1))
    return tuple(points)
