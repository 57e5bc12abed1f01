"""Corrections: every request gets exactly one answer, whatever the model does meanwhile."""

import gc
import threading
import weakref

import pytest
from std_msgs.msg import Header

from ros2_rose import worker
from ros2_rose.camera_inbox import CameraInbox
from ros2_rose.conversions import to_nanoseconds, to_time
from ros2_rose.corrections import Scope
from ros2_rose.history import FrameRecord
from ros2_rose.srv import Refine
from ros2_rose.worker import MAX_WAITING_JOBS, ModelState, ModelWorker

WAIT_S = 30.0
STAMP_NS = 5_000_000_007
CODES = Refine.Response


def test_a_correction_answers_with_what_changed_and_is_kept(bench):
    bench.open()
    answer = bench.ask('bus', publish=True)
    assert answer.success, answer.message
    assert answer.code == CODES.OK
    assert [(segment.id, segment.label) for segment in answer.result.segments] == [('1', 'bus')]
    assert to_nanoseconds(answer.result.header.stamp) == STAMP_NS
    assert answer.result.header.frame_id == 'optical'
    assert answer.result.revision == 1
    assert answer.result.model == 'scripted@0'
    assert list(answer.removed_ids) == ['9']
    assert to_nanoseconds(answer.oldest_stamp) == STAMP_NS
    kept = bench.history.find('front', STAMP_NS)
    assert kept.revision == 1
    assert kept.segmentation.find('1').category == 'bus'
    assert bench.ask('tram').result.revision == 2  # by now the first one is published, too
    assert [record.revision for record in bench.published] == [1]


def test_answered_requests_leave_no_weak_references(bench):
    """Groups of rclpy keep one to each timer that ever was in them."""

    def weak_references_after(requests):
        for _ in range(requests):
            assert bench.ask().success
        gc.collect()
        return sum(type(item) is weakref.ref for item in gc.get_objects())

    bench.open()
    weak_references_after(1)  # of caches of Python
    before = weak_references_after(20)
    assert weak_references_after(20) < before + 20


def test_an_answered_request_holds_its_frame_no_longer(bench):
    """The collector counts objects, not the embeddings that a frame has on a GPU."""
    bench.open()
    gc.collect()
    gc.disable()
    try:
        known = weakref.ref(bench.history.find('front', STAMP_NS))
        assert bench.ask().success
        assert bench.ask('tram').success  # the first one's thread and executor have let go by now
        assert known() is None
    finally:
        gc.enable()


def test_for_the_track_the_label_stays_with_the_object(bench):
    bench.open()
    answer = bench.ask('bus', scope=Refine.Request.SCOPE_TRACK)
    assert answer.success, answer.message
    assert 'stays with the object' in answer.message
    assert bench.ask('tram').success  # for a frame alone nothing stays
    ordered = bench.model_frame.with_segments(bench.model_frame.segments)
    later = bench.add_frame(STAMP_NS + 1, ordered)
    assert [(s.id, s.category) for s in later.segmentation.segments] == [
        ('2', 'road'),
        ('1', 'bus'),
    ]
    assert later.stated == {'1': Scope.TRACK}


def test_without_publish_nothing_is_published(bench):
    bench.open()
    bench.ask()
    bench.ask()
    assert bench.published == []


@pytest.mark.parametrize(
    ('text', 'fields', 'code'),
    [
        ('', {}, CODES.TEXT_EMPTY),
        (' \t ', {}, CODES.TEXT_EMPTY),
        ('x' * 1025, {}, CODES.TEXT_TOO_LONG),
        ('x' * 2**20, {}, CODES.TEXT_TOO_LONG),
        ('\x1b[31mred', {}, CODES.INVALID_REQUEST),
        ('bus', {'scope': 2}, CODES.INVALID_REQUEST),  # states no label
        ('this is a bus', {'scope': 2, 'segment_id': ''}, CODES.INVALID_REQUEST),
        ('this is a bus', {'scope': 2, 'target': 2}, CODES.INVALID_REQUEST),
        ('this is a bus', {'scope': 2, 'target': 3}, CODES.INVALID_REQUEST),
        ('bus', {'points_x': [1.0]}, CODES.INVALID_REQUEST),
        ('bus', {'segment_id': '77'}, CODES.NO_SUCH_SEGMENT),
        ('bus', {'header': Header(stamp=to_time(STAMP_NS + 1))}, CODES.NO_SUCH_FRAME),
        ('bus', {'camera': 'rear'}, CODES.NO_SUCH_FRAME),
    ],
)
def test_what_needs_no_model_is_refused_before_the_queue(bench, text, fields, code):
    bench.open()
    answer = bench.ask(text, **fields)
    assert (answer.code, answer.success) == (code, False)
    assert answer.message
    assert answer.result.segments == []
    assert bench.segmenter.texts == []


@pytest.mark.parametrize(
    ('text', 'code'),
    [
        ('not understood', CODES.NOT_UNDERSTOOD),
        ('rejected', CODES.REJECTED),
        ('invalid', CODES.INVALID_REQUEST),
        ('too many tokens', CODES.TEXT_TOO_LONG),
        ('crash', CODES.REJECTED),
    ],
)
def test_what_the_model_refuses_has_its_code_and_changes_nothing(bench, text, code):
    bench.open()
    answer = bench.ask(text, publish=True)
    assert (answer.code, answer.success) == (code, False)
    assert answer.message
    assert bench.ask('bus').code == CODES.OK
    assert bench.history.find('front', STAMP_NS).revision == 1
    assert bench.published == []


