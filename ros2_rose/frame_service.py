"""Services about published frames: what ``~/refine`` and ``~/refer`` have in common.

The executor takes requests and sends answers, the model's thread does the work, and a timer keeps
the deadline.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.task import Future

from ros2_rose import qos
from ros2_rose.conversions import check_timeout, record_to_msg, to_nanoseconds, to_time
from ros2_rose.frame_job import Codes, FrameAnswer, FrameJob, answer_for
from ros2_rose.history import FrameLookupError, FrameRecord
from ros2_rose.session_memory import SessionMemory
from ros2_rose.worker import ModelState, ModelWorker, Segmenter
from rose_model.errors import InvalidRequestError, NoSuchSegmentError, RefinementError

_TAKEN_AT_ONCE = 8
"""Requests between two looks at the cameras: some milliseconds."""


@dataclass(frozen=True)
class FrameSession:
    """What requests work on while the node is active."""

    worker: ModelWorker
    memory: SessionMemory
    camera_names: tuple[str, ...]
    timeout_s: float
    publish: Callable[[FrameRecord, Segmenter], None]


FrameTask: TypeAlias = Callable[[SessionMemory, Segmenter, FrameRecord], FrameAnswer]
"""What the model does with the frame, in its own thread; an exception is an answer, too."""


@dataclass(frozen=True)
class FrameRequest:
    """What is wanted of a frame, read from a request.

    ``segment_id``: a segment that the frame must have, or empty.  ``publish``: publish the frame
    again if the task corrects it.
    """

    task: FrameTask
    segment_id: str = ''
    publish: bool = False


@dataclass
class RequestCounts:
    """How many requests came, how many were answered, and how many of them with ``OK``."""

    received: int = 0
    answered: int = 0
    succeeded: int = 0


@dataclass(frozen=True, eq=False)
class _Waiting:
    """A job that the worker has; its answer comes to the ``future``."""

    job: FrameJob
    future: Future
    worker: ModelWorker
    timeout_s: float


@dataclass(frozen=True, eq=False)
class _Taken:
    """A request with its answer, or with the job that will have one."""

    request: Any
    session: FrameSession | None
    start_s: float
    state: FrameAnswer | _Waiting


class RequestService(ABC):
    """Exists as long as the node; answers ``NOT_ACTIVE`` outside of a session.

    ``kind`` is a service type whose request has ``header``, ``camera`` and ``timeout_sec`` and
    whose response has ``success``, ``code``, ``message``, ``result``, ``oldest_stamp`` and
    ``elapsed_sec``.
    """

    def __init__(self, node: Node, kind: Any, name: str) -> None:  # noqa: ANN401 - no base class
        self._node, self._kind = node, kind
        self._session: FrameSession | None = None
        self._open: set[_Waiting] = set()
        self._clock = Clock(clock_type=ClockType.STEADY_TIME)  # deadlines do not follow sim time
        # Requests wait for the worker inside their callback: in the node's own group the first
        # one would hold up everything else.
        self._group = ReentrantCallbackGroup()
        self.counts = RequestCounts()
        self._service = node.create_service(
            kind,
            name,
            self._on_request,
            qos_profile=qos.requests(),
            callback_group=self._group,
        )

    @abstractmethod
    def admit(self, request: Any, session: FrameSession, future: Future) -> FrameJob:  # noqa: ANN401
        """A job from a request, of the type of the service, that passes all checks which need no
        model; its answer goes to ``resume``.

        Raises:
            RefinementError, FrameLookupError: one that does not.
        """

    def open(self, session: FrameSession) -> None:
        """Take requests from now on."""
        self._session = session

    def close(self) -> None:
        """Answer all that wait with ``NOT_ACTIVE`` and take no more."""
        self._session = None
        for waiting in tuple(self._open):
            _give_up(waiting, _not_active('the node was deactivated'))

    @property
    def has_waiting(self) -> bool:
        """Whether anybody's answer has not been sent yet."""
        return bool(self._open)

    async def _on_request(self, request: Any, response: Any) -> Any:  # noqa: ANN401
        taken = self._take(request)
        self._take_more()
        return self._filled(response, taken, await self._finish(taken))

    def _take_more(self) -> None:
        """Take other requests that wait; who is not let in has an answer at once.

        By itself the executor takes one each time that it has gone through everything that the
        node waits for, which costs as much as answering ``BUSY``: in a flood, half of its time.
        """
        executor = self._node.executor
        if executor is None:
            return
        for _ in range(_TAKEN_AT_ONCE):
            with self._service.handle:
                request, header = self._service.handle.service_take_request(self._kind.Request)
            if header is None:
                return
            taken = self._take(request)
            if isinstance(taken.state, FrameAnswer):
                self._send(taken, header, taken.state)
            else:
                executor.create_task(self._send_later, taken, header)

    async def _send_later(self, taken: _Taken, header: Any) -> None:  # noqa: ANN401
        self._send(taken, header, await self._finish(taken))

    def _send(self, taken: _Taken, header: Any, answer: FrameAnswer) -> None:  # noqa: ANN401
        self._service.send_response(self._filled(self._kind.Response(), taken, answer), header)

    def _take(self, request: Any) -> _Taken:  # noqa: ANN401
        start_s = time.monotonic()
        self.counts.received += 1
        state: FrameAnswer | _Waiting
        try:
            state = self._let_in(request)
        except Exception as error:  # one request must not end the node
            state = self._failed(error)
        return _Taken(request, self._session, start_s, state)

    async def _finish(self, taken: _Taken) -> FrameAnswer:
        if isinstance(taken.state, FrameAnswer):
            return taken.state
        try:
            return await self._wait(taken.state)
        except Exception as error:  # nor must waiting for it
            return self._failed(error)

    def _failed(self, error: Exception) -> FrameAnswer:
        self._node.get_logger().error(f'A request failed: {error!r}')
        return answer_for(error)

    def _filled(self, response: Any, taken: _Taken, answer: FrameAnswer) -> Any:  # noqa: ANN401
        self.counts.answered += 1
        self.counts.succeeded += answer.code == Codes.OK
        self._fill(response, answer)
        if taken.session is not None:
            camera = _camera_of(taken.request, taken.session)
            oldest_ns = taken.session.memory.history.oldest_stamp_ns(camera)
            response.oldest_stamp = to_time(oldest_ns or 0)
        response.elapsed_sec = time.monotonic() - taken.start_s
        return response

    def _fill(self, response: Any, answer: FrameAnswer) -> None:  # noqa: ANN401
        response.code = answer.code
        response.success = answer.code == Codes.OK
        response.message = answer.message
        if answer.record is not None:
            response.result = record_to_msg(answer.record, answer.model, answer.segments)

    def _let_in(self, request: Any) -> FrameAnswer | _Waiting:  # noqa: ANN401
        """A job that the worker has, or why it has none."""
        session = self._session
        if session is None:
            return _not_active('the node is not active; activate it')
        state = session.worker.state
        if state not in {ModelState.READY, ModelState.NO_MEMORY}:
            return _not_active(f'the model is {state.value}. {session.worker.failure}'.rstrip())
        future = Future()
        try:
            job = self.admit(request, session, future)
        except (RefinementError, FrameLookupError) as error:
            return answer_for(error)
        if not session.worker.submit(job):
            return FrameAnswer(Codes.BUSY, 'Too many requests wait; try again later.')
        timeout_s = request.timeout_sec or session.timeout_s
        waiting = _Waiting(job, future, session.worker, timeout_s)
        self._open.add(waiting)  # at once: the node may be deactivated before anybody awaits it
        return waiting

    async def _wait(self, waiting: _Waiting) -> FrameAnswer:
        timeout_s = waiting.timeout_s

        # It knows nothing of its timer: in a circle, both would keep the frame until the collector
        # comes.  That it may be called again before the answer is sent does not matter.
        def on_deadline() -> None:
            late = FrameAnswer(Codes.TIMEOUT, f'Not done within {timeout_s:.3g} s.')
            _give_up(waiting, late)

        # In a group of its own, which goes with it: groups remember all that ever was in them.
        timer = self._node.create_timer(
            timeout_s, on_deadline, callback_group=ReentrantCallbackGroup(), clock=self._clock
        )
        answer: FrameAnswer = await waiting.future
        self._open.discard(waiting)
        self._node.destroy_timer(timer)
        return answer

    def resume(self, future: Future, answer: FrameAnswer) -> None:
        """Let the waiting callback go on; called from any thread."""
        future.set_result(answer)
        # A future that is set in another thread does not wake a sleeping executor (rclpy #1467).
        executor = self._node.executor
        if executor is not None:
            executor.wake()


