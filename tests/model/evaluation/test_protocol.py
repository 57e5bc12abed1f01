"""The paper's choice of what to refine (A.1), checked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from rose_model.evaluation.protocol import (
    ClassFault,
    PredictionFault,
    faulty_classes,
    faulty_predictions,
    union_minus_intersection,
)
from rose_model.records import RefinementCase

MASK, CATEGORY, MISSED = RefinementCase.MASK, RefinementCase.CATEGORY, RefinementCase.MISSED


def matrix_of(rows: list[list[int]]) -> np.ndarray:
    return np.array(rows, np.int64)


def test_umi_is_union_minus_intersection() -> None:
    """Class 0: 10 right, 4 missed, 3 too many; class 1: 7 right, 3 missed, 5 too many."""
    matrix = matrix_of([[10, 3], [2, 7], [2, 0]])
    # class 1 is predicted on 2 pixels of class 0 alone: its union is 7 + 3 + 2
    assert union_minus_intersection(matrix).tolist() == [4 + 3, 3 + 2]


@pytest.mark.parametrize(
    ('column', 'case', 'taken_for'),
    [
        ([20, 0, 0, 80], MASK, 0),  # recall 0.2 is not below 0.2
        ([19, 51, 0, 30], CATEGORY, 1),
        ([19, 50, 0, 31], MISSED, 0),  # half is not more than half
        ([0, 0, 0, 100], MISSED, 0),  # the non-object is nothing that it was taken for
        ([0, 40, 45, 15], MISSED, 0),
        ([0, 10, 60, 30], CATEGORY, 2),
    ],
)
def test_algorithm_1(column: list[int], case: RefinementCase, taken_for: int) -> None:
    matrix = np.zeros((4, 3), np.int64)
    matrix[:, 0] = column
    assert faulty_classes(matrix) == [ClassFault(0, case, taken_for)]


def test_the_five_highest_umi_of_the_classes_that_are_there() -> None:
    classes = 8
    matrix = np.zeros((classes + 1, classes), np.int64)
    for number in range(7):
        matrix[number, number], matrix[classes, number] = 50, number + 1
    matrix[7, 6] = 400  # class 7 is predicted and is not there
    faults = faulty_classes(matrix)
    assert [fault.number for fault in faults] == [6, 5, 4, 3, 2]
    assert faults[0] == ClassFault(6, CATEGORY, 7)


def test_what_is_right_or_unlabelled_is_left_alone() -> None:
    assert faulty_classes(matrix_of([[9, 0], [0, 0], [0, 0]])) == []
    assert faulty_classes(np.zeros((4, 3), np.int64)) == []


def test_ten_predictions_below_half_an_iou_by_objectness() -> None:
    iou = np.array([0.49, 0.5, 0.9, 0.1, 0.0] + [0.3] * 12)
    objectness = [0.2, 0.99, 0.98, 0.9, 1.0] + [0.5 - number / 100 for number in range(12)]
    is_right = [True] * 4 + [False] * 13
    faults = faulty_predictions(iou, objectness, is_right)
    assert faults[0] == PredictionFault(3, MASK)
    assert [fault.row for fault in faults] == [3, *range(5, 14)]
    assert {fault.case for fault in faults[1:]} == {CATEGORY}
    assert faulty_predictions(np.zeros(0), [], []) == []
