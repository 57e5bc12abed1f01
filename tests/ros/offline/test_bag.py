"""A recording comes out whole, with the segments of every image beside it."""

import sqlite3
from dataclasses import replace

import cv2
import numpy as np
import pytest
import yaml
from rclpy.serialization import deserialize_message, serialize_message
from rosbags.highlevel import AnyReader
from rosbags.rosbag2 import StoragePlugin
from sensor_msgs.msg import Image

from ros2_rose.camera_inbox import Frame
from ros2_rose.conversions import to_nanoseconds
from ros2_rose.masks import decode_mask
from ros2_rose.msg import SegmentArray
from ros2_rose.ontology import read_ontology
from ros2_rose.parameters import parameters_from
from ros2_rose.pipeline import Pipeline
from rose_model.errors import InvalidRequestError

FRONT, REAR, SEGMENTS = '/front/image_raw', '/rear/image_raw', '/rose/segments'


@pytest.fixture
def out(tmp_path):
    return tmp_path / 'out' / 'drive'


@pytest.fixture
def read_segments(read_messages):
    """(time, message of ROS) of all segments in a recording."""
    return lambda path: [
        (time_ns, deserialize_message(data, SegmentArray))
        for topic, _, time_ns, data in read_messages(path)
        if topic == SEGMENTS
    ]


@pytest.mark.parametrize('plugin', list(StoragePlugin))
@pytest.mark.parametrize('as_file', [False, True])
def test_every_image_has_its_segments_with_its_own_header(
    make_drive, process, read_segments, out, plugin, as_file
):
    drive = make_drive(plugin=plugin)
    file = next(path for path in drive.path.iterdir() if path.name != 'metadata.yaml')
    report = process(file if as_file else drive.path)
    (camera,) = report.cameras
    assert (camera.camera, camera.images, camera.processed, camera.refused) == ('front', 6, 6, {})
    found = read_segments(out)
    images = [message for message in drive.messages if message[0] == FRONT]
    assert [time_ns for time_ns, _ in found] == [time_ns for _, _, time_ns, _ in images]
    for number, (time_ns, message) in enumerate(found):
        assert message.header == deserialize_message(images[number][3], Image).header
        assert to_nanoseconds(message.header.stamp) == time_ns - 7_000_000_001
        assert (message.camera, message.frame_seq, message.model) == ('front', number, 'stub@0')
        moving = next(item for item in message.segments if item.label == 'thing 50')
        expected = np.zeros((24, 32), bool)
        expected[2:10, number : number + 10] = True
        assert np.array_equal(decode_mask(moving.mask, 24, 32), expected)
    assert camera.segments == sum(len(message.segments) for _, message in found)


@pytest.mark.parametrize('plugin', list(StoragePlugin))
def test_what_was_recorded_is_still_there_and_each_image_comes_before_its_segments(
    make_drive, process, read_messages, out, plugin
):
    drive = make_drive(plugin=plugin)
    process(drive.path)
    found = read_messages(out)
    assert [message for message in found if message[0] != SEGMENTS] == drive.messages
    topics = [topic for topic, *_ in found]
    assert topics == [FRONT, SEGMENTS, '/chatter'] * 6


def test_a_reader_that_knows_none_of_the_types_reads_all_of_it(drive, process, out):
    process(drive.path)
    with AnyReader([out]) as reader:  # checks the hashes of the definitions in the recording
        messages = [
            reader.deserialize(data, connection.msgtype)
            for connection, _, data in reader.messages()
        ]
    assert len(messages) == 18
    assert messages[1].segments[0].label == 'thing 50'


def test_two_runs_give_equal_bytes(drive, process, tree, tmp_path):
    for name in ('first', 'second'):
        process(drive.path, tmp_path / name / 'drive')
    first, second = tree(tmp_path / 'first'), tree(tmp_path / 'second')
    assert set(first) == {'drive/drive.mcap', 'drive/metadata.yaml'}
    assert first == second


