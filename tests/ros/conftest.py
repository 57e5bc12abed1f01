"""Shared by the tests of the ROS side: records made by hand, and the real node in its process."""

import copy
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.srv import SetParameters
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from std_msgs.msg import Header

from ros2_rose.conversions import to_nanoseconds, to_time
from ros2_rose.image_writer import write_image
from ros2_rose.msg import SegmentArray
from ros2_rose.srv import Refer, Refine
from rose_model.data.streets import render_scene
from rose_model.records import Segment, Segmentation

ROOT = Path(__file__).parents[2]
SIZE = (6, 8)
WAIT_S = (
    120.0  # a bound, not an expectation: loading the libraries alone takes 40 s on a busy core
)


@pytest.fixture
def make_segment():
    """A segment that fills its box, but for a hole."""

    def make(identity, category='car', box=(1, 1, 4, 3), is_thing=True, revision=0, hole=None):
        x1, y1, x2, y2 = box
        mask = np.ones((y2 - y1, x2 - x1), bool)
        if hole is not None:
            mask[hole[1] - y1, hole[0] - x1] = False
        return Segment(identity, category, 0.75, 0.5, 0.25, is_thing, box, mask, 0, revision)

    return make


@pytest.fixture
def make_segmentation():
    """A frame of 6 x 8 pixels with these segments."""

    def make(*segments):
        return Segmentation((), SIZE, 'segment', context=None).with_segments(segments)

    return make


@pytest.fixture(scope='session')
def scene():
    """A street scene with its truth, small enough for any middleware settings."""
    return render_scene(7, (180, 240), things=(4, 8))


@pytest.fixture(scope='session')
def street(scene):
    """The image of that scene, uint8 RGB."""
    return scene.image


class RosSide:
    """The test's own node: sends images and requests, collects what comes back."""

    def __init__(self):
        self._context = Context()
        rclpy.init(context=self._context)
        self.node = rclpy.create_node('test_side', context=self._context)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self._publishers = {}
        self._stamp_ns = time.time_ns()
        self.status, self.level, self.reports = {}, {}, 0
        self.segments = self.collect(SegmentArray, '/rose/segments')
        self.node.create_subscription(DiagnosticArray, '/diagnostics', self._on_diagnostics, 10)

    def _on_diagnostics(self, message):
        self.reports += 1
        for status in message.status:
            values = {entry.key: entry.value for entry in status.values}
            name = status.name.removeprefix('rose: ')
            self.status[name], self.level[name] = (status.message, values), status.level

    def close(self):
        self._executor.shutdown()
        self.node.destroy_node()
        rclpy.shutdown(context=self._context)

    def spin_once(self):
        """Serve this node for a moment."""
        self._executor.spin_once(timeout_sec=0.1)

    def forget(self):
        """Forget what nodes of earlier tests have said, also what has not been taken yet."""
        taken = None
        while taken != (self.reports, len(self.segments)):
            taken = self.reports, len(self.segments)
            for _ in range(20):  # the topics take turns
                self._executor.spin_once(timeout_sec=0.0)
        self.status.clear()
        self.level.clear()
        self.segments.clear()

    def wait_for(self, condition, what, timeout_s=WAIT_S):
        """Serve this node until the condition holds."""
        give_up = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < give_up, f'waited in vain for {what}; status: {self.status}'
            self._executor.spin_once(timeout_sec=0.1)

    def wait_until_ready(self):
        self.wait_for(lambda: self.status.get('model', ('',))[0] == 'READY', 'the model')

    def collect(self, kind, topic, durability=DurabilityPolicy.VOLATILE):
        """A list that grows with the messages of a topic."""
        messages = []
        profile = QoSProfile(depth=200, durability=durability)
        self.node.create_subscription(kind, topic, messages.append, profile)
        return messages

    def publisher(self, kind, topic, reliability=ReliabilityPolicy.RELIABLE):
        key = kind, topic, reliability
        if key not in self._publishers:
            profile = QoSProfile(depth=5, reliability=reliability)
            self._publishers[key] = self.node.create_publisher(kind, topic, profile)
        publisher = self._publishers[key]
        self.wait_for(publisher.get_subscription_count, f'a subscriber of {topic}')
        return publisher

    def is_alone(self):
        """True if the middleware knows of no node any more."""
        publishers = self._publishers.values()
        return 'rose' not in self.node.get_node_names() and not any(
            publisher.get_subscription_count() for publisher in publishers
        )

    def next_stamp_ns(self):
        self._stamp_ns += 1_000_000
        return self._stamp_ns

    def header(self, frame_id='optical'):
        return Header(stamp=to_time(self.next_stamp_ns()), frame_id=frame_id)

    def send(self, message, topic='/image_raw', reliability=ReliabilityPolicy.RELIABLE):
        """Publish one image; its stamp in nanoseconds."""
        self.publisher(type(message), topic, reliability).publish(message)
        return to_nanoseconds(message.header.stamp)

    def answer_to(self, stamp_ns, revision=0):
        """The segments of the frame of that stamp."""
        found = []

        def arrived():
            found[:] = [
                message
                for message in self.segments
                if to_nanoseconds(message.header.stamp) == stamp_ns
                and message.revision == revision
            ]
            return found

        self.wait_for(arrived, f'the segments of stamp {stamp_ns}, revision {revision}')
        assert len(found) == 1, 'more than one output for one stamp and revision'
        return found[0]

    def segment(self, rgb, **options):
        """Send an image and wait for its segments."""
        image = write_image(rgb, 'rgb8', self.header())
        return self.answer_to(self.send(image, **options))

    def send_until_answered(self, make_image, topic, reliability):
        """Send images until one is answered: a subscription may be made anew meanwhile."""
        before = len(self.segments)
        give_up = time.monotonic() + WAIT_S
        while len(self.segments) == before:
            assert time.monotonic() < give_up, f'no image on {topic} was ever answered'
            self.send(make_image(self.header()), topic, reliability)
            for _ in range(5):
                self._executor.spin_once(timeout_sec=0.1)
        return self.segments[before]

    def call(self, kind, name, request):
        """The answer of a service."""
        client = self.node.create_client(kind, name)
        try:
            self.wait_for(client.service_is_ready, name)
            future = client.call_async(request)
            self.wait_for(future.done, f'an answer of {name}')
            return future.result()
        finally:
            self.node.destroy_client(client)

    def refine(self, text, header=None, **fields):
        """The answer to a correction."""
        request = Refine.Request(text=text, header=header or Header(), **fields)
        return self.call(Refine, '/rose/refine', request)

    def refer(self, description, header=None, **fields):
        """The answer to a description."""
        request = Refer.Request(description=description, header=header or Header(), **fields)
        return self.call(Refer, '/rose/refer', request)

    def set_parameter(self, name, value):
        """What the node says to ``ros2 param set``."""
        parameter = Parameter(name, value=value).to_parameter_msg()
        request = SetParameters.Request(parameters=[parameter])
        return self.call(SetParameters, '/rose/set_parameters', request).results[0]

    @staticmethod
    def content(message):
        """All that the image decides: an id is of an object, not of an image."""
        segments = copy.deepcopy(message.segments)
        for segment in segments:
            segment.id = ''
        return message.height, message.width, segments

    def count(self, camera, name):
        """A counter of the diagnostics."""
        return int(self.status.get(f'input/{camera}', ('', {}))[1].get(name, 0))


