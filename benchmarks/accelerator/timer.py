"""Time on a device: CUDA events where there is CUDA, the clock elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

WARM_UP = 3
"""Runs before the first that counts: kernels are chosen, memory is taken, graphs are captured."""


@dataclass(frozen=True)
class Times:
    """Milliseconds of ``rounds`` runs: their median and their 95th percentile."""

    p50_ms: float
    p95_ms: float
    rounds: int

    @classmethod
    def of(cls, runs_ms: list[float]) -> Times:
        """The figures of single runs."""
        p50, p95 = np.percentile(runs_ms, (50, 95))
        return cls(float(p50), float(p95), len(runs_ms))


class Timer:
    """Times what runs on one device, in inference mode."""

    def __init__(self, device: torch.device) -> None:
        self._is_cuda = device.type == 'cuda'

    def wait(self) -> None:
        """Return when the device has nothing left to do."""
        if self._is_cuda:
            torch.cuda.synchronize()

    def on_device(self, run: Callable[[], object], rounds: int) -> Times:
        """Times between two events around the run, the device idle before it: what a run takes
        that begins now, its launches included.
        """
        return self._times(run, rounds, self._events_ms if self._is_cuda else self._clock_ms)

    def on_clock(self, run: Callable[[], object], rounds: int) -> Times:
        """Times by the clock until the device is done, for what works on the CPU, too."""
        return self._times(run, rounds, self._clock_ms)

    def once_ms(self, run: Callable[[], object]) -> float:
        """Milliseconds of one run by the clock, not warmed up."""
        with torch.inference_mode():
            return self._clock_ms(run)

    def _times(
        self,
        run: Callable[[], object],
        rounds: int,
        measure_ms: Callable[[Callable[[], object]], float],
    ) -> Times:
        with torch.inference_mode():
            for _ in range(WARM_UP):
                run()
            return Times.of([measure_ms(run) for _ in range(rounds)])

    def _clock_ms(self, run: Callable[[], object]) -> float:
        self.wait()
        start_s = time.perf_counter()
        run()
        self.wait()
        return 1e3 * (time.perf_counter() - start_s)

    def _events_ms(self, run: Callable[[], object]) -> float:
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        self.wait()
        begin.record()
        run()
        end.record()
        end.synchronize()
        return float(begin.elapsed_time(end))
