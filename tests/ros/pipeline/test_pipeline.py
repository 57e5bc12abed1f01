"""The pipeline: what becomes of a frame."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from ros2_rose.conversions import to_nanoseconds
from ros2_rose.corrections import Correction, Scope
from ros2_rose.msg import Segment
from ros2_rose.parameters import parameters_from
from rose_model.records import RefinementCase

WAIT_S = 30.0
RGB = np.zeros((6, 8, 3), np.uint8)


def test_a_frame_is_published_shown_kept_and_counted(make_bench):
    bench = make_bench(instruction='find cars')
    bench.pipeline.open()
    bench.offer(5)
    assert bench.counts_when_idle().processed == 1
    [message] = bench.published
    assert (message.header.frame_id, message.frame_seq, message.revision) == ('optical', 0, 0)
    assert [(segment.id, segment.ontology) for segment in message.segments] == [('1', 'vehicle')]
    assert bench.pipeline.memory.history.find('camera', 5) is bench.pictures[0]
    assert bench.segmenter.seen[0][:2] == (RGB.shape, 'find cars')
    assert bench.pipeline.latency.summary().p50_ms > 0
    assert bench.pipeline.unmapped.summary() == ''


def test_the_frame_after_a_change_follows_it_and_says_so(make_bench):
    bench = make_bench()
    bench.pipeline.open()
    bench.offer(1)
    bench.counts_when_idle()
    changed = {'instruction': 'find cars', 'candidates': ['car', 'bus'], 'self_refine': True}
    bench.pipeline.change(parameters_from(changed))
    bench.offer(2)
    bench.counts_when_idle()
    assert bench.segmenter.asked == [(None, ()), ('find cars', ('car', 'bus'))]
    first, second = bench.published
    assert (first.prompt, second.prompt) == ('segment', 'segment Candidates: car, bus.')
    sources = [message.segments[0].source for message in bench.published]
    assert sources == [Segment.SOURCE_MODEL, Segment.SOURCE_REFINED]
    assert (second.revision, second.frame_seq) == (0, 1)  # the first answer for its frame


def test_a_change_while_a_frame_is_in_work_leaves_that_frame_alone(make_bench):
    bench = make_bench(candidates=['car'])
    bench.pipeline.open()
    bench.segmenter.gate.clear()
    bench.offer(1)
    assert bench.segmenter.began.wait(WAIT_S)
    bench.pipeline.change(parameters_from({'candidates': ['bus'], 'self_refine': True}))
    bench.segmenter.gate.set()
    bench.counts_when_idle()
    [message] = bench.published
    assert message.prompt == 'segment Candidates: car.'
    assert message.segments[0].source == Segment.SOURCE_MODEL


def test_published_frames_are_numbered_without_gaps(make_bench):
    bench = make_bench()
    bench.pipeline.open()
    for stamp_ns, value in ((1, 0), (2, 255), (3, 0)):
        bench.offer(stamp_ns, np.full_like(RGB, value))
        bench.counts_when_idle()
    assert [message.frame_seq for message in bench.published] == [0, 1]


def test_a_frame_that_ends_after_closing_is_stale_and_not_published(make_bench):
    bench = make_bench()
    bench.pipeline.open()
    bench.segmenter.gate.clear()
    bench.offer(1)
    assert bench.segmenter.began.wait(WAIT_S)
    bench.offer(2)
    bench.pipeline.close()
    bench.segmenter.gate.set()
    counts = bench.counts_when_idle()
    assert (counts.received, counts.dropped_stale, counts.processed) == (2, 2, 0)
    assert bench.published == bench.pictures == []


def test_a_frame_that_the_model_fails_on_is_rejected(make_bench):
    bench = make_bench()
    bench.pipeline.open()
    bench.offer(1, np.full_like(RGB, 255))
    assert bench.counts_when_idle().rejected == {'MODEL': 1}
    assert any('too bright' in line for line in bench.log.lines)


def test_a_frame_of_numbers_that_are_none_is_rejected_and_the_stream_goes_on(
    make_bench, make_segment, make_segmentation
):
    bench = make_bench()
    bench.pipeline.open()
    good, bad = bench.segmenter.segmentation, replace(make_segment('1'), mask_score=float('nan'))
    for stamp_ns, frame in ((1, good), (2, make_segmentation(bad)), (3, make_segmentation())):
        bench.segmenter.segmentation = frame
        bench.offer(stamp_ns)
        counts = bench.counts_when_idle()
    assert (counts.received, counts.processed, counts.rejected) == (3, 2, {'MODEL_OUTPUT': 1})
    assert [to_nanoseconds(message.header.stamp) for message in bench.published] == [1, 3]
    assert [len(message.segments) for message in bench.published] == [1, 0]
    assert any('1 of 1 segments' in line for line in bench.log.lines), bench.log.lines


def test_far_too_many_segments_are_rejected(make_bench, make_segment, make_segmentation):
    bench = make_bench()
    bench.pipeline.open()
    bench.segmenter.segmentation = make_segmentation(*[make_segment('1')] * 10_000)
    bench.offer(1)
    assert bench.counts_when_idle().rejected == {'MODEL_OUTPUT': 1}
    assert bench.published == []


def test_what_refining_itself_makes_of_a_frame_is_checked_too(make_bench, monkeypatch):
    bench = make_bench(self_refine=True)
    bench.pipeline.open()
    monkeypatch.setattr(
        bench.segmenter,
        'self_refine',
        lambda frame, deadline_s: frame.with_segments(
            (replace(frame.segments[0], objectness=np.inf),)
        ),
    )
    bench.offer(1)
    assert bench.counts_when_idle().rejected == {'MODEL_OUTPUT': 1}


def test_an_image_that_turns_out_broken_is_rejected_by_its_reason(make_bench):
    bench = make_bench()
    bench.pipeline.open()
    told = []
    bench.pipeline.on_bad_image = lambda *words: told.append(words)
    bench.offer(1, step=1)
    assert bench.counts_when_idle().rejected == {'STEP': 1}
    assert told == [('camera', 'STEP')]
    assert bench.segmenter.seen == []


def test_an_object_keeps_its_id_and_its_stated_label_until_time_goes_back(make_bench):
    bench = make_bench()
    bench.pipeline.open()
    bench.offer(5)
    bench.counts_when_idle()
    record = bench.pipeline.memory.history.find('camera', 5)
    car = record.segmentation.segments[0]
    bench.pipeline.memory.accept(
        Correction(
            'camera',
            5,
            'this is a tram',
            RefinementCase.CATEGORY,
            Scope.TRACK,
            car,
            replace(car, category='tram'),
        ),
        record,
        record,
        'scripted@0',
    )
    for stamp_ns in (6, 7, 3_000_000_000, 4):
        bench.offer(stamp_ns)
        bench.counts_when_idle()
    told = [(s.id, s.label, s.source) for message in bench.published for s in message.segments]
    assert told == [
        ('1', 'car', Segment.SOURCE_MODEL),
        *[('1', 'tram', Segment.SOURCE_TRACKED)] * 3,
        ('2', 'car', Segment.SOURCE_MODEL),
    ]


def test_pictures_that_fail_do_not_count_twice(make_bench):
    bench = make_bench()
    bench.pictures = None
    bench.pipeline.open()
    bench.offer(1)
    counts = bench.counts_when_idle()
    assert (counts.received, counts.processed, counts.rejected) == (1, 1, {})
    assert any('pictures' in line for line in bench.log.lines), bench.log.lines


def test_a_corrected_frame_is_published_only_while_open(make_bench):
    bench = make_bench()
    bench.pipeline.open()
    bench.offer(5)
    bench.counts_when_idle()
    record = bench.pipeline.memory.history.find('camera', 5)
    corrected = record.corrected(record.segmentation)
    bench.pipeline.publish_corrected(corrected, bench.segmenter)
    bench.pipeline.close()
    bench.pipeline.publish_corrected(corrected.corrected(record.segmentation), bench.segmenter)
    assert [message.revision for message in bench.published] == [0, 1]


def test_the_model_uses_as_many_threads_as_given(make_bench):
    given = torch.get_num_threads() + 1
    bench = make_bench(num_threads=given)
    bench.pipeline.open()
    bench.offer(1)
    bench.counts_when_idle()
    assert [threads for _, _, threads in bench.segmenter.seen] == [given]


def test_zero_leaves_the_choice_to_the_model(make_bench):
    bench = make_bench()
    bench.counts_when_idle()
    chosen = make_bench(model='here', device='cpu', min_objectness=0.2, max_segments=7)
    chosen.counts_when_idle()
    usual = {
        'precision': 'auto',
        'quantise': 'none',
        'sam_backend': 'torch',
        'sam_export': None,
        'engine_cache': None,
    }
    nothing = {'device': 'auto', 'min_objectness': None, 'max_segments': None}
    assert bench.loaded == [('nano', nothing | usual)]
    given = {'device': 'cpu', 'min_objectness': 0.2, 'max_segments': 7}
    assert chosen.loaded == [('here', given | usual)]


def test_who_carries_sam_out_is_the_users_choice(make_bench):
    bench = make_bench(sam_backend='tensorrt', sam_export='sam', engine_cache='engines')
    bench.counts_when_idle()
    [(_, options)] = bench.loaded
    assert options['sam_backend'] == 'tensorrt'
    assert (options['sam_export'], options['engine_cache']) == (Path('sam'), Path('engines'))
