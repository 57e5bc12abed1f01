"""Clicks on things and on faults of masks, with models whose obedience is known."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from rose_model.errors import NotUnderstoodError
from rose_model.evaluation.clicked_faults import ClickedFaults
from rose_model.evaluation.clicked_things import ClickedThings
from rose_model.evaluation.clicking import click_at_centre, click_on, is_at
from rose_model.evaluation.single import segment_of_mask
from rose_model.records import Refinement, RefinementCase

from .conftest import RED_CAR


def values(part) -> dict[str, float]:
    return {key: figure.value for key, figure in part.figures().items()}


def answer_of(segmentation, mask, segment_id: str = '') -> Refinement:
    segment = replace(segment_of_mask(mask, 'car', 4), id=segment_id or 'new')
    rest = tuple(item for item in segmentation.segments if item.id != segment_id)
    frame = segmentation.with_segments((*rest, segment))
    return Refinement(RefinementCase.MASK, (segment,), (), frame)


class Clicked:
    """Answers with the region under the click; without a click it is asked in vain."""

    def __init__(self, sample) -> None:
        self.sample = sample
        self.asked: list[tuple[str, str, tuple]] = []

    def refine(self, segmentation, text='', *, segment_id='', points=(), **_) -> Refinement:
        self.asked.append((text, segment_id, points))
        if not points:
            raise NotUnderstoodError('no')
        point = points[0]
        index = self.sample.index_map[int(point.y), int(point.x)]
        if segment_id:
            index = RED_CAR
        return answer_of(segmentation, self.sample.mask(int(index)), segment_id)


def test_who_finds_what_is_clicked_on_needs_the_click_alone(sample, frame_of) -> None:
    model = Clicked(sample)
    part = ClickedThings(model)
    part.add(frame_of(sample, []))
    figures = values(part)
    assert figures['click_iou'] == figures['click_iou_alone'] == 1
    assert figures['click_iou_centre'] == 1
    assert figures['click_iou_without'] == 0
    assert figures['click_iou_gain'] == 1
    assert part.figures()['click_iou'].count == 2  # the dog is small
    texts = {text for text, *_ in model.asked}
    assert texts == {'You missed the red car.', 'You missed the blue car.', ''}
    assert {segment_id for _, segment_id, _ in model.asked} == {''}


def test_nothing_is_left_of_the_segments_where_a_thing_is_missed(sample, truth, frame_of) -> None:
    class Empty(Clicked):
        def refine(self, segmentation, *arguments, **options):
            assert segmentation.segments == ()
            return super().refine(segmentation, *arguments, **options)

    ClickedThings(Empty(sample)).add(frame_of(sample, truth(sample)))


def test_clicks_fall_on_all_pixels_of_a_mask_and_on_no_other(sample) -> None:
    mask, rng = sample.mask(RED_CAR), np.random.default_rng(0)
    clicks = [click_on(mask, rng) for _ in range(400)]
    assert all(is_at(mask, click) and click.is_foreground for click in clicks)
    assert len({(click.x, click.y) for click in clicks}) == 16
    assert not click_on(mask, rng, is_foreground=False).is_foreground
    assert (click_at_centre(mask).x, click_at_centre(mask).y) == (1.5, 3.5)
    with pytest.raises(ValueError, match='empty mask'):
        click_on(np.zeros((2, 2), bool), rng)


@pytest.fixture
def faulty(sample, segment_of, frame_of, monkeypatch):
    """The red car without its last row, the blue one with a row of road too much."""
    monkeypatch.setattr('rose_model.evaluation.clicked_faults.LEAST_FAULT', 4)
    short, long = sample.mask(0), sample.mask(1)
    short[5], long[6, 4:8] = False, True
    return frame_of(sample, [segment_of(short, 'car', id='1'), segment_of(long, 'lorry', id='2')])


def test_an_obedient_model_covers_what_is_missing_and_drops_what_is_too_much(
    sample, faulty
) -> None:
    class Obedient(Clicked):
        def refine(self, segmentation, text='', *, segment_id='', points=(), **_):
            self.asked.append((text, segment_id, points))
            return answer_of(segmentation, sample.mask(int(segment_id) - 1), segment_id)

    model = Obedient(sample)
    part = ClickedFaults(model)
    part.add(faulty)
    figures = values(part)
    for key in ('missing_accepted', 'missing_covers', 'surplus_accepted', 'surplus_drops'):
        assert figures[f'click_{key}'] == 1, key
    assert figures['click_missing_gain'] == pytest.approx(1 - 12 / 16)
    assert figures['click_surplus_gain'] == pytest.approx(1 - 16 / 20)
    (missing, first, (inside,)), (surplus, second, (outside,)) = model.asked
    assert (first, second) == ('1', '2')
    assert (inside.is_foreground, inside.y) == (True, 5)
    assert (outside.is_foreground, outside.y) == (False, 6)
    assert 'car' in missing
    assert 'lorry' in surplus  # what the model has called it, and no more
    assert not any('red' in text or 'blue' in text for text, *_ in model.asked)


def test_a_refused_click_covers_nothing_and_gains_nothing(sample, faulty) -> None:
    class Refuser(Clicked):
        def refine(self, *_, **__):
            raise NotUnderstoodError('no')

    part = ClickedFaults(Refuser(sample))
    part.add(faulty)
    figures = values(part)
    assert figures['click_missing_accepted'] == figures['click_missing_covers'] == 0
    assert figures['click_surplus_drops'] == figures['click_missing_gain'] == 0


def test_an_answer_that_leaves_the_mask_as_it_was_obeys_nobody(sample, faulty) -> None:
    class Stubborn(Clicked):
        def refine(self, segmentation, text='', *, segment_id='', **_):
            old = segmentation.find(segment_id)
            return Refinement(RefinementCase.MASK, (old,), (), segmentation)

    part = ClickedFaults(Stubborn(sample))
    part.add(faulty)
    figures = values(part)
    assert figures['click_missing_accepted'] == figures['click_surplus_accepted'] == 1
    assert figures['click_missing_covers'] == figures['click_surplus_drops'] == 0


def test_right_masks_and_what_nobody_labelled_are_not_clicked_on(sample, truth, frame_of) -> None:
    """Small faults neither: a frame of right masks has no figure."""
    part = ClickedFaults(Clicked(sample))
    part.add(frame_of(sample, truth(sample)))
    part.add(frame_of(sample, []))
    assert all(math.isnan(value) for value in values(part).values())
