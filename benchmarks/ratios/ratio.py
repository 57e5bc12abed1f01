"""Two ways to the same result, timed in turn, with the first against itself as the control."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from typing import TypeVar

ROUNDS = 7
THREADS = 2
_CONTROL = 3.0
"""A ratio counts if it is further from 1 than this many times the control."""

RATIO_AT_LIMIT = 'ratio if ours were at the limit of the machine'
"""Name of an extra figure: the other's time over the bound of ours, at rates of the same turns."""

Output = TypeVar('Output')


@dataclass(frozen=True)
class Ratio:
    """How many times ``a`` fits into ``b``, by the medians.

    ``name``: what a and b are.  ``aa_spread``: how far the medians of two series of a, timed in
    the same turns, are apart, as a share.  ``outputs_equal``: both gave the same; ``None`` where
    they are different algorithms, with the counts that were forced upon both in ``forced``.
    ``at_least``: the goal.  ``extra``: what else was measured, by name.
    """

    name: str
    a_ms: float
    b_ms: float
    a_min_ms: float
    b_min_ms: float
    aa_spread: float
    outputs_equal: bool | None
    at_least: float | None = None
    forced: str = ''
    extra: dict[str, float] = field(default_factory=dict)

    @property
    def ratio(self) -> float:
        """``b_ms / a_ms``."""
        return self.b_ms / self.a_ms

    @property
    def is_valid(self) -> bool:
        """The outputs do not differ, and the ratio is no noise."""
        return self.outputs_equal is not False and abs(self.ratio - 1) > _CONTROL * self.aa_spread

    @property
    def holds(self) -> bool:
        """It is valid and as high as it should be."""
        return self.is_valid and (self.at_least is None or self.ratio >= self.at_least)


def compare(
    name: str,
    a: Callable[[], Output],
    b: Callable[[], Output],
    equal: Callable[[Output, Output], bool] | None,
    *,
    at_least: float | None = None,
    forced: str = '',
    rounds: int = ROUNDS,
) -> Ratio:
    """Time a, b, a in turn, after one turn to warm up, whose outputs are compared.

    ``equal``: whether the outputs are the same; ``None`` for different algorithms, ``forced``
    then says what both were held to.
    """
    outputs_equal = None if equal is None else equal(a(), b())
    if equal is None:
        a(), b()
    first, other, again = [], [], []
    for _ in range(rounds):
        first.append(time_ms(a))
        other.append(time_ms(b))
        again.append(time_ms(a))
    return Ratio(
        name=name,
        a_ms=median(first + again),
        b_ms=median(other),
        a_min_ms=min(first + again),
        b_min_ms=min(other),
        aa_spread=abs(median(first) / median(again) - 1),
        outputs_equal=outputs_equal,
        at_least=at_least,
        forced=forced,
    )


def time_ms(run: Callable[[], object]) -> float:
    """Milliseconds of one run, the garbage collector at rest."""
    gc.collect()
    gc.disable()
    try:
        start_s = time.perf_counter()
        run()
        return 1e3 * (time.perf_counter() - start_s)
    finally:
        gc.enable()