def test_an_expired_frame_is_told_with_the_oldest_one_left(bench, make_segmentation):
    bench.open()
    for stamp_ns in (STAMP_NS + 1, STAMP_NS + 2, STAMP_NS + 3):
        bench.history.add(FrameRecord('front', Header(), stamp_ns, 0, make_segmentation()))
    answer = bench.ask()
    assert answer.code == CODES.FRAME_EXPIRED
    assert to_nanoseconds(answer.oldest_stamp) == STAMP_NS + 1


def test_zero_means_the_newest_frame(bench):
    bench.open()
    assert to_nanoseconds(bench.ask(header=Header()).result.header.stamp) == STAMP_NS


def test_with_several_cameras_one_must_be_named(bench):
    bench.open(camera_names=('front', 'left'))
    answer = bench.ask()
    assert answer.code == CODES.INVALID_REQUEST
    assert 'front, left' in answer.message
    assert bench.ask(camera='front').code == CODES.OK


def test_an_inactive_node_says_so(bench):
    answer = bench.ask()
    assert (answer.code, answer.success) == (CODES.NOT_ACTIVE, False)
    assert 'activate' in answer.message


def test_a_loading_model_is_not_active(bench):
    loaded = threading.Event()
    worker = ModelWorker(
        lambda: (loaded.wait(WAIT_S), bench.segmenter)[1], CameraInbox([]), None, bench.log
    )
    worker.start()
    bench.open_with(worker)
    answer = bench.ask()
    loaded.set()
    worker.stop()
    assert answer.code == CODES.NOT_ACTIVE
    assert ModelState.LOADING.value in answer.message


def test_requests_beyond_the_queue_are_busy_at_once_and_the_others_are_served(bench):
    bench.open()
    bench.segmenter.gate.clear()
    in_work = bench.send('0')
    assert bench.segmenter.began.wait(WAIT_S)
    futures = [bench.send(str(number)) for number in range(1, MAX_WAITING_JOBS + 4)]
    refused = [bench.answer(future) for future in futures[MAX_WAITING_JOBS:]]
    assert {answer.code for answer in refused} == {CODES.BUSY}
    bench.segmenter.gate.set()
    served = [bench.answer(future) for future in (in_work, *futures[:MAX_WAITING_JOBS])]
    assert {answer.code for answer in served} == {CODES.OK}
    assert bench.segmenter.texts == ['0', '1', '2', '3', '4']


def test_a_hanging_model_is_a_timeout_and_nothing_changes_afterwards(bench):
    bench.open()
    bench.segmenter.gate.clear()
    futures = [bench.send('late', timeout_sec=0.5, publish=True)]
    futures.append(bench.send('never', timeout_sec=0.1))
    for future in futures:
        answer = bench.answer(future)
        assert answer.code == CODES.TIMEOUT
        assert answer.message
    bench.segmenter.gate.set()
    answer = bench.ask('next')
    assert answer.code == CODES.OK
    assert answer.result.revision == 1
    assert bench.segmenter.texts[-1] == 'next'
    assert 'never' not in bench.segmenter.texts
    assert bench.published == []


def test_while_a_correction_hangs_the_model_serves_others(bench, monkeypatch):
    monkeypatch.setattr(worker, 'HANGS_AFTER_S', 0.0)
    bench.open()
    bench.segmenter.gate.clear()
    assert bench.ask('hangs', timeout_sec=0.1).code == CODES.TIMEOUT
    ended = threading.Event()
    assert bench.worker.submit(lambda segmenter: ended.set())
    assert ended.wait(WAIT_S)


def test_one_that_hangs_when_the_node_is_deactivated_does_not_hold_the_model(bench, monkeypatch):
    monkeypatch.setattr(worker, 'HANGS_AFTER_S', 0.0)
    bench.open()
    bench.segmenter.gate.clear()
    future = bench.send('hangs')
    assert bench.segmenter.began.wait(WAIT_S)
    bench.server_executor.create_task(bench.close)
    assert bench.answer(future).code == CODES.NOT_ACTIVE
    ended = threading.Event()
    assert bench.worker.submit(lambda segmenter: ended.set())
    assert ended.wait(WAIT_S)


def test_deactivation_answers_those_that_wait(bench):
    bench.open()
    bench.segmenter.gate.clear()
    futures = [bench.send('0'), bench.send('1')]
    assert bench.segmenter.began.wait(WAIT_S)
    bench.answer(bench.send(''))  # answered in order: both requests have arrived by now
    bench.server_executor.create_task(bench.close)
    answers = [bench.answer(future) for future in futures]
    assert {answer.code for answer in answers} == {CODES.NOT_ACTIVE}


def test_a_slow_correction_does_not_hold_up_the_executor(bench):
    bench.open()
    bench.segmenter.gate.clear()
    slow = bench.send('slow')
    assert bench.segmenter.began.wait(WAIT_S)
    assert bench.ask('').code == CODES.TEXT_EMPTY
    bench.segmenter.gate.set()
    assert bench.answer(slow).code == CODES.OK
