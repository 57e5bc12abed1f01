"""What is read of a recording: which topics, under which names, and what is refused."""

import json
import sys
from pathlib import Path

import pytest
from rosbags.rosbag2 import StoragePlugin

import ros2_rose.offline
from ros2_rose.offline.cameras import camera_name, choose_cameras
from ros2_rose.offline.message_types import SEGMENTS_TYPE, definitions_folder, typestore
from ros2_rose.offline.recording import open_recording
from rose_model.errors import ConfigError, DataError

FRONT, REAR = '/front/image_raw', '/rear/image_raw'
IMAGE, COMPRESSED = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'


@pytest.fixture
def cameras_of(make_bag):
    """The cameras of a recording of these topics."""

    def choose(topics, wanted=()):
        bag = make_bag()
        bag.topics = dict(topics)
        with open_recording(bag.write()) as recording:
            return choose_cameras(recording, wanted)

    return choose


@pytest.mark.parametrize(
    ('topic', 'name'),
    [
        ('/front/image_raw', 'front'),
        ('/front/image_raw/compressed', 'front'),
        ('/cameras/front/image_rect_color', 'cameras_front'),
        ('/image_raw', 'camera'),
        ('/image_raw/compressed', 'camera'),
        ('/usb_cam', 'usb_cam'),
    ],
)
def test_a_camera_is_called_as_its_topic(topic, name):
    assert camera_name(topic) == name


def test_all_images_are_read_unless_topics_are_named(cameras_of):
    topics = {REAR: IMAGE, FRONT: IMAGE, '/chatter': 'std_msgs/msg/String'}
    assert cameras_of(topics) == {FRONT: 'front', REAR: 'rear'}


def test_topics_can_be_named_with_the_names_of_their_cameras(cameras_of):
    topics = {REAR: IMAGE, FRONT: IMAGE}
    assert cameras_of(topics, [REAR]) == {REAR: 'rear'}


def test_a_name_before_the_topic_counts(cameras_of):
    wanted = [f'back={REAR}', FRONT]
    assert cameras_of({REAR: IMAGE, FRONT: IMAGE}, wanted) == {REAR: 'back', FRONT: 'front'}


def test_of_raw_and_compressed_images_of_one_camera_the_raw_ones_are_read(cameras_of):
    both = {FRONT: IMAGE, f'{FRONT}/compressed': COMPRESSED}
    assert cameras_of(both) == {FRONT: 'front'}


def test_compressed_images_are_read_where_they_are_wanted(cameras_of):
    both = {FRONT: IMAGE, f'{FRONT}/compressed': COMPRESSED}
    assert cameras_of(both, [f'{FRONT}/compressed']) == {f'{FRONT}/compressed': 'front'}


def test_two_topics_of_one_name_are_refused_with_names_that_differ(cameras_of):
    with pytest.raises(ConfigError, match='--topic front='):
        cameras_of({'/front/image_raw': IMAGE, '/front/image_rect': IMAGE})


def test_a_topic_without_images_is_refused_and_the_others_are_named(cameras_of):
    topics = {FRONT: IMAGE, '/chatter': 'std_msgs/msg/String'}
    with pytest.raises(DataError, match='no images on /chatter; topics of images: /front'):
        cameras_of(topics, ['/chatter'])


@pytest.mark.parametrize('topics', [{}, {'/chatter': 'std_msgs/msg/String'}])
def test_a_recording_without_images_names_its_topics(cameras_of, topics):
    with pytest.raises(DataError, match=f'topics: {next(iter(topics), "none")}'):
        cameras_of(topics)


def test_a_recording_that_has_segments_is_not_segmented_again(drive, process, tmp_path):
    process(drive.path)
    with pytest.raises(DataError, match='already'):
        process(tmp_path / 'out' / 'drive', tmp_path / 'twice')


@pytest.mark.parametrize(
    ('name', 'content', 'words'),
    [
        ('absent', None, 'does not exist'),
        ('text.txt', b'hello', 'is no recording'),
        ('noise.mcap', b'noise' * 99, 'cannot be read as a bag'),
        ('empty.mcap', b'', 'cannot be read as a bag'),
        ('empty.db3', b'', 'cannot be read as a bag'),
    ],
)
def test_what_is_no_recording_is_refused_before_the_model_is_loaded(
    process, tmp_path, name, content, words
):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=words) as error:
        process(path, load=None)
    assert name in str(error.value)
    assert not (tmp_path / 'out').exists()


def test_a_folder_without_metadata_is_refused_with_the_cure(process, tmp_path):
    with pytest.raises(DataError, match='ros2 bag reindex'):
        process(tmp_path)


@pytest.mark.parametrize('plugin', list(StoragePlugin))
def test_a_recording_that_is_cut_is_refused(make_drive, process, plugin):
    drive = make_drive(plugin=plugin)
    file = next(path for path in drive.path.iterdir() if path.name != 'metadata.yaml')
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match='cannot be read as a bag'):
        process(drive.path)


# --- the definitions of our messages ------------------------------------------------------------


def test_the_definitions_are_those_that_the_node_is_built_from():
    hashes = Path(sys.prefix, 'share', 'ros2_rose', 'msg', 'SegmentArray.json').read_text()
    (expected,) = (
        item['hash_string']
        for item in json.loads(hashes)['type_hashes']
        if item['type_name'] == SEGMENTS_TYPE
    )
    assert typestore().hash_rihs01(SEGMENTS_TYPE) == expected


def test_the_definitions_are_found_in_the_sources_and_where_they_are_installed(tmp_path):
    sources = Path(__file__).parents[3]
    module = sources / 'ros2_rose' / 'offline' / 'message_types.py'
    assert definitions_folder(module) == sources / 'msg'
    installed = (
        tmp_path / 'lib' / 'python3.12' / 'site-packages' / 'ros2_rose' / 'offline' / 'a.py'
    )
    folder = tmp_path / 'share' / 'ros2_rose' / 'msg'
    folder.mkdir(parents=True)
    with pytest.raises(ConfigError, match='install the package again'):
        definitions_folder(installed)
    (folder / 'SegmentArray.msg').touch()
    assert definitions_folder(installed) == folder
    assert ros2_rose.offline.__doc__
