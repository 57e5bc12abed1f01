"""Segments stacked by class, checked by hand and against torchmetrics."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torchmetrics.classification import MulticlassJaccardIndex

from rose_model.evaluation.semantic import UNMAPPED, UNPREDICTED, Confusion
from rose_model.evaluation.stacking import ClassStack

CAR, ROAD = 0, 1
SIZE = (4, 6)


def class_of(name: str) -> int:
    return {'car': CAR, 'road': ROAD}.get(name, UNMAPPED)


def box(rows: slice, columns: slice) -> np.ndarray:
    mask = np.zeros(SIZE, bool)
    mask[rows, columns] = True
    return mask


@pytest.fixture
def layered(segment_of):
    """A road over everything (0.6), a car on it (0.8), a second car of less (0.3)."""
    return [
        segment_of(box(slice(0, 4), slice(0, 6)), 'road', objectness=0.6),
        segment_of(box(slice(1, 3), slice(1, 4)), 'car', objectness=0.8),
        segment_of(box(slice(1, 3), slice(3, 6)), 'car', objectness=0.3),
    ]


def test_each_pixel_belongs_to_the_highest_channel(layered) -> None:
    expected = np.full(SIZE, ROAD)
    expected[1:3, 1:4] = CAR  # the second car has less than the road
    stack = ClassStack.of(layered, class_of, SIZE, 0.1)
    np.testing.assert_array_equal(stack.classes(), expected)
    np.testing.assert_array_equal(
        ClassStack.of(layered[::-1], class_of, SIZE, 0.1).classes(), expected
    )


def test_a_class_is_the_maximum_of_its_segments_and_not_their_sum(segment_of) -> None:
    """Nine patches answer for a thing and one for stuff: a sum would let things win everywhere."""
    everything = box(slice(0, 4), slice(0, 6))
    cars = [segment_of(everything, 'car', objectness=0.4) for _ in range(9)]
    road = segment_of(everything, 'road', objectness=0.5)
    assert (ClassStack.of([*cars, road], class_of, SIZE, 0.1).classes() == ROAD).all()


def test_what_does_not_reach_the_non_object_is_no_prediction(layered) -> None:
    stack = ClassStack.of(layered, class_of, SIZE, 0.7)
    classes = stack.classes()
    assert (classes == CAR).sum() == 6
    assert (classes == UNPREDICTED).sum() == 18
    assert (ClassStack.of([], class_of, SIZE, 0.7).classes() == UNPREDICTED).all()


def test_what_is_kept_at_the_threshold_itself_counts(segment_of) -> None:
    segment = segment_of(box(slice(0, 1), slice(0, 1)), 'car', objectness=0.1)
    assert ClassStack.of([segment], class_of, SIZE, 0.1).classes()[0, 0] == CAR


def test_a_name_of_no_class_is_a_wrong_prediction_and_not_forgiven(layered, segment_of) -> None:
    lava = segment_of(box(slice(1, 3), slice(1, 4)), 'lava', objectness=0.9)
    classes = ClassStack.of([*layered, lava], class_of, SIZE, 0.1).classes()
    assert (classes[1:3, 1:4] == UNMAPPED).all()


def test_a_copy_is_changed_alone(layered) -> None:
    stack = ClassStack.of(layered, class_of, SIZE, 0.1)
    copy = stack.copy()
    copy.clear(CAR, np.ones(SIZE, bool))
    copy.clear(7, np.ones(SIZE, bool))
    assert (copy.classes() == ROAD).all()
    assert (stack.classes() == CAR).any()


def test_mean_iou_is_that_of_torchmetrics_with_a_class_more_for_the_non_object() -> None:
    """Pixels of the non-object on labelled ground stay false negatives; void is dropped."""
    rng = np.random.default_rng(5)
    classes, void = 6, 255
    mine = Confusion(classes)
    theirs = MulticlassJaccardIndex(classes + 1, average=None, ignore_index=void)
    for height, width in ((9, 7), (16, 5), (3, 40)):
        truth = rng.integers(0, classes - 1, (height, width))  # the last class never occurs
        truth[rng.random(truth.shape) < 0.1] = void
        predicted = np.where(rng.random(truth.shape) < 0.5, truth % classes, -1)
        guess = rng.integers(-2, classes, truth.shape)
        predicted = np.where(rng.random(truth.shape) < 0.4, guess, predicted)
        mine.add(predicted, truth)
        theirs.update(
            torch.from_numpy(np.where(predicted < 0, classes, predicted)), torch.from_numpy(truth)
        )
    expected = theirs.compute()[: classes - 1].numpy()
    np.testing.assert_allclose(mine.iou()[:-1], expected, rtol=1e-6)
    assert np.isnan(mine.iou()[-1])
    assert mine.mean_iou().value == pytest.approx(expected.mean())


def test_forgiving_the_non_object_would_raise_the_figure() -> None:
    """Detectron2 leaves the column of the non-object out of the truth's pixels; this does not."""
    truth = np.zeros((4, 4), np.int64)
    predicted = truth.copy()
    predicted[2:] = UNPREDICTED
    confusion = Confusion(1)
    confusion.add(predicted, truth)
    assert confusion.mean_iou().value == 0.5
