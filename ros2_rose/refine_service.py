"""The service ``~/refine``: corrections of published frames, by a sentence.

The executor takes requests and sends answers, the model's thread does the work, and a timer keeps
the deadline.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.task import Future

from ros2_rose.conversions import record_to_msg, refine_arguments, to_nanoseconds, to_time
from ros2_rose.history import FrameHistory, FrameLookupError, FrameRecord
from ros2_rose.refine_job import RefineAnswer, RefineJob, answer_for, check_segment
from ros2_rose.srv import Refine
from ros2_rose.worker import ModelState, ModelWorker, Segmenter
from rose_model.errors import InvalidRequestError, RefinementError
from rose_model.refinement import check_text


@dataclass(frozen=True)
class RefineSession:
    """What corrections work on while the node is active."""

    worker: ModelWorker
    history: FrameHistory
    camera_names: tuple[str, ...]
    timeout_s: float
    publish: Callable[[FrameRecord, Segmenter], None]


@dataclass
class RefineCounts:
    """How many requests came, and how many were answered by each code."""

    received: int = 0
    answered: int = 0
    succeeded: int = 0


class RefineService:
    """Exists as long as the node; answers ``NOT_ACTIVE`` outside of a session."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._session: RefineSession | None = None
        self._open: set[RefineJob] = set()
        self._clock = Clock(clock_type=ClockType.STEADY_TIME)  # deadlines do not follow sim time
        # Requests wait for the worker inside their callback: in the node's own group the first
        # one would hold up everything else.
        self._group = ReentrantCallbackGroup()
        self.counts = RefineCounts()
        node.create_service(Refine, '~/refine', self._on_request, callback_group=self._group)

    def open(self, session: RefineSession) -> None:
        """Take corrections from now on."""
        self._session = session

    def close(self) -> None:
        """Answer all that wait with ``NOT_ACTIVE`` and take no more."""
        self._session = None
        for job in tuple(self._open):
            job.close(_not_active('the node was deactivated'))

    async def _on_request(
        self, request: Refine.Request, response: Refine.Response
    ) -> Refine.Response:
        start_s = time.monotonic()
        self.counts.received += 1
        session = self._session
        try:
            answer = await self._answer(request, session)
        except Exception as error:  # one request must not end the node
            self._node.get_logger().error(f'A correction failed: {error!r}')
            answer = answer_for(error)
        self.counts.answered += 1
        self.counts.succeeded += answer.code == Refine.Response.OK
        _fill(response, answer)
        if session is not None:
            oldest_ns = session.history.oldest_stamp_ns(_camera_of(request, session))
            response.oldest_stamp = to_time(oldest_ns or 0)
        response.elapsed_sec = time.monotonic() - start_s
        return response

    async def _answer(
        self, request: Refine.Request, session: RefineSession | None
    ) -> RefineAnswer:
        if session is None:
            return _not_active('the node is not active; activate it')
        state = session.worker.state
        if state is not ModelState.READY:
            return _not_active(f'the model is {state.value}. {session.worker.failure}'.rstrip())
        future = Future()
        try:
            job = self._admit(request, session, future)
        except (RefinementError, FrameLookupError) as error:
            return answer_for(error)
        if not session.worker.submit(job):
            return RefineAnswer(
                Refine.Response.BUSY, 'Too many corrections wait; try again later.'
            )
        return await self._wait(job, future, request.timeout_sec or session.timeout_s, session)

    def _admit(self, request: Refine.Request, session: RefineSession, future: Future) -> RefineJob:
        """A job from a request that passes all checks which need no model.

        Raises:
            RefinementError, FrameLookupError: one that does not.
        """
        check_text(request.text)
        arguments = refine_arguments(request)
        if not request.camera and len(session.camera_names) > 1:
            raise InvalidRequestError(
                f'camera must be one of {", ".join(session.camera_names)}, got none.'
            )
        stamp_ns = to_nanoseconds(request.header.stamp)
        record = session.history.find(_camera_of(request, session), stamp_ns)
        check_segment(record, arguments.segment_id)
        publish = session.publish if request.publish else None
        return RefineJob(
            record,
            arguments,
            session.history,
            publish,
            lambda answer: self._resume(future, answer),
        )

    async def _wait(
        self, job: RefineJob, future: Future, timeout_s: float, session: RefineSession
    ) -> RefineAnswer:
        def on_deadline() -> None:
            timer.cancel()
            if job.close(
                RefineAnswer(Refine.Response.TIMEOUT, f'Not done within {timeout_s:.3g} s.')
            ):
                session.worker.withdraw(job)

        timer = self._node.create_timer(
            timeout_s, on_deadline, callback_group=self._group, clock=self._clock
        )
        self._open.add(job)
        answer: RefineAnswer = await future
        self._open.discard(job)
        self._node.destroy_timer(timer)
        return answer

    def _resume(self, future: Future, answer: RefineAnswer) -> None:
        """Let the waiting callback go on; called from any thread."""
        future.set_result(answer)
        # A future that is set in another thread does not wake a sleeping executor (rclpy #1467).
        executor = self._node.executor
        if executor is not None:
            executor.wake()


def _camera_of(request: Refine.Request, session: RefineSession) -> str:
    return str(request.camera) or session.camera_names[0]


def _not_active(reason: str) -> RefineAnswer:
    return RefineAnswer(Refine.Response.NOT_ACTIVE, f'Not taken: {reason}.')


def _fill(response: Refine.Response, answer: RefineAnswer) -> None:
    response.code = answer.code
    response.success = answer.code == Refine.Response.OK
    response.message = answer.message
    if answer.record is not None:
        response.result = record_to_msg(answer.record, answer.model, answer.changed)
        response.removed_ids = list(answer.removed)