def test_the_segments_are_those_that_the_node_publishes(
    make_bag, process, read_segments, out, stub, tmp_path
):
    """Two cameras, ids over frames, a stamp that goes back, a damaged image, an ontology."""
    ontology = tmp_path / 'classes.yaml'
    ontology.write_text('vehicle: [car]\n')
    bag = make_bag()
    blocks = np.zeros((24, 32, 3), np.uint8)
    blocks[4:9, 5:20] = 70
    for number, time_ns in enumerate([20 * 10**9, 21 * 10**9, 12 * 10**9, 13 * 10**9]):
        bag.add_image(time_ns, np.roll(blocks, number, 1), FRONT)
        bag.add_image(time_ns + 1, np.roll(blocks, 9 * number, 1), REAR)
    bag.add_image(30 * 10**9, blocks, FRONT, encoding='nonsense')
    bag.add_image(31 * 10**9, blocks, FRONT)
    bag.messages.sort(key=lambda message: message[2])
    bag.write()
    process(bag.path, ontology=str(ontology), candidates=('car', 'bus'), instruction='Find cars.')

    values = {
        'camera_names': ['front', 'rear'],
        'candidates': ['car', 'bus'],
        'instruction': 'Find cars.',
    }
    published = []
    pipeline = Pipeline(
        parameters_from(values),
        read_ontology(str(ontology)),
        check=None,
        publish_segments=published.append,
        publish_pictures=lambda record, rgb: None,
        now_ns=lambda: 0,
        logger=_Silence(),
        load=stub(),
    )
    pipeline.open()
    segmenter = stub()(None)
    for topic, _, _, data in bag.messages:
        message = deserialize_message(data, Image)
        frame = Frame(topic.split('/')[1], to_nanoseconds(message.header.stamp), 0.0, message)
        pipeline.inbox.offer(frame)
        pipeline.inbox.take()
        pipeline._process(segmenter, frame)
    over_the_wire = [
        deserialize_message(serialize_message(message), SegmentArray) for message in published
    ]
    assert [message for _, message in read_segments(out)] == over_the_wire
    assert len(published) == 9
    assert published[0].segments[0].ontology == 'vehicle'


class _Silence:
    def error(self, message, **options):
        pass

    info = warning = error


def test_damaged_images_are_counted_by_reason_and_copied(make_bag, process, read_messages, out):
    bag = make_bag()
    good = np.full((24, 32, 3), 60, np.uint8)
    good[0] = 0
    bag.add_image(10 * 10**9, good)
    bag.add_image(11 * 10**9, good, encoding='nonsense')
    bag.add_image(12 * 10**9, good, data=good.reshape(-1)[:-1])
    bag.add_image(13 * 10**9, good, height=0)
    bag.add(FRONT, 'sensor_msgs/msg/Image', 14 * 10**9, b'\x00\x01\x00\x00noise')
    bag.add(FRONT, 'sensor_msgs/msg/Image', 15 * 10**9, b'')
    bag.add_image(5 * 10**9, good)  # a stamp before 1970
    bag.add_image(16 * 10**9, good)
    bag.messages.sort(key=lambda message: message[2])
    (camera,) = process(bag.write()).cameras
    assert (camera.images, camera.processed) == (8, 2)
    assert camera.refused == {
        'DATA_SIZE': 1,
        'EMPTY': 1,
        'ENCODING': 1,
        'MESSAGE': 2,
        'STAMP': 1,
    }
    found = read_messages(out)
    assert [message for message in found if message[0] != SEGMENTS] == bag.messages
    assert [t for topic, _, t, _ in found if topic == SEGMENTS] == [10 * 10**9, 16 * 10**9]


def test_a_repeated_stamp_gives_no_second_output_and_frames_without_stamps_are_all_made(
    make_bag, process, read_messages, out
):
    bag = make_bag()
    rgb = np.full((24, 32, 3), 60, np.uint8)
    rgb[0] = 0
    for time_ns in (7_000_000_001, 7_000_000_001, 8 * 10**9, 8 * 10**9, 9 * 10**9):
        bag.add_image(time_ns, rgb)
    (camera,) = process(bag.write()).cameras
    assert (camera.processed, camera.refused) == (4, {'STALE': 1})
    assert sum(topic == SEGMENTS for topic, *_ in read_messages(out)) == 4


class Moody:
    """Fails on the third frame, and wants more memory for the fifth."""

    name = 'stub@0'

    def __init__(self, stub, has_memory):
        self._stub, self._has_memory, self._seen = stub, has_memory, 0

    def segment(self, image, instruction=None, *, candidates=(), deadline_s=None):
        self._seen += 1
        if self._seen == 3:
            raise RuntimeError('not this one')
        if self._seen == 5 and not self._has_memory:
            raise MemoryError
        return self._stub.segment(image, instruction, candidates=candidates)


