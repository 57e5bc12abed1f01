"""Figures that are right for answers whose worth is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rose_model.config import RoseConfig
from rose_model.data.sample import VOID, LabelledRegion, Sample
from rose_model.data.streets import render_scene
from rose_model.evaluation.matching import iou_matrix, match_greedily
from rose_model.evaluation.streets import GROUPS, TEST_SIZE, evaluate_streets
from rose_model.postprocess import crop_mask
from rose_model.presets import nano
from rose_model.records import Segment, Segmentation

SCENES = range(3)


def segment_of(sample: Sample, index: int, score: float = 0.9) -> Segment:
    region, crop = sample.regions[index], crop_mask(sample.mask(index))
    assert crop is not None
    return Segment(
        str(index), region.name, 0.9, score, 0.9, region.is_thing, crop.box_xyxy, crop.mask, 0
    )


class Oracle:
    """Answers with the ground truth of the scenes in turn, after ``spoil`` has had its way."""

    def __init__(self, spoil) -> None:
        self._scenes = iter(SCENES)
        self._spoil = spoil

    def __call__(self, image: np.ndarray) -> Segmentation:
        scene = render_scene(next(self._scenes), TEST_SIZE)
        assert np.array_equal(scene.image, image)
        segments = [segment_of(scene, index) for index in range(len(scene.regions))]
        return Segmentation(tuple(self._spoil(segments)), TEST_SIZE, '', None)


@pytest.fixture(scope='module')
def nano_config() -> RoseConfig:
    return nano()


def test_perfect_answers_have_perfect_figures(nano_config: RoseConfig) -> None:
    figures = evaluate_streets(Oracle(lambda segments: segments), nano_config, SCENES)
    for group in GROUPS:
        assert figures[group]['regions'] == figures[group]['predicted'] > 0
        for name in ('recall50', 'precision50', 'name_exact', 'noun_exact', 'mean_iou_of_found'):
            assert figures[group][name] == 1.0, (group, name)


def test_no_answer_has_no_recall_and_nothing_is_divided_by_zero(nano_config: RoseConfig) -> None:
    figures = evaluate_streets(Oracle(lambda segments: []), nano_config, SCENES)
    assert all(
        figures[group]['recall50'] == figures[group]['precision50'] == 0 for group in GROUPS
    )


def test_wrong_names_cost_names_only(nano_config: RoseConfig) -> None:
    def rename(segments: list[Segment]) -> list[Segment]:
        return [
            replace(s, category='pink ' + s.category.split(' ', 1)[1]) if s.is_thing else s
            for s in segments
        ]

    things = evaluate_streets(Oracle(rename), nano_config, SCENES)['things']
    assert things['recall50'] == things['noun_exact'] == 1.0
    assert things['name_exact'] == things['attribute_exact'] == 0.0


def test_answers_given_twice_cost_precision_only(nano_config: RoseConfig) -> None:
    figures = evaluate_streets(Oracle(lambda segments: segments * 2), nano_config, SCENES)
    assert figures['things']['recall50'] == 1.0
    assert figures['things']['precision50'] == 0.5


def test_stuff_is_not_found_among_things(nano_config: RoseConfig) -> None:
    def as_things(segments: list[Segment]) -> list[Segment]:
        return [replace(segment, is_thing=True) for segment in segments]

    figures = evaluate_streets(Oracle(as_things), nano_config, SCENES)
    assert figures['stuff']['recall50'] == 0.0
    assert figures['things']['recall50'] == 1.0
    assert figures['things']['precision50'] < 1.0


def test_iou_equals_that_of_full_masks_and_leaves_void_out() -> None:
    index_map = np.full((4, 6), VOID, np.uint8)
    index_map[:, :2], index_map[:2, 2:4] = 0, 1
    regions = (LabelledRegion('road', '', False), LabelledRegion('car', 'red', True))
    sample = Sample(np.zeros((4, 6, 3), np.uint8), index_map, regions)
    whole = Segment('', '', 1, 1, 1, True, (0, 0, 6, 4), np.ones((4, 6), bool), 0)
    np.testing.assert_allclose(iou_matrix([whole], sample), [[8 / 12, 4 / 12]])
    assert iou_matrix([], sample).shape == (0, 2)


def test_each_region_is_found_once_by_the_best_score() -> None:
    iou = np.array([[0.9, 0.0], [0.8, 0.0], [0.1, 0.6]])
    assert match_greedily(iou, [0.2, 0.9, 0.5], 0.5).tolist() == [-1, 0, 1]
    assert match_greedily(np.zeros((2, 0)), [0.5, 0.5], 0.5).tolist() == [-1, -1]
