"""The whole evaluation on streets, with a model that knows the truth and spoils it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from rose_model.correction_grammar import read_request
from rose_model.data.sample import VOID, LabelledRegion, Sample
from rose_model.data.street_descriptions import descriptions
from rose_model.data.streets import render_scene
from rose_model.errors import NotUnderstoodError
from rose_model.evaluation.found import FoundRegions
from rose_model.evaluation.frames import FirstFrames, Frame, measure
from rose_model.evaluation.matching import iou_matrix, match_greedily
from rose_model.evaluation.streets import (
    CROWDED_THINGS,
    SPLITS,
    TEST_SIZE,
    THINGS,
    Split,
    evaluate_streets,
)
from rose_model.instructions import counting_sentence
from rose_model.postprocess import crop_mask
from rose_model.preprocess import FrameGeometry
from rose_model.presets import nano
from rose_model.records import (
    FrameContext,
    Refinement,
    RefinementCase,
    RefineTarget,
    Segment,
    Segmentation,
)
from rose_model.training.recipe import read_recipe
from rose_model.training.sources import streets

SCENES = range(SPLITS['test'].first, SPLITS['test'].first + 8)
KEYS = {
    'ap50',
    'ap',
    'ar100',
    'named_ap50',
    'stuff_miou',
    'name_exact_seen',
    'name_exact_unseen',
    'refer_ciou',
    'refer_giou',
    'refine_gain',
    'refine_gain_box_only',
    'refine_gain_wrong_text',
    'refine_right_minus_wrong',
    'refine_harm',
    'refine_gain_self',
    'refine_gain_oracle',
    'label_stated',
    'label_corrected',
    'count_mae',
    'ap50_self_gain',
    'ap50_oracle_gain',
    'click_iou',
    'click_iou_centre',
    'click_iou_without',
    'click_iou_alone',
    'click_missing_accepted',
    'click_missing_covers',
    'click_surplus_drops',
    'label_grammar',
    'label_grammar_held_out',
    'delete_ok',
    'delete_ok_frames',
    'area_direction',
    'area_direction_answered',
    'refer_absent_rejected',
    'refer_absent_rejected_vocabulary',
    'refer_absent_rejected_foreign',
    'refer_absent_rejected_senseless',
    'refer_present_lost',
    'missed_absent_rejected',
    'paraphrase_recall50',
    'paraphrase_segments_ratio',
}

Spoil = Callable[[list[Segment]], list[Segment]]


def segment_of(sample: Sample, index: int, **changes: object) -> Segment:
    region, crop = sample.regions[index], crop_mask(sample.mask(index))
    assert crop is not None
    segment = Segment(
        str(index), region.name, 0.9, 0.9, 0.9, region.is_thing, crop.box_xyxy, crop.mask, 0
    )
    return replace(segment, **changes)


class Oracle:
    """Knows the scenes in their order; ``spoil`` has its way with every segmentation."""

    name = 'oracle@00000000'

    def __init__(self, spoil: Spoil = lambda segments: segments, **scene_options: object) -> None:
        self.config = nano()
        self._scenes = iter(render_scene(n, TEST_SIZE, **scene_options) for n in SCENES)
        self._scene: Sample | None = None
        self._spoil = spoil

    def segment(self, image, instruction=None, *, candidates=()) -> Segmentation:
        if not isinstance(image, FrameContext):
            self._scene = next(self._scenes)
            assert np.array_equal(self._scene.image, image)
        segments = [segment_of(self._scene, i) for i in range(len(self._scene.regions))]
        geometry = FrameGeometry.of(TEST_SIZE, self.config)
        context = FrameContext(torch.zeros(0), torch.zeros(0), geometry)
        return Segmentation(tuple(self._spoil(segments)), TEST_SIZE, '', context)

    def refer(self, image, description: str) -> Segmentation:
        fitting = [
            segment_of(self._scene, index)
            for index, region in enumerate(self._scene.regions)
            if region.is_thing and description in descriptions(self._scene, index)
        ]
        assert len(fitting) <= 1
        return Segmentation(tuple(fitting), TEST_SIZE, '', image)

    def refine(
        self, segmentation, text='', *, segment_id='', target=RefineTarget.AUTO, points=(), **_
    ) -> Refinement:
        old = segmentation.find(segment_id)
        if points:
            (point,) = points
            index = int(self._scene.index_map[int(point.y), int(point.x)])
            return self._answer(segmentation, segment_of(self._scene, index, id=segment_id or 'n'))
        if old is not None and read_request(text).deletes(old.category):
            rest = tuple(item for item in segmentation.segments if item is not old)
            frame = segmentation.with_segments(rest)
            return Refinement(RefinementCase.DELETE, (), (old.id,), frame)
        about_name = target is RefineTarget.AUTO and (read_request(text).label or len(text) < 30)
        if old is not None and (target is RefineTarget.LABEL or about_name):
            iou = iou_matrix([old], self._scene)[0]
            name = read_request(text).label or self._scene.regions[iou.argmax()].name
            return self._answer(segmentation, replace(old, category=name, revision=1))
        named = [i for i, region in enumerate(self._scene.regions) if region.name in text]
        if not named and old is None:
            raise NotUnderstoodError('no')
        candidates = named or range(len(self._scene.regions))
        best = max(candidates, key=lambda i: len(self._scene.regions[i].name))
        if old is not None:
            best = max(candidates, key=lambda i: iou_matrix([old], self._scene)[0, i])
        segment = segment_of(self._scene, best, id=segment_id or 'new', revision=1)
        return self._answer(segmentation, segment)

    @staticmethod
    def _answer(segmentation: Segmentation, segment: Segment) -> Refinement:
        rest = tuple(item for item in segmentation.segments if item.id != segment.id)
        frame = segmentation.with_segments((*rest, segment))
        return Refinement(RefinementCase.MASK, (segment,), (), frame)

    def self_refine(self, segmentation: Segmentation) -> Segmentation:
        return segmentation

    def describe(self, image) -> str:
        return counting_sentence(region.name for region in self._scene.regions)


@pytest.fixture(scope='module')
def perfect():
    return evaluate_streets(Oracle(), SCENES)


def test_who_knows_the_truth_has_perfect_figures(perfect) -> None:
    figures, _ = perfect
    costless = ('ap50', 'ap', 'ar100', 'named_ap50', 'stuff_miou', 'refer_ciou', 'refer_giou')
    found = ('recall50', 'precision50', 'small_recall50', 'stuff_recall50', 'stuff_precision50')
    named = ('name_exact_seen', 'name_exact_unseen', 'label_corrected', 'label_corrected_unseen')
    triggered = ('ap50_none', 'ap50_self', 'ap50_oracle')
    for key in (*costless, *found, *named, *triggered):
        assert figures[key].value == pytest.approx(1.0), key
        assert figures[key].low == pytest.approx(figures[key].high), key
        assert figures[key].count > 0, key
    assert figures['count_mae'].value == figures['count_unreadable'].value == 0
    assert figures['refine_gain'].value == pytest.approx(1 - figures['refine_iou_before'].value)
    assert figures['refine_right_minus_wrong'].low > 0
    clicks = ('click_iou', 'click_iou_alone', 'click_iou_centre')
    obeyed = ('delete_ok_frames', 'refer_absent_rejected', 'missed_absent_rejected')
    for key in (*clicks, *obeyed, 'paraphrase_recall50', 'paraphrase_recall50_paper'):
        assert figures[key].value == pytest.approx(1.0), key
        assert figures[key].count > 0, key
    lost = ('refer_present_lost', 'refer_present_lost_things', 'missed_present_lost')
    for key in (*lost, 'ap50_self_gain', 'ap50_oracle_gain', 'paraphrase_recall50_loss'):
        assert figures[key].value == 0, key


def test_every_promised_key_is_there_with_its_interval(perfect) -> None:
    figures, statistics = perfect
    assert set(figures) >= KEYS
    assert statistics.scenes == len(SCENES)


def test_the_same_scenes_give_the_same_figures(perfect) -> None:
    again, _ = evaluate_streets(Oracle(), SCENES)
    assert repr(again) == repr(perfect[0])


def test_no_answer_has_no_recall_and_nothing_is_divided_by_zero() -> None:
    figures, _ = evaluate_streets(Oracle(lambda segments: []), SCENES[:3])
    zero = ('ap50', 'ar100', 'named_ap50', 'stuff_miou', 'recall50', 'stuff_recall50')
    assert all(figures[key].value == 0 for key in zero)
    assert math.isnan(figures['name_exact_seen'].value)
    assert math.isnan(figures['precision50'].value)


def test_crowded_scenes_hold_more_than_training_ever_shows() -> None:
    oracle = Oracle(things=CROWDED_THINGS)
    figures, statistics = evaluate_streets(oracle, SCENES[:2], CROWDED_THINGS)
    assert statistics.things / statistics.scenes > 6
    assert figures['ap50'].value == pytest.approx(1.0)


def found_figures(spoil: Spoil) -> dict[str, float]:
    scenes = ((number, render_scene(number, TEST_SIZE)) for number in SCENES[:3])
    figures = measure(Oracle(spoil), scenes, [FoundRegions()])
    return {key: figure.value for key, figure in figures.items()}


def test_wrong_names_cost_names_only() -> None:
    figures = found_figures(lambda segments: [replace(s, category='pink') for s in segments])
    assert figures['recall50'] == figures['precision50'] == figures['stuff_recall50'] == 1
    assert figures['name_exact'] == figures['stuff_name_exact'] == 0


def test_answers_given_twice_cost_precision_only() -> None:
    figures = found_figures(lambda segments: [replace(s) for s in segments * 2])
    assert figures['recall50'] == figures['small_recall50'] == 1
    assert figures['precision50'] == figures['stuff_precision50'] == 0.5


def test_stuff_is_not_found_among_things() -> None:
    figures = found_figures(lambda segments: [replace(s, is_thing=True) for s in segments])
    assert figures['stuff_recall50'] == 0
    assert figures['recall50'] == 1
    assert figures['precision50'] < 1


def test_a_part_with_a_limit_sees_the_first_frames_only(sample, frame_of) -> None:
    class Seen:
        numbers: list[int] = []  # noqa: RUF012

        def add(self, frame: Frame) -> None:
            self.numbers.append(frame.number)

        def figures(self):
            return {}

    part = FirstFrames(Seen(), 2)
    for number in range(4):
        part.add(frame_of(sample, [], number))
    assert Seen.numbers == [0, 1]


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


def test_test_and_validation_scenes_are_apart() -> None:
    assert SPLITS['validation'].first - SPLITS['test'].first >= 1_000_000


def test_the_scenes_of_training_are_drawn_as_training_sees_them() -> None:
    recipe = read_recipe('overfit').whole
    split: Split = SPLITS['train']
    assert split.first == recipe.first_scene
    seen, drawn = streets().read(split.first), split.render(split.first, THINGS)
    assert (seen.image == drawn.image).all()
    assert seen.regions == drawn.regions
