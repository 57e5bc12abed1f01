"""A frame too long to be timed whole: its parts are timed in turn, and put together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median

from benchmarks.ratios.ratio import ROUNDS, Ratio, time_ms

Parts = Mapping[str, Callable[[], object]]
Times = Mapping[str, float]
"""Milliseconds by the name of a part."""


@dataclass(frozen=True)
class PartTimes:
    """``first``, ``again``: medians of two series of a's parts, timed in the same turns.
    ``whole``: medians of all that was timed of both sides; ``least``: its minima.
    """

    first: Times
    again: Times
    whole: Times
    least: Times


def time_parts(a: Parts, b: Parts, rounds: int = ROUNDS) -> PartTimes:
    """Time a, b, a in turn, after one turn to warm up.  What both sides have in common is among
    a's parts.
    """
    for run in (*a.values(), *b.values()):
        run()
    first: dict[str, list[float]] = {name: [] for name in a}
    other: dict[str, list[float]] = {name: [] for name in b}
    again: dict[str, list[float]] = {name: [] for name in a}
    for _ in range(rounds):
        for parts, times in ((a, first), (b, other), (a, again)):
            for name, run in parts.items():
                times[name].append(time_ms(run))
    everything = {name: first[name] + again[name] for name in a} | other
    return PartTimes(
        first={name: median(times) for name, times in first.items()},
        again={name: median(times) for name, times in again.items()},
        whole={name: median(times) for name, times in everything.items()},
        least={name: min(times) for name, times in everything.items()},
    )


def compose(
    name: str,
    times: PartTimes,
    a: Callable[[Times], float],
    b: Callable[[Times], float],
    *,
    forced: str = '',
    at_least: float | None = None,
) -> Ratio:
    """The ratio of two wholes that ``a`` and ``b`` put together from times of parts."""
    return Ratio(
        name=name,
        a_ms=a(times.whole),
        b_ms=b(times.whole),
        a_min_ms=a(times.least),
        b_min_ms=b(times.least),
        aa_spread=abs(a(times.first) / a(times.again) - 1),
        outputs_equal=None,
        at_least=at_least,
        forced=forced,
    )


def at_depth(times: Times, name: str, depths: tuple[int, int], depth: int) -> float:
    """The time of ``'NAME/DEPTH'`` at another depth than the two that were timed: an affine
    function.
    """
    low, high = depths
    a, b = times[f'{name}/{low}'], times[f'{name}/{high}']
    return a + (b - a) * (depth - low) / (high - low)
