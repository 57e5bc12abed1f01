"""The whole node inside the process of the test, over real DDS, with a scripted model."""

import threading

import numpy as np
import pytest
import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter

from ros2_rose.rose_node import RoseNode
from rose_model.records import Segment, Segmentation

WAIT_S = 30.0


class MirrorSegmenter:
    """Finds one segment, which fills the image and is named by the value of its first pixel.

    Waits at a gate; ``seen`` are the values of the images so far.
    """

    name = 'mirror@0'

    def __init__(self):
        self.gate = threading.Event()
        self.gate.set()
        self.began = threading.Event()
        self.seen = []

    def segment(self, image, instruction=None, **options):
        self.seen.append(int(image[0, 0, 0]))
        self.began.set()
        assert self.gate.wait(WAIT_S)
        height, width = image.shape[:2]
        mask = np.ones((height, width), bool)
        box = (0, 0, width, height)
        segment = Segment('1', str(self.seen[-1]), 0.75, 0.5, 0.25, True, box, mask, 0, 0)
        return Segmentation((), (height, width), 'segment', context=None).with_segments((segment,))


class InProcessNode:
    """The node with its executor, both in threads of their own."""

    def __init__(self, segmenter, load=None, **parameters):
        self.segmenter = segmenter
        self._context = Context()
        rclpy.init(context=self._context)
        self.node = RoseNode(
            load or (lambda parameters: segmenter),
            context=self._context,
            parameter_overrides=[
                Parameter(name.replace('__', '.'), value=value)
                for name, value in ({'diagnostics_period_s': 0.1} | parameters).items()
            ],
        )
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self.node.start()
        self._thread = threading.Thread(target=self._executor.spin)
        self._thread.start()

    def close(self):
        self.segmenter.gate.set()
        self._executor.shutdown()
        self._thread.join(WAIT_S)
        assert not self._thread.is_alive()
        self.node.stop()
        self.node.destroy_node()
        self.node._state_machine = None  # as at the end of the program
        rclpy.shutdown(context=self._context)


@pytest.fixture
def start_in_process(ros):
    """Start a node with these parameters; it ends with the test."""
    nodes = []

    def start(segmenter=None, **options):
        nodes.append(InProcessNode(segmenter or MirrorSegmenter(), **options))
        return nodes[-1]

    yield start
    for node in nodes:
        node.close()
    ros.wait_for(ros.is_alone, 'the end of the node: the next test must not speak to it')
