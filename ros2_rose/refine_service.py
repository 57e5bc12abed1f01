"""The service ``~/refine``: corrections of published frames, by a sentence."""

from __future__ import annotations

from functools import partial
from typing import Any

from rclpy.node import Node

from ros2_rose.conversions import RefineArguments, refine_arguments
from ros2_rose.corrections import Correction, Scope
from ros2_rose.frame_job import Codes, FrameAnswer
from ros2_rose.frame_service import FrameRequest, FrameService
from ros2_rose.history import FrameRecord
from ros2_rose.session_memory import SessionMemory
from ros2_rose.srv import Refine
from ros2_rose.worker import Segmenter
from rose_model.errors import InvalidRequestError
from rose_model.records import Refinement, RefinementCase
from rose_model.refinement import check_text


class RefineService(FrameService):
    """Corrects one segment of a frame, or adds one that was missed."""

    def __init__(self, node: Node) -> None:
        super().__init__(node, Refine, '~/refine')

    def _read(self, request: Refine.Request) -> FrameRequest:
        check_text(request.text)
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
    )
    refinement = memory.with_own_id(record, refinement)
    correction = _correction(arguments, memory, record, refinement)
    corrected = record.corrected(
        refinement.segmentation, record.given_back - {correction.after.id}
    )
    return FrameAnswer(
        Codes.OK,
        f'{refinement.case.value}: {len(refinement.changed)} changed, '
        f'{len(refinement.removed)} removed.{_told(arguments.scope, correction)}',
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
    [after] = refinement.changed
    before = record.segmentation.find(after.id)
    scope = arguments.scope
    if scope is Scope.TRACK and (
        refinement.case is RefinementCase.MASK or not memory.can_follow(record, after.id)
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
        generated=record.generated.get(after.id, ''),
        was_refined=before is not None
        and before.revision > 0
        and before.id not in record.given_back,
        target=arguments.target,
        points=arguments.points,
    )


def _told(wanted: Scope, correction: Correction) -> str:
    if correction.scope is Scope.SESSION:
        return (
            f' From now on what the model calls {correction.generated!r} is '
            f'{correction.after.category!r}.'
        )
    if correction.scope is Scope.TRACK:
        return ' The label stays with the object.'
    if wanted is Scope.FRAME:
        return ''
    if correction.case is RefinementCase.MASK:
        return ' It holds for this frame only: of a correction just the label can stay.'
    return ' It holds for this frame only: its object is out of sight by now.'
