"""What this machine can do at most: matrix products and reading memory, as PyTorch gets them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

_SIDE = 4096
_BYTES = 2**30
"""More than any cache holds."""
_ROUNDS = 7


@dataclass(frozen=True)
class Hardware:
    """``flops``: of the largest kind of matrix product, per second; ``bandwidth``: bytes read per
    second.
    """

    flops: float
    bandwidth: float

    def bound_s(self, flops: float, nbytes: float) -> float:
        """Seconds below which a pass cannot go: of that much work, over that much memory."""
        return max(flops / self.flops, nbytes / self.bandwidth)


def measure_hardware(dtype: torch.dtype) -> Hardware:
    """What the current number of threads gets here: the best of some rounds each."""
    return Hardware(gemm_rate(dtype), read_bandwidth())


def gemm_rate(dtype: torch.dtype, side: int = _SIDE) -> float:
    """FLOP/s of the product of two square matrices; 1 multiply-add is 2 FLOP."""
    left, right = (torch.randn(side, side).to(dtype) for _ in range(2))
    return 2 * side**3 / _least_s(lambda: left @ right)


def read_bandwidth(nbytes: int = _BYTES) -> float:
    """Bytes per second of a sum over memory."""
    block = torch.ones(nbytes // 4)
    return nbytes / _least_s(block.sum)


def _least_s(run: Callable[[], object]) -> float:
    run()
    times_s = []
    for _ in range(_ROUNDS):
        start_s = time.perf_counter()
        run()
        times_s.append(time.perf_counter() - start_s)
    return min(times_s)
