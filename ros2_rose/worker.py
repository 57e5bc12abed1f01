"""The one thread that owns the model: it loads it, segments frames and answers requests.

Frames and requests alternate, so that neither can starve the other.  Nothing that goes wrong
with one of them ends the thread, and a request that hangs is left behind.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ros2_rose.camera_inbox import CameraInbox, Frame
from ros2_rose.device_faults import is_device_lost, is_out_of_memory
from ros2_rose.model_log import ModelLog
from ros2_rose.one_line import one_line
from ros2_rose.resources import give_memory_back
from rose_model.errors import ModelOutputError
from rose_model.progress import heard_by
from rose_model.records import FrameContext, PointHint, Refinement, RefineTarget, Segmentation

MAX_WAITING_JOBS = 4
HANGS_AFTER_S = 5.0
"""A correction that has been in work for so long, and that nobody waits for any more, hangs."""


class Segmenter(Protocol):
    """What the node uses of :class:`rose_model.segmenter.RoseSegmenter`."""

    @property
    def name(self) -> str:
        """Name and hash of the weights."""

    def segment(
        self,
        image: NDArray[np.uint8],
        instruction: str | None = None,
        *,
        candidates: Sequence[str] = (),
        deadline_s: float = ...,
    ) -> Segmentation:
        """Segment a uint8 RGB ``[H, W, 3]``, before a moment of ``time.monotonic``."""

    def self_refine(self, segmentation: Segmentation, *, deadline_s: float = ...) -> Segmentation:
        """Let the model mend what it is least sure of, before a moment of ``time.monotonic``."""

    def refer(self, image: FrameContext, description: str) -> Segmentation:
        """The one segment that a description means, or none, in a frame that was segmented."""

    def refine(
        self,
        segmentation: Segmentation,
        text: str = '',
        *,
        segment_id: str = '',
        target: RefineTarget = RefineTarget.AUTO,
        points: tuple[PointHint, ...] = (),
        label: str = '',
        remove: bool = False,
    ) -> Refinement:
        """Correct a segmented frame by a sentence, a label or clicks, or remove a segment."""


class Logger(Protocol):
    """What the worker uses of an rclpy logger; its methods may be called from any thread."""

    def info(self, message: str) -> object:
        """Log a fact."""

    def warning(self, message: str, *, throttle_duration_sec: float = ...) -> object:
        """Log what calls for a look, at most once in that time."""

    def error(self, message: str, *, throttle_duration_sec: float = ...) -> object:
        """Log a failure, at most once in that time."""


class ModelState(Enum):
    """The value is the word in logs and diagnostics.

    ``NO_MEMORY``: the last frame found too little, the next one is tried.  ``LOST``: this process
    cannot use the GPU any more.
    """

    LOADING = 'LOADING'
    READY = 'READY'
    NO_MEMORY = 'NO_MEMORY'
    LOST = 'LOST'
    FAILED = 'FAILED'
    STOPPED = 'STOPPED'


_REASONS = {ModelState.NO_MEMORY: 'OOM', ModelState.LOST: 'DEVICE_LOST'}
"""What a frame is rejected for."""

Job: TypeAlias = Callable[[Segmenter], None]


class ModelWorker:
    """Runs ``load`` once and then, in turn, ``process_frame`` and submitted jobs.

    All three run in the worker's thread.  ``process_frame`` reports the end of its frame to the
    inbox itself; if it raises, the worker counts the frame as rejected, with the reason
    ``MODEL_OUTPUT`` for a ``ModelOutputError``, ``OOM`` where there was too little memory,
    ``DEVICE_LOST`` where the GPU is gone for this process, and ``MODEL`` for anything else.
    """

    def __init__(
        self,
        load: Callable[[], Segmenter],
        inbox: CameraInbox[Any],
        process_frame: Callable[[Segmenter, Frame[Any]], None],
        logger: Logger,
    ) -> None:
        self._load = load
        self._inbox = inbox
        self._process_frame = process_frame
        self._logger = logger
        self._changed = threading.Condition()
        self._jobs: deque[Job] = deque()
        self._segmenter: Segmenter | None = None
        self._state = ModelState.LOADING
        self._failure = ''
        self._progress, self._progress_s = '', 0.0
        self._must_stop = False
        self._frame_was_last = False
        self._predecessor: ModelWorker | None = None
        self._job_in_work: Job | None = None
        self._job_since_s = 0.0
        self._left_behind: threading.Thread | None = None
        self._thread = _daemon(self._run)

    @property
    def state(self) -> ModelState:
        """Where the worker stands."""
        return self._state

    @property
    def failure(self) -> str:
        """Why the model cannot be used; empty while it can."""
        return self._failure

    @property
    def progress(self) -> str:
        """What loading is at, and for how long; empty in any other state."""
        if self._state is not ModelState.LOADING or not self._progress:
            return ''
        return f'{self._progress} ({time.monotonic() - self._progress_s:.0f} s)'

    def start(self, after: ModelWorker | None = None) -> None:
        """Begin to load; ``after`` is a stopped worker whose model must be gone before."""
        self._predecessor = after
        self._thread.start()

    def wake(self) -> None:
        """Say that a frame waits in the inbox."""
        with self._changed:
            self._changed.notify()

    def submit(self, job: Job) -> bool:
        """Let a job wait for its turn; False if too many wait already."""
        with self._changed:
            if self._must_stop or len(self._jobs) >= MAX_WAITING_JOBS:
                return False
            self._jobs.append(job)
            self._changed.notify()
            return True

    def withdraw(self, job: Job) -> None:
        """Free the place of a job that nobody waits for any more.

        One that has begun cannot be stopped.  If it is only slow, whatever its client thinks, it
        comes to its end: a model is for one thread.  If it hangs, maybe for ever, it is left
        behind in its thread and another one serves on with the same model; of such jobs there is
        one at a time.
        """
        with self._changed:
            if job in self._jobs:
                self._jobs.remove(job)
            elif job is self._job_in_work:
                left_s = self._job_since_s + HANGS_AFTER_S - time.monotonic()
                timer = threading.Timer(max(0.0, left_s), self._leave_behind, (job,))
                timer.daemon = True
                timer.start()

    def _leave_behind(self, job: Job) -> None:
        with self._changed:
            if job is not self._job_in_work or self._is_one_left_behind:
                return
            self._logger.warning(
                'A correction has not ended in time; it is left behind, the stream goes on.'
            )
            thread = _daemon(self._serve)
            thread.start()  # before anybody can ask whether it is alive
            self._left_behind, self._thread = self._thread, thread

    @property
    def _is_one_left_behind(self) -> bool:
        return self._left_behind is not None and self._left_behind.is_alive()

    def stop(self) -> None:
        """Ask the thread to end after what it is doing, and forget waiting jobs."""
        with self._changed:
            self._must_stop = True
            self._jobs.clear()
            self._changed.notify()

    def join(self, timeout_s: float) -> bool:
        """Wait for the thread; True if it has ended."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        if self._predecessor is not None:
            self._note('waiting for the model before it to end')  # or both would be in memory
            while not self._predecessor.join(1.0):
                pass  # in between it may have got another thread, for its own hung
            self._predecessor = None
        self._segmenter = self._try_to_load()
        self._serve()

    def _serve(self) -> None:
        """Work until the worker must stop, or until this thread has been left behind."""
        segmenter = self._segmenter
        while segmenter is not None and self._wait_for_work():
            self._work_once(segmenter)
            if threading.current_thread() is not self._thread:
                return
        self._segmenter = None
        if self._state not in {ModelState.FAILED, ModelState.LOST}:
            self._state = ModelState.STOPPED

    def _try_to_load(self) -> Segmenter | None:
        if self._must_stop:
            return None
        try:
            with heard_by(ModelLog(self._logger, self._note)):
                segmenter = self._load()
            give_memory_back()
        except Exception as error:  # any library below may fail in its own way
            self._failure = _told(error)
            self._state = ModelState.FAILED
            self._logger.error(f'The model cannot be loaded. {self._failure}')
            return None
        self._state = ModelState.READY
        self._logger.info(f'The model {segmenter.name} is ready.')
        return segmenter

    def _note(self, progress: str) -> None:
        self._progress, self._progress_s = progress, time.monotonic()

    def _wait_for_work(self) -> bool:
        """Block until there is work (True) or the worker must stop (False)."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._must_stop or self._jobs or not self._inbox.is_empty
            )
            return not self._must_stop

    def _work_once(self, segmenter: Segmenter) -> None:
        with self._changed:
            is_turn = self._frame_was_last or self._inbox.is_empty
            job = self._jobs.popleft() if self._jobs and is_turn else None
        if job is not None:
            self._frame_was_last = False
            self._do(segmenter, job)
            return
        frame = self._inbox.take()
        if frame is not None:
            self._frame_was_last = True
            self._segment(segmenter, frame)

    def _do(self, segmenter: Segmenter, job: Job) -> None:
        self._job_since_s, self._job_in_work = time.monotonic(), job
        try:
            job(segmenter)
        except Exception as error:  # a job answers its own failures; this is a defect in it
            self._logger.error(f'A job failed. {_told(error)}')
        finally:
            with self._changed:
                if self._job_in_work is job:
                    self._job_in_work = None

    def _segment(self, segmenter: Segmenter, frame: Frame[Any]) -> None:
        try:
            self._process_frame(segmenter, frame)
            state, failure = ModelState.READY, ''
        except Exception as error:  # one frame must not end the stream
            state, failure = self._fail(frame, error)
        if state is ModelState.NO_MEMORY:
            try:
                give_memory_back()  # only now: the error has kept the tensors of its frame
            except Exception as error:  # what went wrong on a GPU before may be told of only here
                self._logger.error(f'Memory could not be given back. {_told(error)}')
                state, failure = self._judged(error)
        self._state, self._failure = state, failure

    def _fail(self, frame: Frame[Any], error: Exception) -> tuple[ModelState, str]:
        """Count and log a frame that failed; what that means for the model, and why."""
        state, failure = self._judged(error)
        reason = 'MODEL_OUTPUT' if isinstance(error, ModelOutputError) else 'MODEL'
        self._inbox.failed(frame.camera, _REASONS.get(state, reason))
        self._logger.error(
            f'A frame of camera {frame.camera!r} failed. {failure or _told(error)}',
            throttle_duration_sec=1.0,
        )
        return state, failure

    def _judged(self, error: Exception) -> tuple[ModelState, str]:
        """What an error means for the model, and why; one that cannot go on stops the worker."""
        if is_out_of_memory(error):
            failure = f'Too little memory on the device, a frame is dropped. {_told(error)}'
            return ModelState.NO_MEMORY, failure
        if is_device_lost():
            self._must_stop = True
            failure = f'The GPU is lost to this process, which has to end. {_told(error)}'
            return ModelState.LOST, failure
        return ModelState.READY, ''


def _daemon(run: Callable[[], None]) -> threading.Thread:
    """If the process has to end while the model loads or hangs, it does not wait for that."""
    return threading.Thread(target=run, name='rose_model', daemon=True)


def _told(error: Exception) -> str:
    return one_line(f'{type(error).__name__}: {error}')
