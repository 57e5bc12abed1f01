"""Mean IoU, checked by hand on 4 x 4 pixels."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from rose_model.evaluation.semantic import (
    UNMAPPED,
    UNPREDICTED,
    Confusion,
    StuffIou,
    by_table,
    paint,
)

TRUTH = np.array([[0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 1, 255], [2, 2, 1, 255]], np.uint8)


def test_a_hand_computed_case() -> None:
    """Class 0: 4 right of 6, 1 more predicted: 4/7.  Class 1: 5 right of 6: 5/6.  Class 2: 0."""
    predicted = np.array([[0, 0, 1, 1], [0, 0, 1, 1], [-1, -2, 0, 0], [-1, 1, 1, 1]])
    confusion = Confusion(4)
    confusion.add(predicted, TRUTH)
    # the 1 at (3, 1) is predicted on class 2 and joins the union of class 1
    np.testing.assert_allclose(confusion.iou(), [4 / 7, 5 / 7, 0, np.nan])
    assert confusion.mean_iou().value == pytest.approx((4 / 7 + 5 / 7 + 0) / 3)


def test_unlabelled_pixels_are_dropped_and_unpredicted_ones_are_not() -> None:
    full = np.where(TRUTH == 255, 0, TRUTH).astype(np.int64)
    confusion = Confusion(3)
    confusion.add(full, TRUTH)
    assert confusion.iou().tolist() == [1, 1, 1]
    confusion = Confusion(3)
    confusion.add(np.full_like(full, -1), TRUTH)
    assert confusion.iou().tolist() == [0, 0, 0]


def test_the_matrix_is_one_over_all_images() -> None:
    """IoU of the sums, not the mean of the images' IoU: 4 of 4 and 0 of 12 are 1/4."""
    confusion = Confusion(1)
    confusion.add(np.zeros((2, 2), np.int64), np.zeros((2, 2), np.uint8))
    confusion.add(np.full((3, 4), -1), np.zeros((3, 4), np.uint8))
    figure = confusion.mean_iou()
    assert figure.value == 0.25
    assert figure.low < 0.05 < 0.85 < figure.high
    assert figure.count == 2


def test_nothing_labelled_has_no_figure() -> None:
    confusion = Confusion(3)
    assert math.isnan(confusion.mean_iou().value)
    confusion.add(np.zeros((2, 2), np.int64), np.full((2, 2), 255, np.uint8))
    assert math.isnan(confusion.mean_iou().value)


def test_small_segments_are_painted_over_large_ones(sample, truth, segment_of, frame_of) -> None:
    everything = segment_of(np.ones((8, 12), bool), 'road', thing=False)
    frame = frame_of(sample, [truth(sample)[0], everything])
    painted = paint(frame.segmentation, by_table(('road', 'car'), {}))
    assert (painted[2:6, :4] == 1).all()
    assert (painted == 1).sum() == 16
    assert (painted == 0).sum() == 80


def test_names_are_classes_by_their_last_words_or_by_a_synonym() -> None:
    class_of = by_table(('car', 'sign', 'traffic sign'), {'lorry': 'car'})
    assert [class_of(name) for name in ('car', 'Red car', 'lorry', 'old lorry')] == [0, 0, 0, 0]
    assert class_of('round traffic sign') == 2
    assert class_of('scar') == class_of('') == UNMAPPED


def test_stuff_counts_on_stuff_alone(sample, truth, frame_of) -> None:
    """A thing painted wrongly costs nothing; half of the sky called grass costs half of it."""
    right = truth(sample)
    part = StuffIou(('sky', 'road', 'grass'))
    part.add(frame_of(sample, [replace(right[0], category='grass'), *right[1:]]))
    assert part.figures()['stuff_miou'].value == 1.0

    half = np.zeros((8, 12), bool)
    half[0] = True
    sky = right[4]
    grass = replace(sky, box_xyxy=(0, 0, 12, 1), mask=half[:1], category='grass')
    part = StuffIou(('sky', 'road', 'grass'))
    part.add(frame_of(sample, [*right, grass]))
    assert part.figures()['stuff_miou'].value == pytest.approx((0.5 + 1) / 2)


def test_an_empty_answer_has_no_stuff(sample, frame_of) -> None:
    part = StuffIou(('sky', 'road'))
    frame = frame_of(sample, [])
    part.add(frame)
    assert part.figures()['stuff_miou'].value == 0.0
    assert (paint(frame.segmentation, by_table(('sky',), {})) == UNPREDICTED).all()
