"""Ratios over images and their intervals."""

from __future__ import annotations

import math

import pytest

from rose_model.evaluation.figures import ImageRatio, Tally


def test_a_ratio_is_that_of_the_sums_and_not_the_mean_of_the_ratios() -> None:
    ratio = ImageRatio()
    ratio.add(1, 1, 1)
    ratio.add(0, 3, 1)
    figure = ratio.figure()
    assert figure.value == 0.25
    assert figure.low < 0.05 < 0.85 < figure.high
    assert figure.count == 2


def test_equal_images_leave_no_doubt() -> None:
    ratio = ImageRatio()
    for _ in range(20):
        ratio.add(1, 2, 2)
    figure = ratio.figure()
    assert (figure.low, figure.high) == pytest.approx((0.5, 0.5))


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
    assert (figure.value, figure.count) == (0.5, 200)
    assert figure.low < 0.05 < 0.95 < figure.high


def test_nothing_to_count_is_no_zero() -> None:
    tally = Tally()
    tally.add_items({'share': []})
    figure = tally.figures()['share']
    assert math.isnan(figure.value)
    assert math.isnan(figure.low)
    assert figure.count == 0
    assert Tally().figures() == {}
