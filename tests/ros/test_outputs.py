"""What is made of a frame besides its segments: for listeners only, with vision_msgs or not."""

from types import SimpleNamespace

import numpy as np
import pytest
from rclpy.qos import DurabilityPolicy
from std_msgs.msg import Header

from ros2_rose import outputs, overlay, unknown, vision_outputs
from ros2_rose.conversions import to_time
from ros2_rose.history import FrameRecord
from ros2_rose.outputs import DerivedOutputs
from ros2_rose.parameters import parameters_from
from ros2_rose.vision_outputs import detections_message, label_info_message
from rose_model.config import PatchFilterConfig

RGB = np.full((6, 8, 3), 100, np.uint8)
TOPICS = ('~/overlay', '~/label_map', '~/unknown', '~/detections', '~/label_info')


class StandIns:
    """Any message with any fields: vision_msgs is not on PyPI."""

    def __getattr__(self, name):
        return lambda **fields: SimpleNamespace(**fields)


class FakePublisher:
    def __init__(self, profile):
        self.profile = profile
        self.listeners = 0
        self.messages = []

    def get_subscription_count(self):
        return self.listeners

    def publish(self, message):
        self.messages.append(message)


class FakeNode:
    def __init__(self):
        self.publishers, self.log = {}, []

    def create_publisher(self, kind, name, profile, **options):
        self.publishers[name] = FakePublisher(profile)
        return self.publishers[name]

    def get_logger(self):
        return self

    def info(self, text, **options):
        self.log.append(text)

    warning = info


@pytest.fixture(params=['stand-ins', 'vision_msgs'])
def messages(request):
    if request.param == 'stand-ins':
        return StandIns()
    reason = 'vision_msgs comes with a ROS installation'
    return pytest.importorskip('vision_msgs.msg', reason=reason)


@pytest.fixture
def record(make_segment, make_segmentation):
    road = make_segment('9', 'road', box=(0, 3, 8, 6), is_thing=False)
    segmentation = make_segmentation(make_segment('1', 'red car', hole=(2, 2)), road)
    return FrameRecord('front', Header(stamp=to_time(7), frame_id='optical'), 7, 0, segmentation)


@pytest.fixture
def empty(make_segmentation):
    return FrameRecord('front', Header(stamp=to_time(8)), 8, 1, make_segmentation())


@pytest.fixture
def node():
    return FakeNode()


@pytest.fixture
def derived(node, messages, monkeypatch):
    monkeypatch.setattr(outputs, 'find_vision_msgs', lambda: messages)
    made = DerivedOutputs(node)
    config = SimpleNamespace(patch_filter=PatchFilterConfig(min_objectness=0.25))
    made.configure(parameters_from({}), config)
    return made


def counts(node):
    return {name: len(publisher.messages) for name, publisher in node.publishers.items()}


def test_there_is_a_topic_for_each_output(node, derived):
    assert tuple(node.publishers) == TOPICS


@pytest.mark.parametrize('topic', TOPICS)
def test_each_output_is_published_only_while_somebody_listens_to_it(node, derived, record, topic):
    derived.publish(record, RGB, 'nano@0')
    assert counts(node) == dict.fromkeys(TOPICS, 0)
    node.publishers[topic].listeners = 2
    derived.publish(record, RGB, 'nano@0')
    assert counts(node) == dict.fromkeys(TOPICS, 0) | {topic: 1}
    assert node.publishers[topic].messages[0].header == record.header


def test_nothing_is_made_for_nobody(node, derived, record, monkeypatch):
    for module, name in (
        (overlay, 'draw_overlay'),
        (overlay, 'label_map'),
        (unknown, 'unknown_on'),
        (unknown, 'record_to_msg'),
        (vision_outputs, 'detections_message'),
        (vision_outputs, 'label_info_message'),
    ):
        monkeypatch.setattr(module, name, None)
    derived.publish(record, RGB, 'nano@0')
    assert counts(node) == dict.fromkeys(TOPICS, 0)


def test_a_corrected_frame_whose_image_is_gone_has_all_but_an_overlay(node, derived, record):
    for publisher in node.publishers.values():
        publisher.listeners = 1
    derived.publish(record.corrected(record.segmentation), None, 'nano@0')
    assert counts(node) == dict.fromkeys(TOPICS, 1) | {'~/overlay': 0}
    assert node.publishers['~/unknown'].messages[0].revision == 1


def test_without_vision_msgs_two_topics_are_missing_and_the_log_says_so(node, monkeypatch, record):
    monkeypatch.setattr(outputs, 'find_vision_msgs', lambda: None)
    made = DerivedOutputs(node)
    made.publish(record, RGB, 'nano@0')
    assert tuple(node.publishers) == TOPICS[:3]
    assert any('vision_msgs is not installed' in line for line in node.log)


def test_the_meaning_of_the_label_map_is_there_for_who_comes_late(node, derived):
    profile = node.publishers['~/label_info'].profile
    assert (profile.durability, profile.depth) == (DurabilityPolicy.TRANSIENT_LOCAL, 1)


@pytest.mark.parametrize(('given', 'threshold'), [({}, 0.25), ({'min_objectness': 0.5}, 0.5)])
def test_the_threshold_is_that_of_the_parameter_or_of_the_model(
    node, derived, empty, given, threshold
):
    config = SimpleNamespace(patch_filter=PatchFilterConfig(min_objectness=0.25))
    derived.configure(parameters_from(given), config)
    node.publishers['~/label_info'].listeners = 1
    derived.publish(empty, None, 'nano@0')
    assert node.publishers['~/label_info'].messages[0].threshold == threshold


# --- conversions --------------------------------------------------------------------------------


def test_things_become_boxes_with_label_score_and_id(record, messages):
    message = detections_message(record, messages)
    [detection] = message.detections  # the road is none
    assert message.header == detection.header == record.header
    assert detection.id == '1'
    [result] = detection.results
    assert (result.hypothesis.class_id, result.hypothesis.score) == ('red car', 0.75)
    centre = detection.bbox.center.position
    assert (centre.x, centre.y) == (2.5, 2.0)  # of the pixels 1, 2, 3 and 1, 2
    assert (detection.bbox.size_x, detection.bbox.size_y) == (3.0, 2.0)


def test_every_number_of_the_label_map_has_its_label(record, messages):
    message = label_info_message(record, 0.25, messages)
    assert message.header == record.header
    assert message.threshold == 0.25
    meaning = {entry.class_id: entry.class_name for entry in message.class_map}
    assert meaning == {0: 'UNLABELED', 1: 'road', 2: 'red car'}
    numbers = overlay.label_map(record.segmentation.segments, (6, 8))
    assert [meaning[numbers[y, x]] for x, y in ((0, 0), (0, 5), (1, 1))] == [
        'UNLABELED',
        'road',
        'red car',
    ]


def test_a_frame_without_segments_has_no_boxes_and_one_meaning(empty, messages):
    assert list(detections_message(empty, messages).detections) == []
    assert len(label_info_message(empty, 0.25, messages).class_map) == 1
