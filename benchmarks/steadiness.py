"""How steady this machine is: what the same small work takes again and again, nothing beside it.

A node can be no steadier than its machine.  Virtual machines that share their cores differ from
moment to moment by a factor that no counter of the guest shows.
"""

from __future__ import annotations

import time

import numpy as np

from benchmarks.figures import Figure

_STEPS = 25_000
"""About two milliseconds."""
_RATE_HZ = 30


def steadiness(seconds: float) -> list[Figure]:
    """Times of an arithmetic loop in this process, as often as a camera has images."""
    times_ms = []
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        time.sleep(1 / _RATE_HZ)
        start_s = time.perf_counter()
        sum(step * step for step in range(_STEPS))
        times_ms.append(1e3 * (time.perf_counter() - start_s))
    p50_ms, p99_ms = np.percentile(times_ms, [50, 99])
    return [
        Figure('the same small work on the idle machine, p50', float(p50_ms), 'ms'),
        Figure('the same small work on the idle machine, p99', float(p99_ms), 'ms'),
    ]
