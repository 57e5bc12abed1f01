"""How fast a stage works, learnt while it works, so that a deadline can be kept."""

from __future__ import annotations

import math
from collections import deque

import numpy as np

_RUNS = 30
"""The newest runs that count: other processes come and go, and the pace with them."""
_MARGIN = 0.8
"""Share of the time that is planned for; runs differ."""


class Pace:
    """A run of n items takes about ``a + b n`` seconds, by least squares over the last runs."""

    def __init__(self) -> None:
        self._runs: deque[tuple[int, float]] = deque(maxlen=_RUNS)

    def add(self, count: int, seconds: float) -> None:
        """Learn from a run; one without items tells nothing."""
        if count:
            self._runs.append((count, seconds))

    def affordable(self, count: int, seconds: float) -> int:
        """How many of ``count`` items can be done in so many seconds, which may be infinite or
        negative.  Before the first run: all of them.
        """
        if not self._runs or math.isinf(seconds):
            return count
        counts, times = np.array(self._runs).T
        start_s, each_s = 0.0, float(times.mean() / counts.mean())
        if np.ptp(counts):
            slope, start = np.polyfit(counts, times, 1)
            start_s, each_s = max(0.0, float(start)), max(0.0, float(slope))
        left_s = _MARGIN * seconds - start_s
        if left_s <= 0:
            return 0
        return count if each_s * count <= left_s else int(left_s / each_s)