def test_a_frame_that_the_model_fails_on_is_counted_and_the_next_one_works(drive, process, stub):
    load = stub()
    (camera,) = process(drive.path, load=lambda p: Moody(load(p), has_memory=True)).cameras
    assert (camera.images, camera.processed, camera.refused) == (6, 5, {'MODEL': 1})


def test_output_that_is_no_segmentation_is_counted_apart(drive, process, stub):
    def load(parameters):
        segmenter = stub()(parameters)
        segment = segmenter.segment

        def segment_badly(*arguments, **options):
            frame = segment(*arguments, **options)
            bad = replace(frame.segments[0], mask_score=float('nan'))
            return frame.with_segments((bad, *frame.segments[1:]))

        segmenter.segment = segment_badly
        return segmenter

    (camera,) = process(drive.path, load=load).cameras
    assert (camera.processed, camera.refused) == (0, {'MODEL_OUTPUT': 6})


def test_lack_of_memory_ends_the_run_and_the_frame_is_made_in_the_next_one(drive, process, stub):
    load = stub()
    with pytest.raises(MemoryError):
        process(drive.path, load=lambda p: Moody(load(p), has_memory=False))
    (camera,) = process(drive.path).cameras
    assert (camera.images, camera.processed, camera.refused) == (6, 5, {'MODEL': 1})


def test_a_request_that_no_image_can_answer_ends_the_run(drive, process, stub):
    class Refusing:
        name = 'stub@0'

        def segment(self, image, instruction=None, *, candidates=(), deadline_s=None):
            raise InvalidRequestError('too many tokens')

    with pytest.raises(InvalidRequestError):
        process(drive.path, load=lambda p: Refusing())


def test_compressed_images_are_read(make_bag, process):
    bag = make_bag()
    rgb = np.full((24, 32, 3), 60, np.uint8)
    rgb[0] = 0
    png = cv2.imencode('.png', rgb)[1].tobytes()
    bag.add_image(10 * 10**9, png, '/front/image_raw/compressed')
    bag.add_image(11 * 10**9, png[:-20], '/front/image_raw/compressed')
    (camera,) = process(bag.write()).cameras
    assert (camera.camera, camera.processed, camera.segments) == ('front', 1, 1)
    assert camera.refused == {'DECODE': 1}


def test_a_topic_without_images_gives_a_recording_without_segments(
    make_bag, process, read_messages, out
):
    bag = make_bag()
    bag.topics[FRONT] = 'sensor_msgs/msg/Image'
    (camera,) = process(bag.write()).cameras
    assert (camera.images, camera.processed, camera.refused) == (0, 0, {})
    assert read_messages(out) == []


def test_older_recordings_without_definitions_get_them(make_drive, process, read_messages, out):
    drive = make_drive(plugin=StoragePlugin.SQLITE3)
    _forget_definitions(drive.path)
    process(drive.path)
    with AnyReader([out]) as reader:
        assert {connection.msgtype for connection in reader.connections} == {
            'ros2_rose/msg/SegmentArray',
            'sensor_msgs/msg/Image',
            'std_msgs/msg/String',
        }


def test_messages_of_a_type_that_nobody_knows_are_copied(make_drive, process, read_messages, out):
    drive = make_drive(plugin=StoragePlugin.SQLITE3)
    _forget_definitions(drive.path, ('std_msgs/msg/String', 'strange_msgs/msg/Thing'))
    process(drive.path)
    found = [message for message in read_messages(out) if message[1] == 'strange_msgs/msg/Thing']
    assert [data for *_, data in found] == [m[3] for m in drive.messages if m[0] == '/chatter']


def _forget_definitions(bag, renamed=('', '')):
    """As ROS 2 up to Humble recorded: no definitions, no hashes; a type has another name."""
    (file,) = bag.glob('*.db3')
    with sqlite3.connect(file) as database:
        database.execute('DELETE FROM message_definitions')
        database.execute("UPDATE topics SET type_description_hash = ''")
        database.execute('UPDATE topics SET type = replace(type, ?, ?)', renamed)
    database.close()
    metadata = yaml.safe_load((bag / 'metadata.yaml').read_text())
    for topic in metadata['rosbag2_bagfile_information']['topics_with_message_count']:
        topic['topic_metadata']['type_description_hash'] = ''
        if topic['topic_metadata']['type'] == renamed[0]:
            topic['topic_metadata']['type'] = renamed[1]
    (bag / 'metadata.yaml').write_text(yaml.safe_dump(metadata))
