"""The pace of a stage: how many items fit into a time."""

import math

import pytest

from rose_model.pace import Pace


def pace_of(*runs):
    pace = Pace()
    for count, seconds in runs:
        pace.add(count, seconds)
    return pace


def test_before_the_first_run_everything_is_affordable():
    assert Pace().affordable(7, 0.0) == 7
    assert pace_of((0, 9.0)).affordable(7, 0.0) == 7


def test_without_a_deadline_everything_is_affordable():
    assert pace_of((1, 10.0)).affordable(7, math.inf) == 7


def test_what_is_fixed_and_what_each_item_takes_are_told_apart():
    pace = pace_of((10, 2.0), (20, 3.0))  # 1 s and 0.1 s an item; four fifths of the time count
    assert pace.affordable(50, 2.6) == 10
    assert pace.affordable(50, 1.25) == 0
    assert pace.affordable(5, 2.6) == 5


def test_runs_of_one_size_are_taken_for_items_alone():
    assert pace_of((10, 1.0), (10, 1.0)).affordable(50, 2.5) == 20


@pytest.mark.parametrize('seconds', [0.0, -1.0])
def test_no_time_is_enough_for_nothing(seconds):
    assert pace_of((10, 1.0)).affordable(5, seconds) == 0


def test_a_pace_that_changed_is_learnt_anew():
    pace = pace_of(*[(10, 1.0)] * 40, *[(10, 4.0)] * 30)
    assert pace.affordable(50, 2.5) == 5


def test_items_that_cost_nothing_are_all_affordable_once_the_rest_is():
    pace = pace_of((10, 1.0), (20, 1.0))
    assert pace.affordable(50, 1.5) == 50
    assert pace.affordable(50, 1.0) == 0
