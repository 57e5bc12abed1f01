"""What becomes of an answer: the corrected frame."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from rose_model.errors import RefinementRejectedError
from rose_model.preprocess import FrameGeometry
from rose_model.records import FrameContext, RefinementCase, RefineTarget, Segment, Segmentation
from rose_model.refinement import interpret
from rose_model.write_back import delete, rename, segment_iou, write_back

GEOMETRY = FrameGeometry((40, 60), (40, 60), 60, 6)
SAME = 0.6


def make_segment(number: int, box: tuple[int, int, int, int], category: str = 'car') -> Segment:
    x1, y1, x2, y2 = box
    mask = np.ones((y2 - y1, x2 - x1), bool)
    return Segment(str(number), category, 0.9, 0.8, 0.7, True, box, mask, 0)


@pytest.fixture
def frame() -> Segmentation:
    context = FrameContext(torch.zeros(3, 48, 48, dtype=torch.uint8), torch.zeros(1), GEOMETRY)
    segments = (make_segment(1, (0, 0, 30, 20)), make_segment(2, (40, 20, 60, 40), 'tree'))
    return Segmentation(segments, (40, 60), 'everything', context)


def test_a_refined_mask_takes_the_old_ones_place(frame: Segmentation) -> None:
    request = interpret(frame, 'include the wheels', '1')
    result = write_back(frame, request, make_segment(0, (0, 0, 32, 22), 'bus'), SAME)
    (changed,) = result.changed
    assert (changed.id, changed.category, changed.revision) == ('1', 'car', 1)
    assert changed.box_xyxy == (0, 0, 32, 22)
    assert len(result.segmentation.segments) == 2
    assert frame.find('1').revision == 0  # the frame itself is not touched


@pytest.mark.parametrize('objectness', [0.0, 1.0])
def test_the_score_of_the_detection_stays(frame: Segmentation, objectness: float) -> None:
    """What a pass says that was told about the object lowered AP by 2.7 points."""
    answer = replace(make_segment(0, (0, 0, 32, 22)), objectness=objectness)
    for text in ('include the wheels', 'look at its name again'):
        request = interpret(frame, text, '1')
        assert write_back(frame, request, answer, SAME).changed[0].objectness == 0.8


def test_what_a_refined_mask_makes_a_duplicate_goes(frame: Segmentation) -> None:
    twin = replace(make_segment(3, (0, 0, 20, 20)), objectness=0.95)
    crowded = frame.with_segments((*frame.segments, twin))
    request = interpret(crowded, 'include the wheels', '1')
    result = write_back(crowded, request, make_segment(0, (0, 0, 21, 20)), SAME)
    assert result.removed == ('3',)
    assert {segment.id for segment in result.segmentation.segments} == {'1', '2'}
    assert result.changed[0].objectness == 0.95  # it is the same object: its score passes on


def test_a_label_makes_no_duplicates(frame: Segmentation) -> None:
    twin = make_segment(3, (0, 0, 30, 19))
    crowded = frame.with_segments((*frame.segments, twin))
    request = interpret(crowded, 'look at its name again', '1')
    result = write_back(crowded, request, make_segment(0, (0, 0, 30, 20), 'bus'), SAME)
    assert (result.removed, len(result.segmentation.segments)) == ((), 3)


@pytest.mark.parametrize('text', ['look at its name again', 'this is a bus'])
def test_a_label_correction_keeps_the_mask(frame: Segmentation, text: str) -> None:
    request = interpret(frame, text, '1')
    (changed,) = write_back(frame, request, make_segment(0, (0, 0, 9, 9), 'bus'), SAME).changed
    assert changed.category == 'bus'
    assert changed.box_xyxy == (0, 0, 30, 20)


def test_a_stated_label_is_certain_and_changes_nothing_else(frame: Segmentation) -> None:
    before = frame.find('1')
    result = rename(frame, before, 'tram')
    (changed,) = result.changed
    assert (changed.category, changed.category_score, changed.revision) == ('tram', 1.0, 1)
    assert changed.mask is before.mask
    assert result.segmentation.find('2') is frame.find('2')


def test_a_deleted_segment_is_gone_and_the_others_stay(frame: Segmentation) -> None:
    result = delete(frame, frame.find('1'))
    assert (result.case, result.changed, result.removed) == (RefinementCase.DELETE, (), ('1',))
    assert result.segmentation.segments == (frame.find('2'),)
    assert len(frame.segments) == 2


def test_a_missed_object_gets_an_id_of_its_own(frame: Segmentation) -> None:
    request = interpret(frame, 'you missed the dog')
    result = write_back(frame, request, make_segment(0, (30, 0, 40, 10), 'dog'), SAME)
    assert result.changed[0].id == '3'
    assert len(result.segmentation.segments) == 3


def test_a_missed_object_that_is_there_already_takes_its_place(frame: Segmentation) -> None:
    request = interpret(frame, 'you missed the red car')
    result = write_back(frame, request, make_segment(0, (1, 0, 30, 20), 'car'), SAME)
    assert (result.changed[0].id, result.changed[0].category) == ('1', 'red car')
    assert len(result.segmentation.segments) == 2


@pytest.mark.parametrize('is_thing', [True, False])
def test_a_sentence_without_a_segment_takes_none_of_another_kind(
    frame: Segmentation, is_thing: bool
) -> None:
    """ "This is a black car." renamed the road."""
    request = interpret(frame, 'This is a black bus.')
    answer = replace(make_segment(0, (1, 0, 30, 20), 'bus'), is_thing=is_thing)
    with pytest.raises(RefinementRejectedError, match=r"lies on segment '1'.*'car'"):
        write_back(frame, request, answer, SAME)


def test_both_changes_mask_and_label(frame: Segmentation) -> None:
    request = interpret(frame, 'this is a tram', '1', RefineTarget.BOTH)
    (changed,) = write_back(frame, request, make_segment(0, (0, 0, 31, 20), 'bus'), SAME).changed
    assert (changed.category, changed.category_score) == ('tram', 1.0)
    assert changed.box_xyxy == (0, 0, 31, 20)


def test_segment_iou_equals_the_iou_of_full_masks() -> None:
    generator = np.random.default_rng(0)
    for _ in range(30):
        segments = []
        for _ in range(2):
            x1, y1 = generator.integers(0, 30, 2).tolist()
            width, height = generator.integers(1, 20, 2).tolist()
            mask = generator.random((height, width)) < 0.7
            mask[0, 0] = True
            box = (x1, y1, x1 + width, y1 + height)
            segments.append(Segment('', '', 1, 1, 1, True, box, mask, 0))
        first, second = (segment.full_mask((60, 60)) for segment in segments)
        expected = (first & second).sum() / (first | second).sum()
        assert segment_iou(*segments) == pytest.approx(expected)
