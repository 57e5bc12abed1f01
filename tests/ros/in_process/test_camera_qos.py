"""Cameras that publish in every way, stop without a word, return, slow down, or are two."""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image

from ros2_rose.image_writer import write_image

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR
CAMERA = Path(__file__).with_name('steady_camera.py')


def image(ros, value=7):
    return write_image(np.full((6, 8, 3), value, np.uint8), 'rgb8', ros.header())


@pytest.fixture(autouse=True)
def fresh(ros):
    ros.forget()


def wait_for_level(ros, level, name='camera'):
    ros.wait_for(lambda: ros.level.get(f'input/{name}') == level, f'{name} at {level}')
    return ros.status[f'input/{name}'][0]


@pytest.mark.parametrize(
    ('reliability', 'durability'),
    [
        (reliability, durability)
        for reliability in (ReliabilityPolicy.RELIABLE, ReliabilityPolicy.BEST_EFFORT)
        for durability in (DurabilityPolicy.VOLATILE, DurabilityPolicy.TRANSIENT_LOCAL)
    ],
)
def test_a_publisher_of_any_reliability_and_durability_is_heard(
    ros, start_in_process, reliability, durability
):
    start_in_process(input_timeout_s=60.0)
    profile = QoSProfile(depth=5, reliability=reliability, durability=durability)
    publisher = ros.node.create_publisher(Image, '/image_raw', profile)
    ros.wait_for(publisher.get_subscription_count, 'the node, which follows the publisher')
    while not ros.segments:
        publisher.publish(image(ros))
        ros.spin_once()
    assert wait_for_level(ros, OK) == 'receiving'
    ros.node.destroy_publisher(publisher)


def test_the_depth_of_a_subscription_can_be_overridden_and_stays_when_it_is_made_anew(
    ros, start_in_process
):
    node = start_in_process(**{'qos_overrides./image_raw.subscription.depth': 3})

    def depths():
        subscriptions = list(node.node.subscriptions)
        return [each.qos_profile.depth for each in subscriptions if each.topic == '/image_raw']

    assert depths() == [3]
    profile = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
    publisher = ros.node.create_publisher(Image, '/image_raw', profile)
    ros.wait_for(publisher.get_subscription_count, 'the new subscription')
    assert depths() == [3]
    ros.node.destroy_publisher(publisher)


@pytest.fixture
def start_camera():
    """Start a process that sends an image of that value at this rate until it is ended."""
    processes = []

    def start(rate_hz=20.0, value=7):
        command = [sys.executable, CAMERA, '/image_raw', str(rate_hz), str(value)]
        processes.append(subprocess.Popen(command))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.wait()


@pytest.mark.parametrize('number', [signal.SIGSTOP, signal.SIGKILL])
def test_a_camera_that_stops_without_a_word_and_returns(
    ros, start_in_process, start_camera, number
):
    start_in_process(input_timeout_s=1.0)
    camera = start_camera()
    wait_for_level(ros, OK)
    ros.wait_for(lambda: ros.segments, 'segments')
    camera.send_signal(number)
    assert 'no image any more' in wait_for_level(ros, ERROR)
    # Nothing is repeated meanwhile.
    count, processed = len(ros.segments), ros.count('camera', 'processed')
    reports = ros.reports
    ros.wait_for(lambda: ros.reports > reports + 5, 'some more reports')
    assert (len(ros.segments), ros.count('camera', 'processed')) == (count, processed)
    before = ros.content(ros.segments[-1])
    if number == signal.SIGSTOP:
        camera.send_signal(signal.SIGCONT)
    else:
        start_camera()
    ros.wait_for(lambda: len(ros.segments) > count, 'segments after the return')
    assert ros.content(ros.segments[-1]) == before
    wait_for_level(ros, OK)


def test_a_rate_that_falls_is_a_warning_then_an_error_and_one_that_rises_is_well(
    ros, start_in_process, start_camera
):
    start_in_process(
        cameras__camera__warn_rate_hz=20.0,
        cameras__camera__error_rate_hz=5.0,
        input_timeout_s=60.0,
    )
    told = []
    for rate_hz, level in ((30.0, OK), (10.0, WARN), (2.0, ERROR), (30.0, OK)):
        camera = start_camera(rate_hz)
        told.append(wait_for_level(ros, level))
        camera.terminate()
        camera.wait()
    assert told[0] == told[3] == 'receiving'
    assert told[1].startswith('only ')
    assert told[2].startswith('only ')
