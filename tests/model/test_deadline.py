"""A frame with a deadline: what is left out when the time is short."""

import math
import time

import pytest

from rose_model.segmenter import RoseSegmenter


@pytest.fixture
def whole(segmenter, image):
    """The frame without a deadline, whose run has taught the segmenter its pace."""
    frame = segmenter.segment(image)
    assert len(frame.segments) > 2
    return frame


def masks_of(frame):
    return [
        (segment.patch, segment.box_xyxy, segment.mask.tobytes()) for segment in frame.segments
    ]


def test_with_time_enough_nothing_is_left_out(segmenter, image, whole):
    frame = segmenter.segment(image, deadline_s=time.monotonic() + 3600)
    assert (frame.skipped_masks, frame.skipped_names) == (0, 0)
    assert masks_of(frame) == masks_of(whole)
    assert [s.category for s in frame.segments] == [s.category for s in whole.segments]


def test_the_surest_segment_comes_though_the_deadline_has_passed(segmenter, image, whole):
    frame = segmenter.segment(image, deadline_s=0.0)
    [segment] = frame.segments
    assert segment.objectness == max(other.objectness for other in whole.segments)
    assert (segment.category, segment.category_score) == ('', 0.0)
    assert frame.skipped_names == 1
    assert frame.skipped_masks >= len(whole.segments) - 1


def test_names_are_left_out_before_masks(segmenter, image, whole):
    segmenter._decoder._name_pace.add(10, 1e6)
    frame = segmenter.segment(image, deadline_s=time.monotonic() + 3600)
    assert masks_of(frame) == masks_of(whole)
    assert {segment.category for segment in frame.segments} == {''}
    assert (frame.skipped_masks, frame.skipped_names) == (0, len(whole.segments))


def test_the_least_sure_ones_are_left_out(segmenter, image, whole):
    decoder = segmenter._decoder
    decoder._name_pace.add(10, 1e6)
    decoder._name_pace._runs.extend([(10, 10 * 1800.0)] * 30)  # two names fit into the hour
    frame = segmenter.segment(image, deadline_s=time.monotonic() + 3 * 3600 / 2)
    named = [segment.objectness for segment in frame.segments if segment.category_score]
    others = [segment.objectness for segment in frame.segments if not segment.category_score]
    assert len(named) == 2
    assert min(named) >= max(others)


def test_an_image_of_nothing_has_nothing_to_leave_out(rose_folder, image):
    segmenter = RoseSegmenter.from_pretrained(rose_folder, device='cpu', min_objectness=1.0)
    frame = segmenter.segment(image, deadline_s=0.0)
    assert (frame.segments, frame.skipped_masks, frame.skipped_names) == ((), 0, 0)


def test_self_refinement_begins_nothing_after_the_deadline(segmenter, whole, monkeypatch):
    asked = []
    monkeypatch.setattr(segmenter, 'refine', lambda *given, **options: asked.append(given))
    assert segmenter.self_refine(whole, deadline_s=-math.inf) is whole
    assert asked == []
