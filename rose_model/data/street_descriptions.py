"""Descriptions that fit exactly one thing of a street, for referring and for what was missed:
"the red car", "the leftmost car", "the largest person", "the red car on the left".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rose_model.data.sample import Sample

MIN_GAP = 0.08
"""A thing lies farther left than another only from this share of the image's width on."""
MIN_RATIO = 1.5
"""A thing is larger than another only from this ratio of the visible areas on."""


@dataclass(frozen=True)
class _Seen:
    """A thing as it appears: ``x`` of its visible centre and its ``area``, as shares."""

    name: str
    noun: str
    x: float
    area: float


def describe_thing(sample: Sample, index: int, rng: np.random.Generator) -> str | None:
    """A description, with its article, that fits region ``index`` and no other region.

    One of those that fit is drawn; ``None`` where none does, or where the region is stuff.
    """
    if not sample.regions[index].is_thing:
        return None
    fitting = descriptions(sample, index)
    return fitting[int(rng.integers(len(fitting)))] if fitting else None


def descriptions(sample: Sample, index: int) -> list[str]:
    """Every description that fits region ``index`` alone; its name first, if no other has it."""
    things = {
        number: _see(sample, number)
        for number, region in enumerate(sample.regions)
        if region.is_thing
    }
    me = things.pop(index)
    namesakes = [other for other in things.values() if other.name == me.name]
    kin = [other for other in things.values() if other.noun == me.noun]
    if not namesakes:
        whole_name = [f'the {me.name}']
    else:
        whole_name = [f'the {me.name} on the {side}' for side in _sides(me, namesakes)]
    if not kin:
        return whole_name
    extremes = [f'the {side}most {me.noun}' for side in _sides(me, kin)]
    return whole_name + extremes + [f'the {size} {me.noun}' for size in _sizes(me, kin)]


def distractors(sample: Sample, index: int) -> int:
    """How many other things have the noun of region ``index``."""
    noun = sample.regions[index].noun
    return sum(region.is_thing and region.noun == noun for region in sample.regions) - 1


def _see(sample: Sample, index: int) -> _Seen:
    mask, region = sample.mask(index), sample.regions[index]
    x = float(np.flatnonzero(mask.any(axis=0)).mean()) / mask.shape[1]
    return _Seen(region.name, region.noun, x, float(mask.mean()))


def _sides(me: _Seen, others: list[_Seen]) -> list[str]:
    if all(me.x < other.x - MIN_GAP for other in others):
        return ['left']
    return ['right'] if all(me.x > other.x + MIN_GAP for other in others) else []


def _sizes(me: _Seen, others: list[_Seen]) -> list[str]:
    if all(me.area > other.area * MIN_RATIO for other in others):
        return ['largest']
    return ['smallest'] if all(me.area * MIN_RATIO < other.area for other in others) else []
