"""The service ``~/undo``: takes a correction back."""

from __future__ import annotations

from functools import partial
from typing import Any

from rclpy.node import Node
from rclpy.task import Future

from ros2_rose.conversions import check_timeout, to_nanoseconds
from ros2_rose.corrections import Correction, Query, Scope
from ros2_rose.frame_job import Codes, FrameAnswer, FrameJob, NoSuchCorrectionError
from ros2_rose.frame_service import FrameSession, RequestService
from ros2_rose.session_memory import SessionMemory
from ros2_rose.srv import Undo
from ros2_rose.worker import Segmenter


class UndoService(RequestService):
    """Takes back the newest correction that fits; waits for its turn like any correction."""

    def __init__(self, node: Node) -> None:
        super().__init__(node, Undo, '~/undo')

    def admit(self, request: Undo.Request, session: FrameSession, future: Future) -> FrameJob:
        """A job whatever the frame: it is found when its turn comes."""
        check_timeout(request.timeout_sec)
        query = Query(
            id=request.correction_id,
            camera=request.camera,
            stamp_ns=to_nanoseconds(request.header.stamp),
            segment_id=request.segment_id,
        )
        return FrameJob(
            partial(undo, query, session.memory),
            session.publish if request.publish else None,
            lambda answer: self.resume(future, answer),
        )

    def _fill(self, response: Any, answer: FrameAnswer) -> None:  # noqa: ANN401
        super()._fill(response, answer)
        response.correction_id = answer.correction_id
        response.removed_ids = list(answer.removed)


def undo(query: Query, memory: SessionMemory, segmenter: Segmenter) -> FrameAnswer:
    """Take back a correction; nothing is changed before the answer is accepted.

    Raises:
        NoSuchCorrectionError: none fits.
        InvalidRequestError: a later one of the same segment has to go before.
    """
    correction = memory.to_undo(query)
    if correction is None:
        raise NoSuchCorrectionError(
            f'No correction that holds fits; {len(memory.ledger.held())} hold, ~/corrections '
            'lists them.'
        )
    restored = memory.without(correction)
    segments = () if restored is None else restored.segmentation.segments
    identity = correction.segment_id
    was_added = correction.before is None
    return FrameAnswer(
        Codes.OK,
        f'Correction {correction.id} of segment {identity!r} is taken back.'
        f'{_told(correction, is_known=restored is not None)}',
        restored,
        segmenter.name,
        tuple(segment for segment in segments if segment.id in correction.touched),
        (identity,) if was_added and restored is not None else (),
        accept=partial(memory.take_back, correction, restored),
        correction_id=correction.id,
    )


def _told(correction: Correction, *, is_known: bool) -> str:
    told = '' if is_known else ' Its frame has left the history.'
    if correction.scope is Scope.SESSION:
        told += f' What the model calls {correction.generated!r} is called so again.'
    if correction.scope is Scope.TRACK and correction.after is None:
        told += ' The object is shown again where the model finds it.'
    return told
