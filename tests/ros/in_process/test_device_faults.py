"""What the node says and does when its GPU has no memory, and when it is lost."""

import signal
import threading

import numpy as np
import pytest
import torch
from diagnostic_msgs.msg import DiagnosticStatus
from sensor_msgs.msg import Image

from ros2_rose import worker
from ros2_rose.image_writer import write_image
from ros2_rose.rose_node import run
from ros2_rose.srv import Refine
from rose_model.records import Segmentation

LONG_S, SOON_S = 60.0, 30.0
RGB = np.zeros((6, 8, 3), np.uint8)


def fails_once(segmenter, error):
    works = segmenter.segment

    def segment(image, *args, **options):
        segmenter.segment = works
        raise error

    segmenter.segment = segment
    return segmenter


def test_want_of_memory_is_an_error_at_once_and_well_again_with_the_next_frame(
    ros, start_in_process
):
    node = start_in_process(diagnostics_period_s=LONG_S)
    ros.wait_for(node.node._reporter._publisher.get_subscription_count, 'a listener', SOON_S)
    fails_once(node.segmenter, torch.OutOfMemoryError('CUDA out of memory.'))
    ros.send(write_image(RGB, 'rgb8', ros.header()))
    ros.wait_for(lambda: 'Too little memory' in ros.status.get('model', ('',))[0], 'the error')
    assert ros.level['model'] == DiagnosticStatus.ERROR
    assert ros.status['model'][1]['state'] == 'NO_MEMORY'
    ros.segment(RGB)
    ros.wait_for(lambda: ros.status['model'][0] == 'READY', 'the model')
    assert ros.level['model'] == DiagnosticStatus.OK


@pytest.fixture
def _signals():
    kept = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, kept)


@pytest.mark.usefixtures('_signals')
def test_a_request_that_waits_when_the_gpu_is_lost_is_answered(ros, monkeypatch):
    monkeypatch.setattr(worker, 'is_device_lost', lambda: True)
    is_dying, may_die = threading.Event(), threading.Event()

    class Dying:
        name = 'dying@0'
        frames = 0

        def segment(self, image, *args, **options):
            self.frames += 1
            if self.frames == 1:
                return Segmentation((), image.shape[:2], 'segment', context=None)
            is_dying.set()
            assert may_die.wait(SOON_S)
            raise RuntimeError('CUDA error: device-side assert triggered')

    def client():
        first = ros.segment(RGB)
        ros.send(write_image(RGB, 'rgb8', ros.header()))
        ros.wait_for(is_dying.is_set, 'the last frame')
        refine = ros.node.create_client(Refine, '/rose/refine')
        ros.wait_for(refine.service_is_ready, 'the service')
        future = refine.call_async(Refine.Request(text='a bus is missing', header=first.header))
        ros.wait_for(lambda: ros.status['refine'][1]['received'] == '1', 'the request')
        may_die.set()
        ros.wait_for(future.done, 'the answer')
        codes.append(future.result().code)

    codes = []
    thread = threading.Thread(target=client)
    thread.start()
    assert run(['rose_node'], lambda parameters: Dying()) == 1
    thread.join()
    assert codes == [Refine.Response.NOT_ACTIVE]


@pytest.mark.usefixtures('_signals')
def test_a_lost_gpu_is_an_error_and_ends_the_program_with_code_1(ros, monkeypatch, capfd):
    """So that ``respawn`` of the launch file starts another process, which can use the GPU."""
    monkeypatch.setattr(worker, 'is_device_lost', lambda: True)

    class Dead:
        name = 'dead@0'

        def segment(self, image, *args, **options):
            raise RuntimeError('CUDA error: device-side assert triggered')

    def camera():
        publisher = ros.publisher(Image, '/image_raw')  # waits for the node
        while not ended.is_set():
            publisher.publish(write_image(RGB, 'rgb8', ros.header()))
            ros.spin_once()

    ended = threading.Event()
    thread = threading.Thread(target=camera)
    thread.start()
    try:
        assert run(['rose_node'], lambda parameters: Dead()) == 1
    finally:
        ended.set()
        thread.join()
    ros.wait_for(lambda: ros.status['model'][1].get('state') == 'LOST', 'the report', SOON_S)
    assert ros.level['model'] == DiagnosticStatus.ERROR
    errors = capfd.readouterr().err
    assert 'The GPU is lost to this process' in errors
    assert 'Traceback' not in errors
