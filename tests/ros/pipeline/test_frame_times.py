"""Frames that are too old, repeated, of another recording, or late."""

import math
from dataclasses import replace

import numpy as np
import pytest
from std_msgs.msg import Header

from ros2_rose.camera_inbox import Frame
from ros2_rose.conversions import to_time
from ros2_rose.deadline import DeadlineCounts
from ros2_rose.image_writer import write_image

WAIT_S = 30.0
RGB = np.zeros((6, 8, 3), np.uint8)


def test_a_frame_that_is_too_old_is_dropped_with_a_word(make_bench):
    bench = make_bench(max_age_s=2.0)
    bench.pipeline.open()
    bench.now_ns = 10_000_000_000
    bench.offer(7_900_000_000)
    counts = bench.counts_when_idle()
    assert (counts.received, counts.dropped_stale, counts.processed) == (1, 1, 0)
    assert bench.segmenter.seen == bench.published == []
    assert any('2.1 s old' in line for line in bench.log.lines), bench.log.lines
    bench.offer(8_100_000_000)
    assert bench.counts_when_idle().processed == 1


def test_a_frame_that_is_too_old_or_repeated_when_it_comes_is_told_to_whoever_brings_it(
    make_bench,
):
    bench = make_bench(max_age_s=2.0)
    bench.pipeline.open()
    bench.now_ns = 10_000_000_000
    stamps = (7_900_000_000, 9_000_000_000, 9_000_000_000)
    told = []
    for stamp_ns in stamps:
        message = write_image(RGB, 'rgb8', Header(stamp=to_time(stamp_ns)))
        told.append(bench.pipeline.offer(Frame('camera', stamp_ns, 0.0, message)))
    assert told == ['STALE', '', 'STALE']
    counts = bench.counts_when_idle()
    assert (counts.received, counts.dropped_stale, counts.processed) == (3, 2, 1)


def test_a_recording_that_starts_again_is_told(make_bench):
    bench = make_bench()
    bench.pipeline.open()
    for stamp_ns in (9_000_000_000, 0, 1_000_000_000):
        bench.offer(stamp_ns)
        bench.counts_when_idle()
    [line] = [line for line in bench.log.lines if 'starts again' in line]
    assert 'went back by 8.0 s' in line
    assert [message.segments[0].id for message in bench.published] == ['1', '1', '2']


@pytest.mark.parametrize(('stamp_ns', 'max_age_s'), [(1, 0.0), (0, 2.0), (20_000_000_000, 2.0)])
def test_without_a_limit_without_a_stamp_and_from_the_future_no_frame_is_too_old(
    make_bench, stamp_ns, max_age_s
):
    bench = make_bench(max_age_s=max_age_s)
    bench.pipeline.open()
    bench.now_ns = 10_000_000_000
    bench.offer(stamp_ns)
    assert bench.counts_when_idle().processed == 1


def test_without_a_deadline_the_model_has_all_the_time(make_bench):
    bench = make_bench()
    bench.pipeline.open()
    bench.offer(1)
    bench.counts_when_idle()
    assert bench.segmenter.deadlines == [math.inf]
    assert not bench.published[0].is_late
    assert bench.pipeline.deadline.counts() == DeadlineCounts(0, 0)


def test_a_frame_is_published_as_late_when_its_deadline_has_passed(make_bench):
    bench = make_bench(deadline_s=5.0)  # the image came when the clock began
    bench.pipeline.open()
    bench.offer(1)
    bench.counts_when_idle()
    [message] = bench.published
    assert message.is_late
    assert bench.pipeline.memory.history.find('camera', 1).is_late
    assert bench.segmenter.deadlines == [5.0]
    assert bench.pipeline.deadline.counts() == DeadlineCounts(0, 1)


def test_what_was_left_out_for_the_deadline_is_published_and_counted(make_bench):
    bench = make_bench(deadline_s=3600.0)
    cut = replace(bench.segmenter.segmentation, skipped_masks=3, skipped_names=2)
    bench.segmenter.segmentation = cut
    bench.pipeline.open()
    bench.offer(1)
    bench.counts_when_idle()
    [message] = bench.published
    assert (message.skipped_masks, message.skipped_names) == (3, 2)
    assert bench.pipeline.deadline.counts().cut == 1
