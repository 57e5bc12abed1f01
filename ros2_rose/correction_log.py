"""Accepted corrections on the disk, for training.

A thread of its own decodes the image, codes it as PNG and writes: neither the stream nor the
client waits for that.  What goes wrong there is counted and told, and costs that example only.
"""

from __future__ import annotations

import os
import secrets
import shutil
import threading
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from ros2_rose.conversions import image_to_rgb
from ros2_rose.corrections import Correction
from ros2_rose.history import FrameRecord
from ros2_rose.parameters import ParameterError
from ros2_rose.worker import Logger
from rose_model.correction_record import (
    CorrectionRecord,
    remove_correction,
    segment_records,
    write_correction,
)

MAX_WAITING = 8
"""Examples that wait for the writer; further ones are dropped."""
MIN_FREE_BYTES = 2**30
"""The log leaves so much of the disk to others."""


@dataclass(frozen=True, eq=False)
class Logged:
    """A correction with its frame before and after it."""

    correction: Correction
    record: FrameRecord
    corrected: FrameRecord
    model: str


@dataclass(frozen=True)
class LogCounts:
    """What became of accepted corrections.  ``removed``: they were taken back.  ``dropped``: too
    many waited.  ``failure``: why the last one was not stored; empty if it was.
    """

    written: int = 0
    removed: int = 0
    failed: int = 0
    dropped: int = 0
    failure: str = ''


def check_log_folder(path: str) -> None:
    """Make the folder if there is none; an empty path is no folder.

    Raises:
        ParameterError: it cannot be made or written.
    """
    if not path:
        return
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ParameterError(f'correction_log: cannot make {path}: {error.strerror}.') from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ParameterError(f'correction_log: {path} cannot be written; change its owner.')


class CorrectionLog:
    """Stores corrections below a folder; its methods may be called from any thread and return at
    once.

    ``max_pixels``: as for the images of the node.
    """

    def __init__(self, folder: Path, max_pixels: int, logger: Logger) -> None:
        self._folder = folder
        self._max_pixels = max_pixels
        self._logger = logger
        self._session = secrets.token_hex(4)  # ids begin at 1 again in each session
        self._changed = threading.Condition()
        self._waiting: deque[Logged | str] = deque()
        self._counts = LogCounts()
        self._must_end = False
        self._thread = threading.Thread(target=self._run, name='rose_log', daemon=True)
        self._thread.start()

    @property
    def counts(self) -> LogCounts:
        """What became of the corrections so far."""
        return self._counts

    def put(self, logged: Logged) -> None:
        """Store a correction soon, unless too many wait.

        A segment that a deadline has left without a name, and the correction, too, teaches none;
        that a segment was deleted teaches something whatever its name was.
        """
        after = logged.correction.after
        if after is not None and not after.category:
            return
        with self._changed:
            if len(self._waiting) >= MAX_WAITING or self._must_end:
                self._count(dropped=1)
            else:
                self._waiting.append(logged)
                self._changed.notify()

    def discard(self, correction: Correction) -> None:
        """Remove a correction that was taken back."""
        with self._changed:
            self._waiting.append(self._name(correction))
            self._changed.notify()

    def close(self) -> None:
        """Take nothing any more; what waits is still written."""
        with self._changed:
            self._must_end = True
            self._changed.notify()

    def join(self, timeout_s: float) -> bool:
        """Wait for the writer; true if it has ended."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _name(self, correction: Correction) -> str:
        return f'{correction.stamp_ns}_{correction.camera}_{self._session}_{correction.id}'

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._must_end)
                if not self._waiting:
                    return
                item = self._waiting.popleft()
            try:
                self._do(item)
            except Exception as error:  # one example must not end the log
                self._failed(f'{type(error).__name__}: {error}')

    def _do(self, item: Logged | str) -> None:
        if isinstance(item, str):
            self._count(removed=int(remove_correction(self._folder, item)))
            return
        free = shutil.disk_usage(self._folder).free
        if free < MIN_FREE_BYTES:
            self._failed(
                f'only {free / 1e6:.0f} MB are free in {self._folder}, {MIN_FREE_BYTES / 1e6:.0f} '
                'MB are left to others; make room.'
            )
            return
        image = image_to_rgb(item.record.image, self._max_pixels)
        name = self._name(item.correction)
        write_correction(self._folder, name, _record(item), image)
        self._count(written=1, failure='')

    def _failed(self, reason: str) -> None:
        was_well = not self._counts.failure
        self._count(failed=1, failure=reason)
        if was_well:  # the others of a full disk are counted
            self._logger.warning(f'A correction is not logged. {reason}')

    def _count(
        self,
        written: int = 0,
        removed: int = 0,
        failed: int = 0,
        dropped: int = 0,
        failure: str | None = None,
    ) -> None:
        with self._changed:
            counts = self._counts
            self._counts = LogCounts(
                written=counts.written + written,
                removed=counts.removed + removed,
                failed=counts.failed + failed,
                dropped=counts.dropped + dropped,
                failure=counts.failure if failure is None else failure,
            )


def _record(logged: Logged) -> CorrectionRecord:
    correction, frame = logged.correction, logged.record.segmentation
    height, width = frame.original_size
    return CorrectionRecord(
        height=height,
        width=width,
        camera=correction.camera,
        stamp_ns=correction.stamp_ns,
        model=logged.model,
        instruction=frame.instruction,
        text=correction.text,
        label=correction.label,
        case=correction.case,
        target=correction.target,
        scope=correction.scope.value,
        points=correction.points,
        segment_id=correction.segment_id,
        before=segment_records(frame.segments),
        after=segment_records(logged.corrected.segmentation.segments),
    )
