"""What the node says of a camera that is silent, falls silent, returns, or cannot be heard."""

import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CompressedImage, Image

from ros2_rose.image_writer import write_image

pytestmark = pytest.mark.timeout(400)  # a process loads its libraries

OK, ERROR = DiagnosticStatus.OK, DiagnosticStatus.ERROR


@pytest.fixture(scope='module', autouse=True)
def node(ros, start_node):
    """Nobody publishes the first camera's topic; those of the others cannot be heard."""
    ros.node.create_publisher(Image, '/front_camera/image_raw', 1)
    best_effort = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
    ros.node.create_publisher(Image, '/rear/image_raw', best_effort)
    ros.node.create_publisher(CompressedImage, '/side/image_raw', 1)
    process = start_node(
        camera_names='[front, rear, side]',
        cameras__rear__reliability='reliable',
        input_timeout_s=2.0,
        diagnostics_period_s=0.2,
        use_sim_time=True,  # and there is no clock
    )
    ros.wait_for(lambda: 'Listening to' in process.output, 'the cameras')
    return process


def wait_for_level(ros, camera, level):
    """What is said of a camera, once it is at that level."""
    ros.wait_for(lambda: ros.level.get(f'input/{camera}') == level, f'{camera} at {level}')
    return ros.status[f'input/{camera}'][0]


def wait_for_words(ros, camera, words):
    """Wait until they are said of a camera: the publishers are discovered one after the other."""
    ros.wait_for(lambda: words in ros.status.get(f'input/{camera}', ('',))[0], words)
    assert ros.level[f'input/{camera}'] == ERROR


def test_silence_is_explained_by_the_topics_that_there_are(ros):
    wait_for_words(ros, 'front', '/front_camera/image_raw (sensor_msgs/msg/Image)')
    assert 'nobody publishes /front/image_raw' in ros.status['input/front'][0]


def test_a_publisher_that_cannot_be_heard_is_named_with_its_policy(ros):
    wait_for_words(ros, 'rear', '/test_side has an incompatible QoS: RELIABILITY')


def test_a_publisher_of_another_type_is_named_with_both(ros):
    wait_for_words(ros, 'side', '/test_side publishes sensor_msgs/msg/CompressedImage')
    assert 'sensor_msgs/msg/Image is listened to' in ros.status['input/side'][0]


def test_a_camera_that_comes_stops_and_returns_is_reported_each_time(ros, node, street):
    for _ in range(2):
        ros.send(write_image(street, 'rgb8', ros.header()), '/front/image_raw')
        assert wait_for_level(ros, 'front', OK) == 'receiving'
        assert '/test_side could be heard' in wait_for_level(ros, 'front', ERROR)
    assert "Camera 'front': receiving." in node.output


def test_a_camera_that_fails_leaves_the_other_alone(ros, node, street):
    ros.send(write_image(street, 'rgb8', ros.header()), '/front/image_raw')
    wait_for_level(ros, 'front', OK)
    assert ros.level['input/rear'] == ERROR
    assert node.is_running()


def test_a_clock_that_is_missing_is_told_of_and_keeps_nobody_from_listening(ros, node):
    ros.wait_for(lambda: 'nobody publishes /clock' in node.output, 'the warning')
