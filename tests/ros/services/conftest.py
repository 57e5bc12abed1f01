"""The services on a scripted model, over real DDS; a real model cannot be told to hang."""

import threading
from dataclasses import replace

import pytest
import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from std_msgs.msg import Header

from ros2_rose.camera_inbox import CameraInbox
from ros2_rose.conversions import to_time
from ros2_rose.corrections_service import CorrectionsService
from ros2_rose.frame_service import FrameSession
from ros2_rose.history import FrameRecord
from ros2_rose.refer_service import ReferService
from ros2_rose.refine_service import RefineService
from ros2_rose.session_memory import SessionMemory
from ros2_rose.srv import Corrections, Refer, Refine, Undo
from ros2_rose.undo_service import UndoService
from ros2_rose.worker import ModelWorker
from rose_model.correction_grammar import read_request
from rose_model.errors import (
    InvalidRequestError,
    NotUnderstoodError,
    RefinementRejectedError,
    TextTooLongError,
)
from rose_model.records import Refinement, RefinementCase, Segmentation
from rose_model.write_back import delete

WAIT_S = 30.0
STAMP_NS = 5_000_000_007
ERRORS = {
    'not understood': NotUnderstoodError('nothing like it'),
    'rejected': RefinementRejectedError('an empty mask'),
    'invalid': InvalidRequestError('outside of the image'),
    'too many tokens': TextTooLongError('200 tokens'),
    'crash': RuntimeError('out of memory'),
}


class Log:
    """A logger that keeps its lines."""

    def __init__(self):
        self.lines = []

    def info(self, message, **options):
        self.lines.append(message)

    warning = error = info


class ScriptedSegmenter:
    """Raises what its text names, else gives the segment the text, or the label that it states, as
    its name, or deletes it; waits at a gate.

    It finds the segments in ``found`` by their descriptions, and by the texts that miss them.
    ``doubles``: ids of the segments that are the same object as the next one that is changed.
    """

    name = 'scripted@0'

    def __init__(self):
        self.gate = threading.Event()
        self.gate.set()
        self.began = threading.Event()
        self.texts = []
        self.contexts = []
        self.found = {}
        self.doubles = ()

    def _hear(self, text):
        self.texts.append(text)
        self.began.set()
        assert self.gate.wait(WAIT_S)
        if text in ERRORS:
            raise ERRORS[text]

    def refine(self, segmentation, text, *, segment_id, target, points, label, remove):
        self._hear(text)
        request, old = read_request(text), segmentation.find(segment_id)
        if old is not None and (remove or request.deletes(old.category)):
            return delete(segmentation, old)
        name = label or request.label or text
        if old is None:
            found = self.found[text]
            case, name = RefinementCase.MISSED, label or found.category
            changed = replace(found, id='free', category=name, revision=1)
        else:
            case = RefinementCase.CATEGORY if name else RefinementCase.MASK
            changed = replace(old, category=name or old.category, revision=old.revision + 1)
        gone = (*self.doubles, '9')
        rest = (s for s in segmentation.segments if s is not old and s.id not in gone)
        return Refinement(case, (changed,), gone, segmentation.with_segments((*rest, changed)))

    def refer(self, context, description):
        self._hear(description)
        self.contexts.append(context)
        segments = (self.found[description],) if description in self.found else ()
        return Segmentation(segments, (6, 8), f'What is {description}?', context)


class ServiceBench:
    """A server node with both services, and a client node, each with an executor of its own."""

    def __init__(self, segmentation):
        self.context = Context()
        rclpy.init(context=self.context)
        self.server = rclpy.create_node('rose', context=self.context)
        self.services = (
            RefineService(self.server),
            ReferService(self.server),
            UndoService(self.server),
        )
        self.list_service = CorrectionsService(self.server)
        self.server_executor = SingleThreadedExecutor(context=self.context)
        self.server_executor.add_node(self.server)
        self.thread = threading.Thread(target=self.server_executor.spin, daemon=True)
        self.thread.start()

        self.client_node = rclpy.create_node('client', context=self.context)
        self.clients = {
            Refine: self.client_node.create_client(Refine, '/rose/refine'),
            Refer: self.client_node.create_client(Refer, '/rose/refer'),
            Undo: self.client_node.create_client(Undo, '/rose/undo'),
            Corrections: self.client_node.create_client(Corrections, '/rose/corrections'),
        }
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.client_node)
        assert all(client.wait_for_service(WAIT_S) for client in self.clients.values())

        self.segmenter, self.log = ScriptedSegmenter(), Log()
        self.memory = SessionMemory(['front'], 3)
        self.history = self.memory.history
        self.model_frame = segmentation
        self.add_frame(STAMP_NS, segmentation)
        self.worker = ModelWorker(
            lambda: self.segmenter, CameraInbox(['front']), lambda *_: None, self.log
        )
        self.published = []

    def add_frame(self, stamp_ns, segmentation):
        """What the pipeline does with a frame of the model's; the record of it."""
        followed = self.memory.follow('front', stamp_ns, segmentation)
        record = FrameRecord(
            'front',
            Header(stamp=to_time(stamp_ns), frame_id='optical'),
            stamp_ns,
            0,
            followed.segmentation,
            candidates=('car', 'road'),
            stated=followed.stated,
            generated=followed.generated,
        )
        self.memory.add(record)
        return record

    def open(self, camera_names=('front',)):
        self.worker.start()
        ready = threading.Event()
        assert self.worker.submit(lambda segmenter: ready.set())
        assert ready.wait(WAIT_S)
        self.open_with(self.worker, camera_names)

    def open_with(self, worker, camera_names=('front',)):
        session = FrameSession(
            worker,
            self.memory,
            camera_names,
            WAIT_S,
            lambda record, segmenter: self.published.append(record),
        )
        for service in self.services:
            service.open(session)
        self.list_service.open(self.memory)

    def close(self):
        for service in self.services:
            service.close()
        self.list_service.close()

    def send(self, text='bus', **fields):
        fields = {'segment_id': '1', 'header': Header(stamp=to_time(STAMP_NS)), **fields}
        return self.clients[Refine].call_async(Refine.Request(text=text, **fields))

    def send_description(self, description, **fields):
        fields = {'header': Header(stamp=to_time(STAMP_NS)), **fields}
        return self.clients[Refer].call_async(Refer.Request(description=description, **fields))

    def answer(self, future):
        self.executor.spin_until_future_complete(future, timeout_sec=WAIT_S)
        assert future.done(), 'no answer'
        return future.result()

    def ask(self, text='bus', **fields):
        return self.answer(self.send(text, **fields))

    def refer(self, description, **fields):
        return self.answer(self.send_description(description, **fields))

    def undo(self, **fields):
        return self.answer(self.clients[Undo].call_async(Undo.Request(**fields)))

    def corrections(self, **fields):
        return self.answer(self.clients[Corrections].call_async(Corrections.Request(**fields)))

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
    """Both services on a frame with the segments ``'1'`` and ``'2'``."""
    segments = (make_segment('1'), make_segment('2', 'road', box=(0, 0, 8, 6)))
    bench = ServiceBench(replace(make_segmentation(), segments=segments))
    yield bench
    bench.shut_down()
