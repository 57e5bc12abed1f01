"""A real stream over DDS from another process: every frame is answered or counted."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ros2_rose.conversions import to_nanoseconds

pytestmark = pytest.mark.timeout(400)  # two processes load their libraries

FRAMES = 101
CAMERA = Path(__file__).with_name('play_frames.py')


@pytest.fixture(scope='module')
def stream(ros, start_node, test_data):
    """101 camera frames at 10 Hz, played into a node; stamps sent and messages received."""
    # On a starved machine the node may not run for seconds; the middleware keeps the images then.
    start_node(**{'qos_overrides./image_raw.subscription.depth': FRAMES})
    ros.wait_until_ready()
    folder = test_data / 'camvid' / 'val' / 'images'
    camera = subprocess.Popen(
        [sys.executable, CAMERA, folder, '/image_raw', '10'], stdout=subprocess.PIPE, text=True
    )
    ros.wait_for(lambda: camera.poll() is not None, 'the end of the camera')
    played = json.loads(camera.communicate()[0])
    assert played['is_received']
    received = len(played['stamps'])

    def is_idle():
        ends = ('processed', 'dropped_busy', 'dropped_stale', 'rejected')
        ended = sum(ros.count('camera', end) for end in ends)
        return ros.count('camera', 'received') == ended == received

    ros.wait_for(is_idle, 'the account of all frames')
    ros.wait_for(lambda: len(ros.segments) >= ros.count('camera', 'processed'), 'all segments')
    return played['stamps'], list(ros.segments)


def test_all_frames_were_sent(stream):
    assert len(stream[0]) == FRAMES


def test_every_accepted_frame_gives_exactly_one_message_and_the_others_are_counted(ros, stream):
    sent, messages = stream
    stamps = [to_nanoseconds(message.header.stamp) for message in messages]
    assert len(set(stamps)) == len(stamps) == ros.count('camera', 'processed') > 0
    assert set(stamps) <= set(sent)
    assert ros.count('camera', 'dropped_busy') == len(sent) - len(stamps)
    assert ros.count('camera', 'dropped_stale') == ros.count('camera', 'rejected') == 0


def test_messages_come_in_the_order_of_their_stamps_and_are_numbered(stream):
    _, messages = stream
    stamps = [to_nanoseconds(message.header.stamp) for message in messages]
    assert stamps == sorted(stamps)
    assert [message.frame_seq for message in messages] == list(range(len(messages)))


def test_messages_say_where_they_come_from(stream):
    for message in stream[1]:
        assert message.header.frame_id == 'front_optical'
        assert message.camera == 'camera'
        assert (message.height, message.width) == (360, 480)
        assert message.revision == 0
        assert message.model.partition('@')[0] == 'nano'
        assert message.prompt


def test_segments_are_sorted_by_area_and_have_ids_of_their_own(stream):
    for message in stream[1]:
        areas = [segment.area for segment in message.segments]
        assert areas == sorted(areas, reverse=True)
        assert all(areas)
        assert len({segment.id for segment in message.segments}) == len(areas)


def test_the_latency_is_reported(ros, stream):
    values = ros.status['output'][1]
    assert 0 < float(values['latency_ms_p50']) <= float(values['latency_ms_p99'])
