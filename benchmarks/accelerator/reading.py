"""One measured value, with what it can be compared with."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.accelerator.timer import Times


@dataclass(frozen=True)
class Reading:
    """``value`` is a median where ``rounds`` is more than 1; ``p95`` the 95th percentile.

    ``bound``: what the hardware's limits leave at best, in the same unit.
    """

    name: str
    value: float
    unit: str = 'ms'
    p95: float | None = None
    rounds: int = 1
    bound: float | None = None
    note: str = ''

    @classmethod
    def of(cls, name: str, times: Times, bound_ms: float | None = None, note: str = '') -> Reading:
        """The reading of some runs."""
        return cls(name, times.p50_ms, 'ms', times.p95_ms, times.rounds, bound_ms, note)
