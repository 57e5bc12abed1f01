"""COCO's AP end to end: three rows, and what the oracle says."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rose_model.data.coco_masks import encode_mask
from rose_model.errors import RefinementRejectedError
from rose_model.evaluation.coco import evaluate_coco, open_split
from rose_model.evaluation.coco_benchmark import oracle_refine_instances
from rose_model.evaluation.opened import OpenedModel
from rose_model.evaluation.single import segment_of_mask
from rose_model.instructions import FOREGROUND, counting_sentence
from rose_model.presets import nano
from rose_model.records import FrameContext, Refinement, RefinementCase, RefineTarget

SIZE = (40, 60)


def rectangle(top: int, left: int, height: int, width: int) -> np.ndarray:
    mask = np.zeros(SIZE, bool)
    mask[top : top + height, left : left + width] = True
    return mask


CAR, BUS = rectangle(0, 0, 20, 20), rectangle(10, 30, 20, 20)


@pytest.fixture
def split(tmp_path: Path):
    (tmp_path / 'annotations').mkdir()
    (tmp_path / 'val').mkdir()
    Image.new('RGB', SIZE[::-1]).save(tmp_path / 'val' / '1.png')
    content = {
        'images': [{'id': 7, 'file_name': '1.png', 'height': SIZE[0], 'width': SIZE[1]}],
        'annotations': [
            {'id': n, 'image_id': 7, 'category_id': n, 'segmentation': encode_mask(mask)}
            for n, mask in ((1, CAR), (2, BUS))
        ],
        'categories': [{'id': 1, 'name': 'car'}, {'id': 2, 'name': 'bus'}],
    }
    (tmp_path / 'annotations' / 'instances_val.json').write_text(json.dumps(content))
    return open_split(tmp_path, 'val')


class Corrector:
    """Sees the upper third of both and calls both car; mends whatever it is told the box of."""

    def __init__(self, split, frame_of) -> None:
        self.config = nano()
        self._split, self._frame_of = split, frame_of
        self.heard: list[tuple[str, str, RefineTarget]] = []
        self.instructions: list[str | None] = []
        self.refined_itself: list[int] = []

    def segment(self, image, instruction=None, *, candidates=()):
        if isinstance(image, FrameContext):
            self.instructions.append(instruction)
        third = [rectangle(0, 0, 7, 20), rectangle(10, 30, 7, 20), rectangle(35, 0, 4, 60)]
        names = ['bus' if candidates else 'red car'] * 2 + ['road' if not candidates else 'car']
        segments = [
            replace(segment_of_mask(mask, name, 4), id=str(n), objectness=1 - n / 3)
            for n, (mask, name) in enumerate(zip(third, names, strict=True))
        ]
        return self._frame_of(self._split.images[0], segments).segmentation

    def self_refine(self, segmentation):
        self.refined_itself.append(len(segmentation.segments))
        return segmentation

    def refine(self, segmentation, text, *, segment_id='', target=RefineTarget.AUTO, points=()):
        self.heard.append((text, segment_id, target))
        old = segmentation.find(segment_id)
        mask, name = (CAR, 'car') if '[0.00, 0.00, 0.33, 0.50]' in text else (BUS, 'bus')
        if target is RefineTarget.MASK:
            name = old.category
        answer = replace(segment_of_mask(mask, name, 4), id=segment_id, revision=1)
        rest = tuple(item for item in segmentation.segments if item is not old)
        frame = segmentation.with_segments((*rest, answer))
        return Refinement(RefinementCase.MASK, (answer,), (), frame)

    def describe(self, image) -> str:
        return counting_sentence([])


def test_three_rows_by_every_rule(split, frame_of) -> None:
    model = Corrector(split, frame_of)
    figures = evaluate_coco(OpenedModel(model, model, None), split, range(1))
    measured = {key: figure.value for key, figure in figures.items()}
    assert measured['coco_ap'] == measured['coco_ap_self'] == 0  # IoU of a third
    assert measured['coco_ap_oracle'] == pytest.approx(1)
    assert measured['coco_ap_oracle_agnostic'] == pytest.approx(1)
    assert measured['coco_ap_oracle_strict'] == pytest.approx(0.5)  # a "red car" is no class
    assert measured['coco_refine_gain_oracle'] == pytest.approx(1 - 7 / 20)
    assert measured['coco_refine_harm_oracle'] == 0
    assert 'coco_ap_nearest' not in measured  # without a text tower
    assert {'ap', 'recall50', 'count_mae'} <= set(measured)
    assert model.instructions == [FOREGROUND]


def test_the_oracle_tells_right_classes_from_wrong_ones_and_gives_the_true_box(
    split, frame_of
) -> None:
    model = Corrector(split, frame_of)
    found = model.segment(split.images[0].image)
    instances = split.truth.instances(0)
    oracle_refine_instances(
        model, found, instances, split.truth.vocabulary, np.random.default_rng(0)
    )
    (car, bus) = model.heard  # by objectness; the road overlaps nothing
    assert car[1:] == ('0', RefineTarget.MASK)
    assert bus[1:] == ('1', RefineTarget.BOTH)
    assert '[0.00, 0.00, 0.33, 0.50]' in car[0]
    assert '[0.50, 0.25, 0.83, 0.75]' in bus[0]
    assert 'red car' in bus[0]


def test_the_tail_that_ap_needs_is_not_refined_by_the_model_itself(split, frame_of) -> None:
    """Of objectness 1, 2/3 and 1/3 the model itself would show two."""
    model = Corrector(split, frame_of)
    own = model.config.patch_filter.model_copy(update={'min_objectness': 0.5})
    model.config = model.config.model_copy(update={'patch_filter': own})
    figures = evaluate_coco(OpenedModel(model, model, None), split, range(1))
    assert model.refined_itself == [2]
    assert figures['coco_ar100_self_agnostic'].value == figures['coco_ar100_agnostic'].value


def test_what_is_refused_changes_nothing(split, frame_of) -> None:
    class Refuser(Corrector):
        def refine(self, *_, **__):
            raise RefinementRejectedError('no')

    model = Refuser(split, frame_of)
    found = model.segment(split.images[0].image)
    rng = np.random.default_rng(0)
    truth = split.truth
    refined = oracle_refine_instances(model, found, truth.instances(0), truth.vocabulary, rng)
    assert refined is found
    assert oracle_refine_instances(model, found, [], truth.vocabulary, rng) is found
