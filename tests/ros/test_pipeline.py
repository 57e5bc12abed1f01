"""The pipeline: what becomes of a frame, with a scripted model in the place of the real one."""

import math
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from std_msgs.msg import Header

from ros2_rose import segmenting
from ros2_rose.camera_inbox import Frame
from ros2_rose.conversions import to_nanoseconds, to_time
from ros2_rose.corrections import Correction, Scope
from ros2_rose.deadline import DeadlineCounts
from ros2_rose.image_writer import write_image
from ros2_rose.msg import Segment
from ros2_rose.ontology import Ontology
from ros2_rose.parameters import parameters_from
from ros2_rose.pipeline import Pipeline
from ros2_rose.segmenting import load_segmenter
from rose_model.records import RefinementCase

WAIT_S = 30.0
RGB = np.zeros((6, 8, 3), np.uint8)


class Log:
    def __init__(self):
        self.lines = []

    def info(self, message, **options):
        self.lines.append(message)

    warning = error = info


class ScriptedSegmenter:
    name = 'scripted@0'

    def __init__(self, segmentation):
        self.segmentation = segmentation
        self.gate = threading.Event()
        self.gate.set()
        self.began = threading.Event()
        self.seen, self.asked, self.deadlines = [], [], []

    def segment(self, image, instruction=None, *, candidates=(), deadline_s=math.inf):
        self.seen.append((image.shape, instruction, torch.get_num_threads()))
        self.deadlines.append(deadline_s)
        self.asked.append((instruction, tuple(candidates)))
        self.began.set()
        assert self.gate.wait(WAIT_S)
        if not image.any():
            return self.segmentation
        raise RuntimeError('too bright')

    def self_refine(self, segmentation, *, deadline_s=math.inf):
        return segmentation.with_segments(
            tuple(replace(segment, revision=1) for segment in segmentation.segments)
        )


class Bench:
    def __init__(self, monkeypatch, segmentation, **values):
        self.segmenter = ScriptedSegmenter(segmentation)
        self.loaded = []

        def load(model, **options):
            self.loaded.append((model, options))
            return self.segmenter

        monkeypatch.setattr(segmenting.RoseSegmenter, 'from_pretrained', load)
        self.published, self.pictures, self.log = [], [], Log()
        self.now_ns = 0
        self.pipeline = Pipeline(
            parameters_from(values),
            Ontology({'car': 'vehicle'}),
            self.check,
            self.published.append,
            self.show,
            lambda: self.now_ns,
            self.log,
            load_segmenter,
        )
        self.pipeline.worker.start()

    def check(self, parameters):
        raise AssertionError('whoever changes the parameters asks')

    def show(self, record, rgb):
        self.pictures.append(record)

    def offer(self, stamp_ns, image=None, **fields):
        header = Header(stamp=to_time(stamp_ns), frame_id='optical')
        message = write_image(RGB if image is None else image, 'rgb8', header)
        for name, value in fields.items():
            setattr(message, name, value)
        self.pipeline.inbox.offer(Frame('camera', stamp_ns, 0.0, message))
        self.pipeline.worker.wake()

    def counts_when_idle(self):
        """The counters, once the worker has ended everything before this call."""
        idle = threading.Event()
        while not self.pipeline.inbox.is_empty:
            pass
        assert self.pipeline.worker.submit(lambda segmenter: idle.set())
        assert idle.wait(WAIT_S)
        return self.pipeline.inbox.counts()['camera']


@pytest.fixture
def make_bench(monkeypatch, make_segment, make_segmentation):
    benches = []

    def make(**values):
        benches.append(Bench(monkeypatch, make_segmentation(make_segment('1')), **values))
        return benches[-1]

    threads = torch.get_num_threads()
    yield make
    for bench in benches:
        bench.segmenter.gate.set()
        bench.pipeline.worker.stop()
        assert bench.pipeline.worker.join(WAIT_S)
    torch.set_num_threads(threads)


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
    bench.offer(1, step=1)
    assert bench.counts_when_idle().rejected == {'STEP': 1}
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
    nothing = {'device': 'auto', 'min_objectness': None, 'max_segments': None}
    assert bench.loaded == [('nano', nothing)]
    given = {'device': 'cpu', 'min_objectness': 0.2, 'max_segments': 7}
    assert chosen.loaded == [('here', given)]