class FrameService(RequestService):
    """Works on the published frame that a request names by ``header`` and ``camera``."""

    @abstractmethod
    def _read(self, request: Any) -> FrameRequest:  # noqa: ANN401 - of the type of the service
        """What the request wants, after all checks which need neither frame nor model.

        Raises:
            RefinementError: a field is not usable.
        """

    def admit(self, request: Any, session: FrameSession, future: Future) -> FrameJob:  # noqa: ANN401
        """A job about the frame that the request names."""
        wanted = self._read(request)
        check_timeout(request.timeout_sec)
        if not request.camera and len(session.camera_names) > 1:
            raise InvalidRequestError(
                f'camera must be one of {", ".join(session.camera_names)}, got none.'
            )
        memory = session.memory
        stamp_ns = to_nanoseconds(request.header.stamp)
        record = memory.history.find(_camera_of(request, session), stamp_ns)
        _check_segment(record, wanted.segment_id)

        def task(segmenter: Segmenter) -> FrameAnswer:
            # Looked up again: an earlier correction may have changed the frame while this one
            # waited.
            current = memory.history.find(record.camera, record.stamp_ns)
            return wanted.task(memory, segmenter, current)

        return FrameJob(
            task,
            session.publish if wanted.publish else None,
            lambda answer: self.resume(future, answer),
        )


def _check_segment(record: FrameRecord, segment_id: str) -> None:
    """Refuse an id that the frame does not have; an empty one is right for what was missed.

    Raises:
        NoSuchSegmentError: says which ids there are.
    """
    if segment_id and record.segmentation.find(segment_id) is None:
        known = ', '.join(segment.id for segment in record.segmentation.segments[:20])
        raise NoSuchSegmentError(
            f'The frame has no segment {segment_id[:64]!r}; it has: {known or "none"}.'
        )


def _give_up(waiting: _Waiting, answer: FrameAnswer) -> None:
    """Answer in the place of the model, which need not do the job any more, and may hang in it."""
    if waiting.job.close(answer):
        waiting.worker.withdraw(waiting.job)


def _camera_of(request: Any, session: FrameSession) -> str:  # noqa: ANN401
    return str(request.camera) or session.camera_names[0]


def _not_active(reason: str) -> FrameAnswer:
    return FrameAnswer(Codes.NOT_ACTIVE, f'Not taken: {reason}.')
