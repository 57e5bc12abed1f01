"""A node that was killed and started again, as the launch file does, sees what it saw before."""

import signal

import pytest
from rclpy.qos import ReliabilityPolicy

from ros2_rose.image_writer import write_image

pytestmark = pytest.mark.timeout(400)  # processes load their libraries


def test_a_node_that_was_killed_amid_frames_is_active_again_with_the_same_masks(
    ros, start_node, street
):
    before = []
    for life in range(2):
        ros.status.clear()
        node = start_node(diagnostics_period_s=0.2)
        ros.wait_until_ready()
        message = ros.send_until_answered(
            lambda header: write_image(street, 'rgb8', header),
            '/image_raw',
            ReliabilityPolicy.RELIABLE,
        )
        before.append(ros.content(message))
        if life == 0:
            for _ in range(3):  # they are in work or wait when it dies
                ros.send(write_image(street, 'rgb8', ros.header()))
            node.send_signal(signal.SIGKILL)
            assert node.wait() == -signal.SIGKILL
    assert before[0] == before[1]
