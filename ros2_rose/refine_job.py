"""One correction on its way: asked by the executor, carried out by the worker, answered once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from ros2_rose.conversions import RefineArguments
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

_Codes = Refine.Response

# The first class that fits decides.  REJECTED stands for every other failure: nothing was changed.
_CODES: tuple[tuple[type[Exception], int], ...] = (
    (TextEmptyError, _Codes.TEXT_EMPTY),
    (TextTooLongError, _Codes.TEXT_TOO_LONG),
    (InvalidRequestError, _Codes.INVALID_REQUEST),
    (NoSuchSegmentError, _Codes.NO_SUCH_SEGMENT),
    (NotUnderstoodError, _Codes.NOT_UNDERSTOOD),
    (FrameExpiredError, _Codes.FRAME_EXPIRED),
    (FrameLookupError, _Codes.NO_SUCH_FRAME),
)


@dataclass(frozen=True)
class RefineAnswer:
    """What the client is told; the record and what changed in it only on success."""

    code: int
    message: str
    record: FrameRecord | None = None
    model: str = ''
    changed: tuple[Segment, ...] = ()
    removed: tuple[str, ...] = ()


def answer_for(error: Exception) -> RefineAnswer:
    """The answer that tells an error."""
    code = next((code for kind, code in _CODES if isinstance(error, kind)), _Codes.REJECTED)
    text = str(error) if isinstance(error, (RoseError, FrameLookupError)) else repr(error)
    return RefineAnswer(code, text or type(error).__name__)


def check_segment(record: FrameRecord, segment_id: str) -> None:
    """Refuse an id that the frame does not have; an empty one is right for what was missed.

    Raises:
        NoSuchSegmentError: says which ids there are.
    """
    if segment_id and record.segmentation.find(segment_id) is None:
        known = ', '.join(segment.id for segment in record.segmentation.segments[:20])
        raise NoSuchSegmentError(
            f'The frame has no segment {segment_id[:64]!r}; it has: {known or "none"}.'
        )


class RefineJob:
    """A correction of one frame; calling it carries it out in the thread of the model.

    ``on_answer`` is called once, from whichever thread closes the job.  After that nothing is
    changed any more: a client that was told of a timeout can rely on it.
    """

    def __init__(
        self,
        record: FrameRecord,
        arguments: RefineArguments,
        history: FrameHistory,
        publish: Callable[[FrameRecord, Segmenter], None] | None,
        on_answer: Callable[[RefineAnswer], None],
    ) -> None:
        self._camera = record.camera
        self._stamp_ns = record.stamp_ns
        self._arguments = arguments
        self._history = history
        self._publish = publish
        self._on_answer = on_answer
        self._lock = threading.Lock()
        self._is_open = True

    def close(self, answer: RefineAnswer) -> bool:
        """Answer the request if nobody has done so; True if this was the answer."""
        if self._claim():
            self._on_answer(answer)
            return True
        return False

    def __call__(self, segmenter: Segmenter) -> None:
        """Carry the correction out and answer; what goes wrong is an answer, too."""
        if not self._is_open:
            return
        try:
            # Looked up again: an earlier correction may have changed the frame while this one
            # waited.
            record = self._history.find(self._camera, self._stamp_ns)
            arguments = self._arguments
            refinement = segmenter.refine(
                record.segmentation,
                arguments.text,
                segment_id=arguments.segment_id,
                target=arguments.target,
                points=arguments.points,
            )
        except Exception as error:  # every request is answered, whatever a library below does
            self.close(answer_for(error))
            return
        if not self._claim():
            return
        corrected = record.corrected(refinement.segmentation)
        self._history.update(corrected)
        self._on_answer(
            RefineAnswer(
                Refine.Response.OK,
                f'{refinement.case.value}: {len(refinement.changed)} changed, '
                f'{len(refinement.removed)} removed.',
                corrected,
                segmenter.name,
                refinement.changed,
                refinement.removed,
            )
        )
        if self._publish is not None:
            self._publish(corrected, segmenter)

    def _claim(self) -> bool:
        with self._lock:
            was_open, self._is_open = self._is_open, False
            return was_open
