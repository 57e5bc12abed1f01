"""The cameras tell at once when one of them becomes better or worse."""

import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.context import Context
from rclpy.qos import QoSProfile
from sensor_msgs.msg import Image

from ros2_rose import camera_subscription
from ros2_rose import cameras as cameras_module
from ros2_rose.cameras import Cameras, check_topics
from ros2_rose.parameters import ParameterError, parameters_from


class Clock:
    """The steady clock of both modules, set by hand."""

    now_s = 0.0

    def monotonic(self):
        return self.now_s


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(camera_subscription, 'time', clock)
    monkeypatch.setattr(cameras_module, 'time', clock)
    return clock


@pytest.fixture
def node():
    context = Context()
    rclpy.init(context=context)
    node = rclpy.create_node('listener', context=context)
    yield node
    node.destroy_node()
    rclpy.shutdown(context=context)


@pytest.fixture
def listen(node, clock):
    opened = []

    def listen(on_image=lambda camera, message: '', **values):
        opened.append(Cameras(node, parameters_from(values), on_image))
        return opened[-1]

    yield listen
    for cameras in opened:
        cameras.close()


def test_a_change_is_told_once(listen, clock):
    cameras = listen(input_timeout_s=1.0)
    assert cameras.topics == ['/image_raw']
    assert not cameras.look()
    clock.now_s = 1.1
    assert cameras.look()
    assert cameras.health('camera').level == DiagnosticStatus.ERROR
    clock.now_s = 2.0
    assert not cameras.look()
    cameras._take('camera', Image())
    assert cameras.look()
    assert cameras.health('camera').level == DiagnosticStatus.OK


def test_what_is_refused_is_judged_too(listen, clock):
    cameras = listen(lambda camera, message: 'STEP')
    cameras._take('camera', Image())
    assert cameras.look() is False  # a warning, as before the first image
    assert cameras.health('camera').text == '1 of the last 1 images were refused, STEP'


def test_two_publishers_of_one_topic_are_a_warning_with_their_names(listen, node, clock):
    publishers = [node.create_publisher(Image, '/image_raw', QoSProfile(depth=1)) for _ in '12']
    cameras = listen()
    cameras._take('camera', Image())
    cameras.look()
    health = cameras.health('camera')
    assert health.level == DiagnosticStatus.WARN
    assert health.text == 'several nodes publish /image_raw: /listener, /listener'
    for publisher in publishers:
        node.destroy_publisher(publisher)


def two(first, second, **more):
    topics = {'cameras.a.topic': first, 'cameras.b.topic': second}
    return parameters_from({'camera_names': ['a', 'b'], **topics, **more})


@pytest.mark.parametrize(
    ('parameters', 'topic'),
    [
        (two('image', '/image'), '/image'),
        (two('/image', 'image', **{'cameras.a.transport': 'compressed'}), '/image'),
        (
            two('image', '/image/compressed', **{'cameras.a.transport': 'compressed'}),
            '/image/compressed',
        ),
    ],
)
def test_one_topic_under_two_names_is_refused(node, parameters, topic):
    with pytest.raises(ParameterError, match=rf'cameras\.b\.topic and .* both are {topic}\.$'):
        check_topics(node, parameters)


def test_a_namespace_tells_two_topics_apart_and_a_remapping_joins_them():
    context = Context()
    rclpy.init(context=context, args=['--ros-args', '-r', 'left:=/car/right'])
    node = rclpy.create_node('listener', context=context, namespace='/car')
    check_topics(node, two('image', '/image'))
    for first, second in (('image', '/car/image'), ('left', 'right')):
        with pytest.raises(ParameterError, match='must differ'):
            check_topics(node, two(first, second))
    node.destroy_node()
    rclpy.shutdown(context=context)
