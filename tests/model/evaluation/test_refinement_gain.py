"""Gains of refinement, with correctors whose skill is known."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from rose_model.data.sample import LabelledRegion, Sample, box_in_shares
from rose_model.errors import NotUnderstoodError, RefinementRejectedError
from rose_model.evaluation.frames import Frame
from rose_model.evaluation.protocol import MOST_PREDICTIONS
from rose_model.evaluation.refine import (
    MaskRefinement,
    another_name,
    with_mask,
)
from rose_model.evaluation.triggers import TriggeredRefinement, oracle_refine
from rose_model.postprocess import crop_mask
from rose_model.records import Refinement, RefinementCase, RefineTarget


def values(part) -> dict[str, float]:
    return {key: figure.value for key, figure in part.figures().items()}


@pytest.fixture
def street() -> Sample:
    """A car and a bus of 20 x 20 pixels on a road of 40 x 60."""
    index_map = np.full((40, 60), 2, np.uint8)
    index_map[10:30, 5:25], index_map[10:30, 35:55] = 0, 1
    regions = (
        LabelledRegion('car', 'green', True),
        LabelledRegion('bus', 'red', True),
        LabelledRegion('road', '', False),
    )
    return Sample(np.zeros((40, 60, 3), np.uint8), index_map, regions)


class Corrector:
    """Answers with the true mask of the region whose name the text holds; refuses the road."""

    def __init__(self, sample: Sample) -> None:
        self.sample = sample
        self.seen: list[tuple[str, str, RefineTarget]] = []

    def refine(self, segmentation, text='', *, segment_id='', target=RefineTarget.AUTO, **_):
        self.seen.append((text, segment_id, target))
        named = [i for i, region in enumerate(self.sample.regions) if region.name in text]
        if not named or not self.sample.regions[named[0]].is_thing:
            raise (RefinementRejectedError if segment_id else NotUnderstoodError)('no')
        crop = crop_mask(self.sample.mask(named[0]))
        old = segmentation.find(segment_id) if segment_id else None
        new = replace(
            old or with_mask_of(self.sample, segmentation, named[0]),
            box_xyxy=crop.box_xyxy,
            mask=crop.mask,
            revision=1,
        )
        rest = tuple(item for item in segmentation.segments if item is not old)
        frame = segmentation.with_segments((*rest, new))
        return Refinement(RefinementCase.MASK, (new,), (), frame)

    def self_refine(self, segmentation):
        return segmentation


def with_mask_of(sample: Sample, segmentation, index: int):
    frame = Frame(0, sample, segmentation, 9.0)
    return with_mask(frame, sample.mask(index), 'x').segments[0]


def test_a_corrector_that_obeys_gains_by_the_right_text_alone(street, frame_of) -> None:
    corrector = Corrector(street)
    part = MaskRefinement(corrector)
    for number in range(6):
        part.add(frame_of(street, [], number))
    figures = values(part)
    assert part.figures()['refine_gain'].count == 12
    assert 0.3 < figures['refine_iou_before'] < 0.95
    assert figures['refine_gain'] == pytest.approx(1 - figures['refine_iou_before'])
    assert figures['refine_gain_box_only'] == figures['refine_gain']
    assert figures['refine_gain_wrong_text'] < 0
    assert figures['refine_right_minus_wrong'] == pytest.approx(
        figures['refine_gain'] - figures['refine_gain_wrong_text']
    )
    assert part.figures()['refine_right_minus_wrong'].low > 0
    assert figures['refine_harm'] == figures['refine_target_shift'] == 0


def test_right_and_wrong_differ_in_the_name_alone(street, frame_of) -> None:
    corrector = Corrector(street)
    MaskRefinement(corrector).add(frame_of(street, []))
    masked = [item for item in corrector.seen if item[1]]
    boxed = [item for item in corrector.seen if not item[1]]
    assert len(masked) == len(boxed) == 4
    assert {target for *_, target in masked} == {RefineTarget.MASK}
    for first, second in (masked[:2], masked[2:], boxed[:2], boxed[2:]):
        words = {'green car', 'red bus', 'road'}
        right = next(word for word in words if word in first[0])
        wrong = next(word for word in words if word in second[0])
        assert right != wrong
        assert first[0].replace(right, '') == second[0].replace(wrong, '')
    assert [text.split(' It is in ')[1] for text, *_ in boxed[::2]] == [
        text.split(' It is in ')[1] for text, *_ in boxed[1::2]
    ]
    assert {text.split(' It is in ')[1] for text, *_ in boxed} == {
        '[0.08, 0.25, 0.42, 0.75].',
        '[0.58, 0.25, 0.92, 0.75].',
    }


def test_what_is_refused_changes_nothing_and_harms_nobody(street, frame_of) -> None:
    class Refuser(Corrector):
        def refine(self, *_, **__):
            raise RefinementRejectedError('no')

    part = MaskRefinement(Refuser(street))
    part.add(frame_of(street, []))
    figures = values(part)
    assert figures['refine_gain'] == figures['refine_gain_box_only'] == 0
    assert figures['refine_harm'] == figures['refine_right_minus_wrong'] == 0


def test_a_deletion_is_an_answer_without_a_mask_and_harms(street, frame_of) -> None:
    """``changed`` is empty then; once it was read as if something were in it."""

    class Deleter(Corrector):
        def refine(self, segmentation, text='', *, segment_id='', **_):
            kept = tuple(item for item in segmentation.segments if item.id != segment_id)
            frame = segmentation.with_segments(kept)
            return Refinement(RefinementCase.DELETE, (), (segment_id,), frame)

    part = MaskRefinement(Deleter(street))
    part.add(frame_of(street, []))
    figures = values(part)
    assert figures['refine_harm'] == 1
    assert figures['refine_gain'] == pytest.approx(-figures['refine_iou_before'])


def test_a_mask_on_another_thing_is_harm_and_a_shift(street, frame_of) -> None:
    class Swapper(Corrector):
        def refine(self, segmentation, text, **options):
            for mine, other in (('green car', 'red bus'), ('red bus', 'green car')):
                if mine in text:
                    return super().refine(segmentation, text.replace(mine, other), **options)
            return super().refine(segmentation, text, **options)

    part = MaskRefinement(Swapper(street))
    part.add(frame_of(street, []))
    figures = values(part)
    assert figures['refine_harm'] == figures['refine_target_shift'] == 1
    assert figures['refine_gain'] == pytest.approx(-figures['refine_iou_before'])


def test_without_large_things_nothing_is_refined(frame_of) -> None:
    road = Sample(
        np.zeros((4, 4, 3), np.uint8),
        np.zeros((4, 4), np.uint8),
        (LabelledRegion('road', '', False),),
    )
    part = MaskRefinement(Corrector(road))
    part.add(frame_of(road, []))
    assert math.isnan(values(part)['refine_gain'])
    assert another_name(road, 0, np.random.default_rng(0)) is None


def test_the_other_name_is_of_another_noun_if_there_is_one(sample) -> None:
    rng = np.random.default_rng(0)
    drawn = {another_name(sample, 0, rng) for _ in range(50)}
    assert drawn == {'white dog', 'road', 'sky'}


def test_a_box_is_tight_and_in_shares(sample) -> None:
    assert box_in_shares(sample.mask(1)) == (4 / 12, 2 / 8, 8 / 12, 6 / 8)


def test_a_given_mask_sits_at_its_own_patch(sample, frame_of) -> None:
    (segment,) = with_mask(frame_of(sample, []), sample.mask(1), 'car').segments
    assert segment.box_xyxy == (4, 2, 8, 6)
    assert segment.patch == 2 * 4 + 2  # centre (6, 4) of 12 x 8 pixels, 4 x 4 patches
    with pytest.raises(ValueError, match='empty'):
        with_mask(frame_of(sample, []), np.zeros((8, 12), bool), 'car')


@pytest.fixture
def poor_frame(street, segment_of, frame_of):
    """The car by a third with its right name, the bus by a third with a wrong one."""
    car, bus = np.zeros((40, 60), bool), np.zeros((40, 60), bool)
    car[10:17, 5:25], bus[10:17, 35:55] = True, True
    return frame_of(
        street,
        [segment_of(car, 'green car', id='1'), segment_of(bus, 'green car', id='2')],
    )


def test_the_oracle_speaks_of_masks_or_of_names(street, poor_frame) -> None:
    corrector = Corrector(street)
    oracle_refine(corrector, poor_frame)
    assert {(segment, target) for _, segment, target in corrector.seen} == {
        ('1', RefineTarget.MASK),
        ('2', RefineTarget.BOTH),
    }
    assert all('green car' in text for text, *_ in corrector.seen)


def test_the_oracle_names_what_was_predicted_and_never_what_is_true(street, poor_frame) -> None:
    renamed = [
        replace(segment, category=name)
        for segment, name in zip(poor_frame.segmentation.segments, ('lorry', 'tram'), strict=True)
    ]
    frame = replace(poor_frame, segmentation=poor_frame.segmentation.with_segments(tuple(renamed)))
    corrector = Corrector(street)
    oracle_refine(corrector, frame)
    texts = [text for text, *_ in corrector.seen]
    assert len(texts) == 2
    assert all(('lorry' in text) != ('tram' in text) for text in texts)
    assert not any(region.name in text for region in street.regions for text in texts)


def test_gains_are_told_by_trigger(street, poor_frame) -> None:
    """The oracle mends the car; the bus goes to the car whose wrong name the sentence holds."""
    part = TriggeredRefinement(Corrector(street))
    part.add(poor_frame)
    figures = values(part)
    before = 140 / 400
    assert figures['refine_gain_self'] == 0
    assert figures['refine_gain_oracle'] == pytest.approx(((1 - before) - before) / 2)
    assert figures['refine_harm_oracle'] == 0.5
    assert figures['ap50_none'] == figures['ap50_self'] == 0
    assert figures['ap50_oracle'] == figures['ap50_oracle_gain'] == pytest.approx(51 / 101)
    assert figures['ap50_self_gain'] == 0
    assert math.isnan(figures['refine_harm_self'])


def test_a_segment_that_went_as_a_duplicate_counts_by_what_is_left(
    street, segment_of, frame_of
) -> None:
    """The car was there twice; who drops the worse one harms nobody, who drops both does."""
    whole, half = street.mask(0), street.mask(0)
    half[20:] = False
    frame = frame_of(
        street,
        [segment_of(whole, 'green car', id='1'), segment_of(half, 'green car', id='2')],
    )

    class Dropper(Corrector):
        kept = ('1',)

        def self_refine(self, segmentation):
            segments = [item for item in segmentation.segments if item.id in self.kept]
            return segmentation.with_segments(tuple(segments))

    class Loser(Dropper):
        kept = ()

    for model, gain in ((Dropper(street), (0 + 0.5) / 2), (Loser(street), -(1 + 0.5) / 2)):
        part = TriggeredRefinement(model)
        part.add(frame)
        figures = values(part)
        assert figures['refine_gain_self'] == pytest.approx(gain)
        assert figures['refine_harm_self'] == (gain < 0)


def test_the_gain_in_precision_is_surer_than_the_precisions(street, segment_of, frame_of) -> None:
    """Each image gains the same: no resample says otherwise, though precision itself differs."""

    class Improver(Corrector):
        def self_refine(self, segmentation):
            better = segment_of(self.sample.mask(0), 'green car', id='1')
            rest = tuple(item for item in segmentation.segments if item.id != '1')
            return segmentation.with_segments((*rest, better))

    part = TriggeredRefinement(Improver(street))
    third = street.mask(0)
    third[17:] = False
    for number in range(8):
        bus = [segment_of(street.mask(1), 'red bus', id='2')] if number % 2 else []
        part.add(frame_of(street, [segment_of(third, 'green car', id='1'), *bus], number))
    figures = part.figures()
    gain, before = figures['ap50_self_gain'], figures['ap50_none']
    difference = figures['ap50_self'].value - before.value
    assert gain.value == pytest.approx(difference)
    assert gain.low > 0
    assert gain.low <= gain.value <= gain.high
    assert gain.high - gain.low < before.high - before.low
    assert gain.count == 16


def test_the_oracle_leaves_what_is_right_and_refines_ten_at_most(
    street, segment_of, frame_of
) -> None:
    corrector = Corrector(street)
    oracle_refine(corrector, frame_of(street, [segment_of(street.mask(0), 'bus')]))
    oracle_refine(corrector, frame_of(street, []))
    assert corrector.seen == []
    mask = np.zeros((40, 60), bool)
    mask[10:14, 5:25] = True
    many = [
        segment_of(mask, 'green car', id=str(n), objectness=n / 20)
        for n in range(MOST_PREDICTIONS + 5)
    ]
    oracle_refine(corrector, frame_of(street, many))
    assert [segment for _, segment, _ in corrector.seen] == [str(n) for n in range(14, 4, -1)]
