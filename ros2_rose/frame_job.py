"""One request about a published frame: taken by the executor, carried out by the worker, answered
once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from ros2_rose.history import (
    FrameExpiredError,
    FrameHistory,
    FrameLookupError,
    FrameRecord,
)
from ros2_rose.srv import Refine
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

# The first class that fits decides.  REJECTED stands for every other failure: nothing was changed.
_CODES: tuple[tuple[type[Exception], int], ...] = (
    (TextEmptyError, Codes.TEXT_EMPTY),
    (TextTooLongError, Codes.TEXT_TOO_LONG),
    (InvalidRequestError, Codes.INVALID_REQUEST),
    (NoSuchSegmentError, Codes.NO_SUCH_SEGMENT),
    (NotUnderstoodError, Codes.NOT_UNDERSTOOD),
    (FrameExpiredError, Codes.FRAME_EXPIRED),
    (FrameLookupError, Codes.NO_SUCH_FRAME),
)


@dataclass(frozen=True, eq=False)
class FrameAnswer:
    """What the client is told; on success with the frame and those of its segments that matter.

    ``is_correction``: the record takes the place of the frame in the history.  ``stays``: the
    labels of ``segments`` are those of the objects in later frames, too.
    """

    code: int
    message: str
    record: FrameRecord | None = None
    model: str = ''
    segments: tuple[Segment, ...] = ()
    removed: tuple[str, ...] = ()
    is_correction: bool = False
    stays: bool = False


FrameTask: TypeAlias = Callable[[Segmenter, FrameRecord], FrameAnswer]
"""What the model does with the frame, in its own thread; an exception is an answer, too."""

KeepLabels: TypeAlias = Callable[[str, tuple[Segment, ...]], None]
"""Lets the labels of a camera's segments stay with their objects."""


def answer_for(error: Exception) -> FrameAnswer:
    """The answer that tells an error."""
    code = next((code for kind, code in _CODES if isinstance(error, kind)), Codes.REJECTED)
    text = str(error) if isinstance(error, (RoseError, FrameLookupError)) else repr(error)
    return FrameAnswer(code, text or type(error).__name__)


class FrameJob:
    """A task on one frame; calling it carries the task out in the thread of the model.

    ``on_answer`` is called once, from whichever thread closes the job.  After that nothing is
    changed any more: a client that was told of a timeout can rely on it.  ``publish`` is called
    with a corrected frame, if given, and ``keep_labels`` with the segments whose labels stay.
    """

    def __init__(
        self,
        record: FrameRecord,
        task: FrameTask,
        history: FrameHistory,
        publish: Callable[[FrameRecord, Segmenter], None] | None,
        keep_labels: KeepLabels,
        on_answer: Callable[[FrameAnswer], None],
    ) -> None:
        self._camera = record.camera
        self._stamp_ns = record.stamp_ns
        self._task = task
        self._history = history
        self._publish = publish
        self._keep_labels = keep_labels
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
            # Looked up again: an earlier correction may have changed the frame while this one
            # waited.
            record = self._history.find(self._camera, self._stamp_ns)
            answer = self._task(segmenter, record)
        except Exception as error:  # every request is answered, whatever a library below does
            self.close(answer_for(error))
            return
        if not self._claim():
            return
        corrected = answer.record if answer.is_correction else None
        if corrected is not None:
            self._history.update(corrected)
        if answer.stays:
            self._keep_labels(self._camera, answer.segments)
        self._on_answer(answer)
        if corrected is not None and self._publish is not None:
            self._publish(corrected, segmenter)

    def _claim(self) -> bool:
        with self._lock:
            was_open, self._is_open = self._is_open, False
            return was_open