class NodeProcess:
    """The node as ``ros2 run`` starts it."""

    def __init__(self, log, **parameters):
        self._log = log
        options = [
            part
            for name, value in parameters.items()
            for part in ('-p', f'{name.replace("__", ".")}:={value}')
        ]
        command = [sys.executable, ROOT / 'scripts' / 'rose_node', '--ros-args', *options]
        with log.open('wb') as output:
            self._process = subprocess.Popen(
                command,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env=os.environ | {'PYTHONFAULTHANDLER': '1'},
            )

    @property
    def output(self):
        return self._log.read_text(errors='replace')

    def memory(self):
        """Bytes that it holds in memory."""
        status = Path(f'/proc/{self._process.pid}/status').read_text()
        return 1024 * int(status.split('VmRSS:')[1].split()[0])

    def is_running(self):
        return self._process.poll() is None

    def send_signal(self, number):
        self._process.send_signal(number)

    def wait(self):
        """The exit code; where there is none, an error with the stacks of its threads."""
        try:
            return self._process.wait(WAIT_S)
        except subprocess.TimeoutExpired as error:
            self.send_signal(signal.SIGABRT)
            self._process.wait(WAIT_S)
            raise AssertionError(f'The node goes on and on.\n{self.output}') from error

    def stop(self):
        """End it as a terminal does; the exit code."""
        if self.is_running():
            self.send_signal(signal.SIGINT)
        return self.wait()


@pytest.fixture(scope='module')
def ros():
    side = RosSide()
    yield side
    side.close()


@pytest.fixture(scope='module')
def start_node(tmp_path_factory):
    """Start nodes that end with the module; each must end without a word of trouble."""
    nodes = []

    def start(**parameters):
        log = tmp_path_factory.mktemp('node') / 'output.txt'
        nodes.append(NodeProcess(log, **parameters))
        return nodes[-1]

    yield start
    for node in nodes:
        node.stop()
        assert 'Traceback' not in node.output, node.output
