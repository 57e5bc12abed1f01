"""One request: taken by the executor, carried out by the worker, answered once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from ros2_rose.history import FrameExpiredError, FrameLookupError, FrameRecord
from ros2_rose.srv import Refine, Undo
from ros2_rose.worker import Segmenter
from rose_model.errors import (
    InvalidRequestError,
    NoSuchSegmentError,
    NotUnderstoodError,
    RoseError,
    TextEmptyError,
    TextTooLongError,
)
from rose_model.records import Segment

# All services answer with the codes of this one.
Codes = Refine.Response


class NoSuchCorrectionError(LookupError):
    """No correction that holds is the one that is meant."""


# The first class that fits decides.  REJECTED stands for every other failure: nothing was changed.
_CODES: tuple[tuple[type[Exception], int], ...] = (
    (TextEmptyError, Codes.TEXT_EMPTY),
    (TextTooLongError, Codes.TEXT_TOO_LONG),
    (InvalidRequestError, Codes.INVALID_REQUEST),
    (NoSuchSegmentError, Codes.NO_SUCH_SEGMENT),
    (NotUnderstoodError, Codes.NOT_UNDERSTOOD),
    (FrameExpiredError, Codes.FRAME_EXPIRED),
    (FrameLookupError, Codes.NO_SUCH_FRAME),
    (NoSuchCorrectionError, Undo.Response.NO_SUCH_CORRECTION),
)


@dataclass(frozen=True, eq=False)
class FrameAnswer:
    """What the client is told; on success with the frame and those of its segments that matter.

    ``accept``: what is to be done in the thread of the model if the client gets this answer; the
    frame was changed then.  ``correction_id``: of the correction that it takes back.
    """

    code: int
    message: str
    record: FrameRecord | None = None
    model: str = ''
    segments: tuple[Segment, ...] = ()
    removed: tuple[str, ...] = ()
    accept: Callable[[], None] | None = None
    correction_id: str = ''


def answer_for(error: Exception) -> FrameAnswer:
    """The answer that tells an error."""
    code = next((code for kind, code in _CODES if isinstance(error, kind)), Codes.REJECTED)
    is_ours = isinstance(error, (RoseError, FrameLookupError, NoSuchCorrectionError))
    text = str(error) if is_ours else repr(error)
    return FrameAnswer(code, text or type(error).__name__)


class FrameJob:
    """A task for the model; calling it carries the task out in the thread of the model.

    ``on_answer`` is called once, from whichever thread closes the job.  After that nothing is
    changed any more: a client that was told of a timeout can rely on it.  ``publish`` is called
    with a changed frame, if given.  An exception of the task is an answer, too.
    """

    def __init__(
        self,
        task: Callable[[Segmenter], FrameAnswer],
        publish: Callable[[FrameRecord, Segmenter], None] | None,
        on_answer: Callable[[FrameAnswer], None],
    ) -> None:
        self._task = task
        self._publish = publish
        self._on_answer = on_answer
        self._lock = threading.Lock()
        self._is_open = True

    def close(self, answer: FrameAnswer) -> bool:
        """Answer the request if nobody has done so; True if this was the answer."""
        if self._claim():
            self._on_answer(answer)
            return True
        return False

    def __call__(self, segmenter: Segmenter) -> None:
        """Carry the task out and answer; what goes wrong is an answer, too."""
        if not self._is_open:
            return
        try:
            answer = self._task(segmenter)
        except Exception as error:  # every request is answered, whatever a library below does
            self.close(answer_for(error))
            return
        if not self._claim():
            return
        try:
            if answer.accept is not None:
                answer.accept()
        except Exception as error:  # it is claimed: nobody else would answer
            self._on_answer(answer_for(error))
            return
        self._on_answer(answer)
        if answer.accept is not None and answer.record is not None and self._publish is not None:
            self._publish(answer.record, segmenter)

    def _claim(self) -> bool:
        with self._lock:
            was_open, self._is_open = self._is_open, False
            return was_open
