"""A figure with its interval, and the counts over images that it is made of."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from rose_model.evaluation.bootstrap import percentile_interval, resample_weights


@dataclass(frozen=True)
class Figure:
    """``value`` with the ends ``low`` and ``high`` of its 95 % interval, over ``count`` items.

    NaN where there was nothing to count.
    """

    value: float
    low: float
    high: float
    count: int


Figures = dict[str, Figure]
"""Figures by their keys in the JSON record."""


class ImageRatio:
    """Sum of parts over sum of wholes, kept image by image: shares, means, cumulative IoU."""

    def __init__(self) -> None:
        self._parts: list[float] = []
        self._wholes: list[float] = []
        self._count = 0

    def add(self, part: float, whole: float, count: int) -> None:
        """One image: its ``part`` of a ``whole``, which ``count`` items make up."""
        self._parts.append(part)
        self._wholes.append(whole)
        self._count += count

    def figure(self) -> Figure:
        """The ratio over all images."""
        parts, wholes = np.asarray(self._parts, float), np.asarray(self._wholes, float)
        if wholes.sum() == 0:
            return Figure(math.nan, math.nan, math.nan, self._count)
        weights = resample_weights(len(wholes))
        drawn = (weights @ parts) / (weights @ wholes)
        value = float(parts.sum() / wholes.sum())
        return Figure(value, *percentile_interval(drawn), self._count)


class Tally:
    """Ratios under their keys; an image is added under all its keys at once."""

    def __init__(self) -> None:
        self._ratios: defaultdict[str, ImageRatio] = defaultdict(ImageRatio)

    def add_items(self, items: Mapping[str, Iterable[float]]) -> None:
        """One image's items under each key; their mean over all images becomes the figure."""
        for key, values in items.items():
            listed = [float(value) for value in values]
            self._ratios[key].add(sum(listed), len(listed), len(listed))

    def add_ratio(self, key: str, part: float, whole: float, count: int) -> None:
        """One image's ``part`` of a ``whole`` that ``count`` items make up."""
        self._ratios[key].add(part, whole, count)

    def figures(self) -> Figures:
        """A figure for every key."""
        return {key: ratio.figure() for key, ratio in self._ratios.items()}
