"""What this machine can do at most: matrix products and reading memory, as PyTorch gets them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

import torch

_SIDE, _SMALL_SIDE = 4096, 1024
_BYTES = 2**30
"""More than any cache holds."""
_PRODUCT, _READ = 'matrix product', 'memory read'
_ROUNDS = 7


@dataclass(frozen=True)
class Hardware:
    """``flops``: of the largest kind of matrix product, per second; ``bandwidth``: bytes read per
    second; ``value_bytes``: of a number of the type that is multiplied.
    """

    flops: float
    bandwidth: float
    value_bytes: int

    def bound_s(self, flops: float, values: float) -> float:
        """Seconds below which a pass cannot go: of that much work, over so many numbers."""
        return max(flops / self.flops, values * self.value_bytes / self.bandwidth)

    def record(self) -> dict[str, float]:
        """Both rates by name, in units that are easy to read."""
        return {
            'product_tflop_per_s': self.flops / 1e12,
            'read_gb_per_s': self.bandwidth / 1e9,
        }


def probes(dtype: torch.dtype) -> dict[str, Callable[[], object]]:
    """The two pieces of work whose times tell what the machine can do, by name."""
    return {_PRODUCT: square_product(dtype, _SIDE), _READ: reading(_BYTES)}


def hardware_of(times_ms: Mapping[str, float], dtype: torch.dtype) -> Hardware:
    """What a machine can do that takes so many milliseconds for each of the ``probes``."""
    flops = 1e3 * 2 * _SIDE**3 / times_ms[_PRODUCT]
    return Hardware(flops, 1e3 * _BYTES / times_ms[_READ], dtype.itemsize)


@cache
def faster_dtype() -> torch.dtype:
    """The type in which this processor multiplies faster: bfloat16 with AMX, float32 without."""
    return max((torch.bfloat16, torch.float32), key=lambda dtype: gemm_rate(dtype, _SMALL_SIDE))


def measure_hardware(dtype: torch.dtype) -> Hardware:
    """What the current number of threads gets here: the best of some rounds each."""
    return Hardware(gemm_rate(dtype), read_bandwidth(), dtype.itemsize)


def gemm_rate(dtype: torch.dtype, side: int = _SIDE) -> float:
    """FLOP/s of the product of two square matrices; 1 multiply-add is 2 FLOP."""
    return 2 * side**3 / _least_s(square_product(dtype, side))


def read_bandwidth(nbytes: int = _BYTES) -> float:
    """Bytes per second of a sum over memory."""
    return nbytes / _least_s(reading(nbytes))


def square_product(dtype: torch.dtype, side: int) -> Callable[[], object]:
    """The product of two square matrices."""
    left, right = (torch.randn(side, side).to(dtype) for _ in range(2))
    return lambda: left @ right


def reading(nbytes: int) -> Callable[[], object]:
    """The sum over so much memory."""
    return torch.ones(nbytes // 4).sum


def _least_s(run: Callable[[], object]) -> float:
    run()
    times_s = []
    for _ in range(_ROUNDS):
        start_s = time.perf_counter()
        run()
        times_s.append(time.perf_counter() - start_s)
    return min(times_s)
