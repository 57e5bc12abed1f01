"""The time in which a frame must be out, from the arrival of its image on."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from dataclasses import dataclass

from rose_model.records import Segmentation

_TAILS = 30


@dataclass(frozen=True)
class DeadlineCounts:
    """Frames that came with fewer masks or names for want of time, and those that came late."""

    cut: int
    late: int


class Deadline:
    """What is left of ``limit_s`` for the model, and what became of it; a limit of 0 is none.

    All moments are of ``time.monotonic``.  Written by one thread, read by another.
    """

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s or math.inf
        # What follows the model, such as making the message, takes its time, too.
        self._tails_s: deque[float] = deque([0.0], maxlen=_TAILS)
        self._lock = threading.Lock()
        self._cut = self._late = 0

    def for_model(self, received_s: float) -> float:
        """The moment when the model must have ended with an image that came at ``received_s``."""
        return received_s + self._limit_s - max(self._tails_s)

    def is_late(self, received_s: float, segmented_s: float) -> bool:
        """Whether a message is late that is ready now; ``segmented_s``: when the model ended."""
        now_s = time.monotonic()
        self._tails_s.append(now_s - segmented_s)
        return now_s - received_s > self._limit_s

    def count(self, segmentation: Segmentation, is_late: bool) -> None:
        """A frame was published."""
        with self._lock:
            self._cut += bool(segmentation.skipped_masks or segmentation.skipped_names)
            self._late += is_late

    def counts(self) -> DeadlineCounts:
        """Both counters."""
        with self._lock:
            return DeadlineCounts(self._cut, self._late)
