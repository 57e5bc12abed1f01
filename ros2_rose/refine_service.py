"""The service ``~/refine``: corrections of published frames, by a sentence, a label or clicks."""

from __future__ import annotations

from functools import partial
from typing import Any

from rclpy.node import Node

from ros2_rose.corrections import Correction, Scope
from ros2_rose.frame_job import Codes, FrameAnswer
from ros2_rose.frame_service import FrameRequest, FrameService
from ros2_rose.history import FrameRecord
from ros2_rose.refine_request import RefineArguments, refine_arguments
from ros2_rose.session_memory import SessionMemory
from ros2_rose.srv import Refine
from ros2_rose.worker import Segmenter
from rose_model.errors import InvalidRequestError
from rose_model.records import Refinement, RefinementCase


class RefineService(FrameService):
    """Corrects or removes one segment of a frame, or adds one that was missed."""

    def __init__(self, node: Node) -> None:
        super().__init__(node, Refine, '~/refine')

    def _read(self, request: Refine.Request) -> FrameRequest:
        arguments = refine_arguments(request)
        return FrameRequest(partial(refine, arguments), arguments.segment_id, request.publish)

    def _fill(self, response: Any, answer: FrameAnswer) -> None:  # noqa: ANN401
        super()._fill(response, answer)
        response.removed_ids = list(answer.removed)


def refine(
    arguments: RefineArguments,
    memory: SessionMemory,
    segmenter: Segmenter,
    record: FrameRecord,
) -> FrameAnswer:
    """Correct a frame; nothing is changed before the answer is accepted.

    Raises:
        RefinementError: the correction cannot be carried out.
    """
    memory.ledger.require_room()
    if arguments.scope is Scope.SESSION and not record.generated.get(arguments.segment_id):
        raise InvalidRequestError(
            f'Segment {arguments.segment_id!r} has no label of the model that could be replaced '
            'for the session: a correction has added it, or the deadline was near; take '
            'SCOPE_TRACK.'
        )
    refinement = segmenter.refine(
        record.segmentation,
        arguments.text,
        segment_id=arguments.segment_id,
        target=arguments.target,
        points=arguments.points,
        label=arguments.label,
        remove=arguments.remove,
    )
    refinement = memory.with_own_id(record, refinement)
    correction = _correction(arguments, memory, record, refinement)
    changed_ids = {segment.id for segment in refinement.changed}
    corrected = record.corrected(refinement.segmentation, record.given_back - changed_ids)
    return FrameAnswer(
        Codes.OK,
        f'{_what(correction, refinement)}{_how_far(arguments.scope, correction)}',
        corrected,
        segmenter.name,
        refinement.changed,
        refinement.removed,
        accept=partial(memory.accept, correction, record, corrected, segmenter.name),
    )


def _correction(
    arguments: RefineArguments,
    memory: SessionMemory,
    record: FrameRecord,
    refinement: Refinement,
) -> Correction:
    after = refinement.changed[0] if refinement.changed else None
    identity = arguments.segment_id if after is None else after.id
    before = record.segmentation.find(identity)
    gone = (record.segmentation.find(other) for other in refinement.removed if other != identity)
    scope = arguments.scope
    if scope is Scope.TRACK and (
        refinement.case is RefinementCase.MASK or not memory.can_follow(record, identity)
    ):
        scope = Scope.FRAME
    return Correction(
        camera=record.camera,
        stamp_ns=record.stamp_ns,
        text=arguments.text,
        case=refinement.case,
        scope=scope,
        before=before,
        after=after,
        generated=record.generated.get(identity, ''),
        was_refined=before is not None
        and before.revision > 0
        and before.id not in record.given_back,
        target=arguments.target,
        points=arguments.points,
        label=arguments.label,
        duplicates=tuple(segment for segment in gone if segment is not None),
        order=tuple(segment.id for segment in record.segmentation.segments),
    )


def _what(correction: Correction, refinement: Refinement) -> str:
    """What became of the frame, in words."""
    counts = f'{len(refinement.changed)} changed, {len(refinement.removed)} removed'
    deleted = correction.before if correction.after is None else None
    which = '' if deleted is None else f': segment {deleted.id!r}, {deleted.category!r}'
    return f'{refinement.case.value}: {counts}{which}.'


def _how_far(wanted: Scope, correction: Correction) -> str:
    """How far the correction reaches, in words; empty where it is for the frame, as wanted."""
    after = correction.after
    if correction.scope is Scope.SESSION and after is not None:
        return f' From now on what the model calls {correction.generated!r} is {after.category!r}.'
    if correction.scope is Scope.TRACK:
        if after is None:
            return ' The object stays removed as long as it is followed.'
        return ' The label stays with the object.'
    if wanted is Scope.FRAME:
        return ''
    if correction.case is RefinementCase.MASK:
        return ' It holds for this frame only: a corrected mask cannot stay.'
    return ' It holds for this frame only: its object is out of sight by now.'
