"""The service: every request gets exactly one answer, whatever the model does meanwhile.

The service is the real one over real DDS; the model is scripted, for a real one cannot be told to
hang.
"""

import threading
from dataclasses import replace

import pytest
import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from std_msgs.msg import Header

from ros2_rose.camera_inbox import CameraInbox
from ros2_rose.conversions import to_nanoseconds, to_time
from ros2_rose.history import FrameHistory, FrameRecord
from ros2_rose.refine_service import RefineService, RefineSession
from ros2_rose.srv import Refine
from ros2_rose.worker import MAX_WAITING_CORRECTIONS, ModelState, ModelWorker
from rose_model.errors import (
    InvalidRequestError,
    NotUnderstoodError,
    RefinementRejectedError,
    TextTooLongError,
)
from rose_model.records import Refinement, RefinementCase

WAIT_S = 30.0
STAMP_NS = 5_000_000_007
CODES = Refine.Response


class Quiet:
    def info(self, message, **options):
        pass

    error = info


ERRORS = {
    'not understood': NotUnderstoodError('nothing like it'),
    'rejected': RefinementRejectedError('an empty mask'),
    'invalid': InvalidRequestError('outside of the image'),
    'too many tokens': TextTooLongError('200 tokens'),
    'crash': RuntimeError('out of memory'),
}


class ScriptedSegmenter:
    """Raises what its text names, else gives the segment the text as its name; waits at a gate."""

    name = 'scripted@0'

    def __init__(self):
        self.gate = threading.Event()
        self.gate.set()
        self.began = threading.Event()
        self.texts = []

    def refine(self, segmentation, text, *, segment_id, target, points):
        self.texts.append(text)
        self.began.set()
        assert self.gate.wait(WAIT_S)
        if text in ERRORS:
            raise ERRORS[text]
        old = segmentation.find(segment_id)
        changed = replace(old, category=text, revision=old.revision + 1)
        rest = tuple(segment for segment in segmentation.segments if segment is not old)
        return Refinement(
            RefinementCase.CATEGORY,
            (changed,),
            ('9',),
            segmentation.with_segments((*rest, changed)),
        )


class Bench:
    """A server node with the service, and a client node, each with an executor of its own."""

    def __init__(self, segmentation):
        self.context = Context()
        rclpy.init(context=self.context)
        self.server = rclpy.create_node('rose', context=self.context)
        self.service = RefineService(self.server)
        self.server_executor = SingleThreadedExecutor(context=self.context)
        self.server_executor.add_node(self.server)
        self.thread = threading.Thread(target=self.server_executor.spin, daemon=True)
        self.thread.start()

        self.client_node = rclpy.create_node('client', context=self.context)
        self.client = self.client_node.create_client(Refine, '/rose/refine')
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.client_node)
        assert self.client.wait_for_service(WAIT_S)

        self.segmenter = ScriptedSegmenter()
        self.history = FrameHistory(['front'], 3)
        header = Header(stamp=to_time(STAMP_NS), frame_id='optical')
        self.history.add(FrameRecord('front', header, STAMP_NS, 0, segmentation))
        self.worker = ModelWorker(
            lambda: self.segmenter, CameraInbox(['front']), lambda *_: None, Quiet()
        )
        self.published = []

    def open(self, camera_names=('front',)):
        self.worker.start()
        ready = threading.Event()
        assert self.worker.submit(lambda segmenter: ready.set())
        assert ready.wait(WAIT_S)
        self.service.open(
            RefineSession(
                self.worker,
                self.history,
                camera_names,
                WAIT_S,
                lambda record, segmenter: self.published.append(record),
            )
        )

    def send(self, text='bus', **fields):
        fields = {'segment_id': '1', 'header': Header(stamp=to_time(STAMP_NS)), **fields}
        return self.client.call_async(Refine.Request(text=text, **fields))

    def answer(self, future):
        self.executor.spin_until_future_complete(future, timeout_sec=WAIT_S)
        assert future.done(), 'no answer'
        return future.result()

    def ask(self, text='bus', **fields):
        return self.answer(self.send(text, **fields))

    def shut_down(self):
        self.segmenter.gate.set()
        self.worker.stop()
        self.server_executor.shutdown()
        self.thread.join(WAIT_S)
        self.executor.shutdown()
        self.server.destroy_node()
        self.client_node.destroy_node()
        rclpy.shutdown(context=self.context)


@pytest.fixture
def bench(make_segment, make_segmentation):
    bench = Bench(make_segmentation(make_segment('1'), make_segment('2', box=(0, 0, 8, 6))))
    yield bench
    bench.shut_down()


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
        ('bus', {'scope': 1}, CODES.INVALID_REQUEST),
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
        lambda: (loaded.wait(WAIT_S), bench.segmenter)[1], CameraInbox([]), None, Quiet()
    )
    worker.start()
    bench.service.open(RefineSession(worker, bench.history, ('front',), WAIT_S, None))
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
    futures = [bench.send(str(number)) for number in range(1, MAX_WAITING_CORRECTIONS + 4)]
    refused = [bench.answer(future) for future in futures[MAX_WAITING_CORRECTIONS:]]
    assert {answer.code for answer in refused} == {CODES.BUSY}
    bench.segmenter.gate.set()
    served = [bench.answer(future) for future in (in_work, *futures[:MAX_WAITING_CORRECTIONS])]
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


def test_deactivation_answers_those_that_wait(bench):
    bench.open()
    bench.segmenter.gate.clear()
    futures = [bench.send('0'), bench.send('1')]
    assert bench.segmenter.began.wait(WAIT_S)
    bench.answer(bench.send(''))  # answered in order: both requests have arrived by now
    bench.server_executor.create_task(bench.service.close)
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
