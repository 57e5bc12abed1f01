"""Intervals: what is drawn, and how often the truth lies in them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rose_model.evaluation.bootstrap import (
    RESAMPLES,
    interval_of_mean,
    percentile_interval,
    resample_weights,
)


def test_every_resample_counts_every_image_and_as_many_as_there_are() -> None:
    weights = resample_weights(7)
    assert weights.shape == (RESAMPLES, 7)
    assert (weights > 0).all()
    np.testing.assert_allclose(weights.sum(axis=1), 7)
    assert resample_weights(7) is weights
    assert resample_weights(0).shape == (RESAMPLES, 0)


def test_an_image_counts_once_on_average_and_varies_as_if_it_were_drawn() -> None:
    weights = resample_weights(200)
    assert weights.mean() == pytest.approx(1.0)
    assert weights.var() == pytest.approx(1.0, rel=0.03)


def test_the_interval_holds_the_middle_95_percent_and_leaves_nan_out() -> None:
    values = np.append(np.arange(1001.0), np.nan)
    assert percentile_interval(values) == pytest.approx((25.0, 975.0))
    assert all(math.isnan(end) for end in percentile_interval(np.array([np.nan])))


def test_a_class_of_one_image_takes_the_spread_of_the_others() -> None:
    drawn = np.full((RESAMPLES, 2), 0.5)
    drawn[:, 0] += np.linspace(-0.1, 0.1, RESAMPLES)
    values = np.array([0.5, 0.5])
    low, high = interval_of_mean(values, drawn, np.array([20, 1]))
    known_low, known_high = interval_of_mean(values[:1], drawn[:, :1], np.array([20]))
    assert high - low > known_high - known_low


def test_of_classes_that_one_image_has_each_no_interval_is_known() -> None:
    drawn = np.full((RESAMPLES, 2), 0.5)
    ends = interval_of_mean(np.array([0.5, 0.5]), drawn, np.array([1, 1]))
    assert all(math.isnan(end) for end in ends)


def test_no_interval_of_a_mean_of_shares_leaves_0_to_1() -> None:
    drawn = np.linspace(0, 1, RESAMPLES)[:, None] * np.ones(3)
    low, high = interval_of_mean(np.full(3, 0.5), drawn, np.full(3, 2))
    assert (low, high) == (0.0, 1.0)


class Population:
    """Images with 40 common classes of an IoU of 0.6 and 40 rare ones of 0.2, each of which three
    of 100 images have.
    """

    images = 100
    shares = np.array([0.9] * 40 + [0.03] * 40)
    means = np.array([0.6] * 40 + [0.2] * 40)

    def draw(self, rng: np.random.Generator, images: int) -> tuple[np.ndarray, np.ndarray]:
        """Pixels of the intersection and of the union of each class, ``[images, C]``."""
        size = (images, len(self.shares))
        union = (rng.random(size) < self.shares) * rng.integers(50, 150, size)
        return union * np.clip(rng.normal(self.means, 0.15, size), 0, 1), union

    def sample(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """A data set in which every class occurs."""
        while True:
            right, union = self.draw(rng, self.images)
            if union.any(axis=0).all():
                return right, union


def coverage(interval, samples: int) -> tuple[float, float, float]:
    """How often the truth lies in the interval, below it and above it."""
    population = Population()
    right, union = population.draw(np.random.default_rng(0), 20_000)
    truth = float((right.sum(axis=0) / union.sum(axis=0)).mean())
    rng = np.random.default_rng(1)
    ends = np.array([interval(*population.sample(rng)) for _ in range(samples)])
    below, above = (truth < ends[:, 0]).mean(), (truth > ends[:, 1]).mean()
    return 1 - below - above, below, above


def by_weights(right: np.ndarray, union: np.ndarray) -> tuple[float, float]:
    weights = resample_weights(len(right))
    values = right.sum(axis=0) / union.sum(axis=0)
    drawn = (weights @ right) / (weights @ union)
    return interval_of_mean(values, drawn, np.count_nonzero(union, axis=0))


def by_drawing_images(right: np.ndarray, union: np.ndarray) -> tuple[float, float]:
    """Images drawn with replacement; the mean is over the classes that were drawn."""
    images = len(right)
    weights = np.random.default_rng(7).multinomial(images, np.full(images, 1 / images), RESAMPLES)
    drawn = np.full((RESAMPLES, right.shape[1]), np.nan)
    seen = weights @ union
    np.divide(weights @ right, seen, out=drawn, where=seen > 0)
    return percentile_interval(np.nanmean(drawn, axis=1))


def test_the_truth_lies_in_the_interval_of_a_mean_over_rare_classes_as_often_as_it_says() -> None:
    inside, below, above = coverage(by_weights, 120)
    assert inside > 0.91
    assert abs(below - above) < 0.05


def test_resamples_that_miss_a_class_lie_too_high() -> None:
    """Why images are weighed and not drawn."""
    inside, below, above = coverage(by_drawing_images, 60)
    assert inside < 0.8
    assert (above, below > 0.2) == (0, True)
