"""Ratios over images and their intervals."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rose_model.evaluation.bootstrap import RESAMPLES, percentile_interval, resample_weights
from rose_model.evaluation.figures import ImageRatio, Tally


def test_a_resample_draws_as_many_images_as_there_are() -> None:
    weights = resample_weights(7)
    assert weights.shape == (RESAMPLES, 7)
    assert (weights.sum(axis=1) == 7).all()
    assert resample_weights(7) is weights


def test_the_interval_holds_the_middle_95_percent_and_leaves_nan_out() -> None:
    values = np.append(np.arange(1001.0), np.nan)
    assert percentile_interval(values) == pytest.approx((25.0, 975.0))
    assert all(math.isnan(end) for end in percentile_interval(np.array([np.nan])))


def test_a_ratio_is_that_of_the_sums_and_not_the_mean_of_the_ratios() -> None:
    ratio = ImageRatio()
    ratio.add(1, 1, 1)
    ratio.add(0, 3, 1)
    figure = ratio.figure()
    assert figure.value == 0.25
    assert (figure.low, figure.high, figure.count) == (0.0, 1.0, 2)


def test_equal_images_leave_no_doubt() -> None:
    ratio = ImageRatio()
    for _ in range(20):
        ratio.add(1, 2, 2)
    assert ratio.figure().low == ratio.figure().high == 0.5


def test_the_interval_of_a_share_is_close_to_the_normal_one() -> None:
    ratio = ImageRatio()
    for index in range(400):
        ratio.add(index % 2, 1, 1)
    figure = ratio.figure()
    assert figure.high - figure.low == pytest.approx(2 * 1.96 * 0.5 / 20, rel=0.1)


def test_the_images_are_drawn_and_not_their_items() -> None:
    """100 equal items of one image are one observation: two such images are wide apart."""
    tally = Tally()
    tally.add_items({'share': [1.0] * 100})
    tally.add_items({'share': [0.0] * 100})
    figure = tally.figures()['share']
    assert (figure.value, figure.low, figure.high, figure.count) == (0.5, 0.0, 1.0, 200)


def test_nothing_to_count_is_no_zero() -> None:
    tally = Tally()
    tally.add_items({'share': []})
    figure = tally.figures()['share']
    assert math.isnan(figure.value)
    assert math.isnan(figure.low)
    assert figure.count == 0
    assert Tally().figures() == {}
