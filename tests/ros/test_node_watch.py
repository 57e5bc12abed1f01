"""What the node says of a camera that is silent, falls silent, returns, or cannot be heard."""

import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image

from ros2_rose.image_writer import write_image

pytestmark = pytest.mark.timeout(400)  # a process loads its libraries

OK, ERROR = DiagnosticStatus.OK, DiagnosticStatus.ERROR


@pytest.fixture(scope='module', autouse=True)
def node(ros, start_node):
    """Two cameras; nobody publishes the first one's topic, the second one's cannot be heard."""
    ros.node.create_publisher(Image, '/front_camera/image_raw', 1)
    best_effort = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
    ros.node.create_publisher(Image, '/rear/image_raw', best_effort)
    return start_node(
        camera_names='[front, rear]',
        cameras__rear__reliability='reliable',
        input_timeout_s=0.5,
        diagnostics_period_s=60,  # what is asserted must come at once, not with the next report
    )


def wait_for_level(ros, camera, level):
    """What is said of a camera, once it is at that level."""
    ros.wait_for(lambda: ros.level.get(f'input/{camera}') == level, f'{camera} at {level}')
    return ros.status[f'input/{camera}'][0]


def test_silence_is_explained_by_the_topics_that_there_are(ros):
    text = wait_for_level(ros, 'front', ERROR)
    assert 'nobody publishes /front/image_raw' in text
    assert '/front_camera/image_raw (sensor_msgs/msg/Image)' in text


def test_a_publisher_that_cannot_be_heard_is_named_with_its_policy(ros):
    text = wait_for_level(ros, 'rear', ERROR)
    assert '/test_side has an incompatible QoS: RELIABILITY' in text


def test_a_camera_that_comes_stops_and_returns_is_reported_each_time(ros, node, street):
    for _ in range(2):
        ros.send(write_image(street, 'rgb8', ros.header()), '/front/image_raw')
        assert wait_for_level(ros, 'front', OK) == 'receiving'
        assert '/test_side could be heard' in wait_for_level(ros, 'front', ERROR)
    assert node.output.count("Camera 'front': receiving.") == 2


def test_a_camera_that_fails_leaves_the_other_alone(ros, node, street):
    ros.send(write_image(street, 'rgb8', ros.header()), '/front/image_raw')
    wait_for_level(ros, 'front', OK)
    assert ros.level['input/rear'] == ERROR
    assert node.is_running()
