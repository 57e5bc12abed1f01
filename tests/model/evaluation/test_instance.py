"""Average precision by COCO's rules, on answers whose precision is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rose_model.data.sample import VOID, LabelledRegion, Sample
from rose_model.evaluation.bootstrap import resample_weights
from rose_model.evaluation.instance import InstanceAp
from rose_model.evaluation.resampled_precision import average_precision, detection_tables

ALL_RIGHT = pytest.approx(dict.fromkeys(('ap', 'ap50', 'ar100', 'named_ap50'), 1.0))


def box_mask(sample: Sample, rows: slice, columns: slice) -> np.ndarray:
    mask = np.zeros(sample.index_map.shape, bool)
    mask[rows, columns] = True
    return mask


def figures_of(*frames) -> dict[str, float]:
    part = InstanceAp()
    for frame in frames:
        part.add(frame)
    return {key: figure.value for key, figure in part.figures().items()}


def test_the_truth_has_full_precision_and_recall(sample, truth, frame_of) -> None:
    assert figures_of(frame_of(sample, truth(sample))) == ALL_RIGHT


def test_no_answer_has_none(sample, frame_of) -> None:
    assert set(figures_of(frame_of(sample, [])).values()) == {0.0}


def test_images_without_things_have_no_figure(frame_of) -> None:
    road = Sample(
        np.zeros((4, 4, 3), np.uint8),
        np.zeros((4, 4), np.uint8),
        (LabelledRegion('road', '', False),),
    )
    assert all(math.isnan(value) for value in figures_of(frame_of(road, [])).values())
    assert all(math.isnan(value) for value in figures_of().values())


def test_a_hand_computed_case(sample, truth, segment_of, frame_of) -> None:
    """Best score wrong, second right, the other car missed: precision 1/2 up to recall 1/2."""
    red_car = truth(sample)[0]
    on_the_road = segment_of(box_mask(sample, slice(6, 8), slice(0, 8)), 'red car', objectness=1.0)
    figures = figures_of(frame_of(sample, [on_the_road, red_car]))
    assert figures['ap50'] == pytest.approx(0.5 * 51 / 101)  # recalls 0.00 to 0.50
    assert figures['ar100'] == 0.5
    assert figures['named_ap50'] == pytest.approx(0.5 / 2)  # red car 1/2, blue car 0


def test_the_iou_decides_which_thresholds_are_passed(sample, segment_of, frame_of) -> None:
    """12 of 16 pixels: IoU 0.75 passes 0.50 to 0.75, six of ten thresholds."""
    cars = [
        segment_of(box_mask(sample, slice(2, 5), slice(left, left + 4)), 'red car')
        for left in (0, 4)
    ]
    figures = figures_of(frame_of(sample, cars))
    assert figures['ap50'] == 1.0
    assert figures['ap'] == pytest.approx(0.6)
    assert figures['ar100'] == pytest.approx(0.6)


def test_a_wrong_name_costs_the_named_precision_only(sample, segment_of, frame_of) -> None:
    cars = [segment_of(sample.mask(0), 'red car'), segment_of(sample.mask(1), 'green car')]
    figures = figures_of(frame_of(sample, cars))
    assert figures['ap50'] == 1.0
    assert figures['named_ap50'] == pytest.approx(0.5)


@pytest.mark.parametrize('region', [2, VOID])
def test_on_a_small_or_unlabelled_thing_nothing_is_right_or_wrong(
    sample, truth, segment_of, frame_of, region
) -> None:
    answer = [item for item in truth(sample) if item.is_thing and item.category != 'white dog']
    assert figures_of(frame_of(sample, answer)) == ALL_RIGHT
    extra = segment_of(sample.index_map == region, 'red car', objectness=1.0)
    assert figures_of(frame_of(sample, [*answer, extra])) == ALL_RIGHT


def test_stuff_is_no_instance(sample, truth, segment_of, frame_of) -> None:
    right = truth(sample)
    assert figures_of(frame_of(sample, right))['ap50'] == 1.0
    road = segment_of(sample.mask(3), 'road', objectness=1.0)  # called a thing
    assert figures_of(frame_of(sample, [road, *right[:2]]))['ap50'] < 1.0


def test_resampled_precision_is_cocos_where_every_image_counts_once(
    sample, segment_of, frame_of
) -> None:
    """The interval's own count of precision agrees with COCOeval on noisy answers."""
    rng = np.random.default_rng(3)
    part = InstanceAp()
    for number in range(12):
        segments = []
        for _ in range(6):
            top, left = rng.integers(0, 5), rng.integers(0, 9)
            mask = box_mask(sample, slice(top, top + 4), slice(left, left + 4))
            segments.append(segment_of(mask, 'red car', objectness=float(rng.random())))
        part.add(frame_of(sample, segments, number))
    evaluator = part.evaluation()
    (table,) = detection_tables(evaluator)
    once = np.ones((1, 12))
    mine = [average_precision(table, row, once)[0] for row in range(10)]
    np.testing.assert_allclose(mine, evaluator.eval['precision'][:, :, 0, 0, 0].mean(axis=1))
    figure = part.figures()['ap50']
    assert 0 < figure.low < figure.value < figure.high < 1
    assert figure.count == 24


def test_an_image_drawn_twice_is_two_images(sample, truth, segment_of, frame_of) -> None:
    miss = segment_of(box_mask(sample, slice(6, 8), slice(0, 8)), 'road')
    right, wrong = frame_of(sample, truth(sample)), frame_of(sample, [miss])
    part = InstanceAp()
    for frame in (right, wrong):
        part.add(frame)
    (table,) = detection_tables(part.evaluation())
    twice = average_precision(table, 0, np.array([[2.0, 1.0]]))[0]
    assert twice == pytest.approx(figures_of(right, right, wrong)['ap50'])
    assert resample_weights(2).shape[1] == 2
