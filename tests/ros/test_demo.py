"""The demonstration: frames, their account, corrections, and once the whole of it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from demo.client import Arrival
from demo.correction import choose_correction
from demo.errors import DemoError, InputError
from demo.film import Film, spread
from demo.frames import read_frames, street
from demo.processes import child_process, last_line
from demo.report import code_name, make_account
from ros2_rose.msg import SegmentArray
from ros2_rose.srv import Refine
from rose_model.data.sample import LabelledRegion, Sample
from rose_model.records import Segment

ROOT = Path(__file__).parents[2]
NANO = ROOT / 'rose_model' / 'weights' / 'nano'
SIZE = (24, 32)


def make_pictures(count):
    """Pictures that differ in one even colour, which JPEG and MPEG keep nearly as it is."""
    return [
        np.full((*SIZE, 3), (20 * index, 100, 200 - 10 * index), np.uint8)
        for index in range(count)
    ]


def write_folder(folder, pictures):
    folder.mkdir()
    for index, rgb in enumerate(pictures):
        cv2.imwrite(str(folder / f'{index:03d}.png'), rgb[..., ::-1])
    return folder


def write_bag(path, pictures, plugin=StoragePlugin.MCAP, compressed=False):
    store = get_typestore(Stores.ROS2_JAZZY)
    name = 'sensor_msgs/msg/CompressedImage' if compressed else 'sensor_msgs/msg/Image'
    header = store.types['std_msgs/msg/Header'](
        stamp=store.types['builtin_interfaces/msg/Time'](sec=1, nanosec=0), frame_id='camera'
    )
    with Writer(path, version=9, storage_plugin=plugin) as writer:
        connection = writer.add_connection('/camera/image_raw', name, typestore=store)
        for index, rgb in enumerate(pictures):
            bgr = np.ascontiguousarray(rgb[..., ::-1])
            if compressed:
                fields = {'format': 'png', 'data': cv2.imencode('.png', bgr)[1].reshape(-1)}
            else:
                fields = {
                    'height': bgr.shape[0],
                    'width': bgr.shape[1],
                    'encoding': 'bgr8',
                    'is_bigendian': 0,
                    'step': bgr.shape[1] * 3,
                    'data': bgr.reshape(-1),
                }
            message = store.types[name](header=header, **fields)
            writer.write(connection, 10**9 + index * 10**8, store.serialize_cdr(message, name))
    return path


def make_arrival(stamp_ns, latency_ns=5_000_000):
    message = SegmentArray()
    message.header.stamp.sec, message.header.stamp.nanosec = divmod(stamp_ns, 10**9)
    return Arrival(message, stamp_ns + latency_ns)


def make_segment(category, box_xyxy, identity='1', is_thing=True):
    x1, y1, x2, y2 = box_xyxy
    mask = np.ones((y2 - y1, x2 - x1), bool)
    return Segment(identity, category, 0.9, 0.9, 0.9, is_thing, box_xyxy, mask, 0)


def make_truth():
    """A red car in the left half, a road in the right one."""
    index_map = np.ones(SIZE, np.uint8)
    index_map[:, :16] = 0
    regions = (LabelledRegion('car', 'red', True), LabelledRegion('road', '', False))
    return Sample(np.zeros((*SIZE, 3), np.uint8), index_map, regions)


def test_a_folder_is_played_in_the_order_of_its_names(tmp_path):
    pictures = make_pictures(5)
    frames = list(read_frames(write_folder(tmp_path / 'pictures', pictures)))
    assert np.array_equal(frames, pictures)


@pytest.mark.parametrize('plugin', list(StoragePlugin))
@pytest.mark.parametrize('compressed', [False, True])
def test_a_bag_gives_the_frames_that_were_recorded(tmp_path, plugin, compressed):
    pictures = make_pictures(3)
    bag = write_bag(tmp_path / 'bag', pictures, plugin, compressed)
    assert np.array_equal(list(read_frames(bag)), pictures)
    file = next(path for path in bag.iterdir() if path.name != 'metadata.yaml')
    assert np.array_equal(list(read_frames(file)), pictures)


def test_a_film_can_be_read_back(tmp_path):
    pictures = make_pictures(4)
    with Film(tmp_path / 'film.mp4', rate_hz=3.3) as film:
        for rgb in pictures:
            film.add(rgb)
    frames = np.array(list(read_frames(tmp_path / 'film.mp4')), float)
    assert frames.shape == (4, *SIZE, 3)
    assert np.abs(frames - np.array(pictures, float)).max() < 20  # MPEG-4 loses a little


def test_the_street_is_the_same_each_time_and_moves():
    assert np.array_equal(street(3).image, street(3).image)
    assert not np.array_equal(street(3).index_map, street(9).index_map)


@pytest.mark.parametrize(
    ('name', 'content', 'message'),
    [
        ('absent', None, 'does not exist'),
        ('text.txt', b'hello', 'neither a bag nor a video'),
        ('empty.mp4', b'', 'neither a bag nor a video'),
        ('noise.mcap', b'noise' * 99, 'cannot be read as a bag'),
        ('empty.db3', b'', 'cannot be read as a bag'),
    ],
)
def test_an_input_that_cannot_be_played_is_refused_by_name(tmp_path, name, content, message):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=message) as error:
        list(read_frames(path))
    assert name in str(error.value)


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match='holds no pictures'):
        list(read_frames(tmp_path))


def test_a_bag_without_images_names_its_topics(tmp_path):
    store = get_typestore(Stores.ROS2_JAZZY)
    with Writer(tmp_path / 'bag', version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        name = 'std_msgs/msg/String'
        connection = writer.add_connection('/chatter', name, typestore=store)
        writer.write(connection, 1, store.serialize_cdr(store.types[name](data='hello'), name))
    with pytest.raises(InputError, match='topics: /chatter'):
        list(read_frames(tmp_path / 'bag'))


def test_frames_without_an_answer_count_as_dropped():
    account = make_account([10, 20, 30], [make_arrival(10), make_arrival(30)])
    assert sorted(account.answered) == [0, 2]
    assert account.dropped == 1
    assert account.answered[2].latency_ms == pytest.approx(5.0)


def test_no_answer_at_all_is_an_account_too():
    assert make_account([10, 20], []).dropped == 2


@pytest.mark.parametrize(
    ('stamps', 'message'),
    [([10, 11], 'never published'), ([10, 10], 'twice'), ([20, 10], 'after')],
)
def test_an_answer_that_breaks_the_contract_is_an_error(stamps, message):
    with pytest.raises(DemoError, match=message):
        make_account([10, 20], [make_arrival(stamp) for stamp in stamps])


def test_every_code_of_the_service_has_its_name():
    values = {name: getattr(Refine.Response, name) for name in dir(Refine.Response)}
    constants = {name for name, value in values.items() if isinstance(value, int)}
    assert {code_name(getattr(Refine.Response, name)) for name in constants} == constants


def test_a_missed_thing_is_named():
    road = make_segment('road', (16, 0, 32, 24), is_thing=False)
    correction = choose_correction([road], SIZE, make_truth())
    assert (correction.text, correction.segment_id) == ('You missed the red car.', '')


def test_a_wrong_name_is_corrected_by_the_right_one():
    car = make_segment('orange bus', (0, 0, 16, 24), identity='7')
    correction = choose_correction([car], SIZE, make_truth())
    assert (correction.text, correction.segment_id) == ('This is a red car.', '7')


def test_where_all_names_are_right_the_worst_mask_is_corrected():
    car = make_segment('red car', (0, 0, 12, 24), identity='7')
    correction = choose_correction([car], SIZE, make_truth())
    assert correction.segment_id == '7'
    assert 'mask' in correction.text


def test_without_truth_the_mask_of_the_largest_thing_is_corrected():
    road = make_segment('road', (0, 0, 32, 24), 'stuff', is_thing=False)
    small, large = make_segment('dog', (0, 0, 4, 4), 's'), make_segment('car', (0, 0, 9, 9), 'l')
    assert choose_correction([road, large, small], SIZE, None).segment_id == 'l'
    assert choose_correction([], SIZE, None).segment_id == ''


def test_pictures_are_spread_over_the_stream():
    assert spread(range(100), 3) == [0, 50, 99]
    assert spread([4, 5], 6) == [4, 5]
    assert spread([], 6) == []


def test_a_child_process_ends_with_its_block(tmp_path):
    log = tmp_path / 'log'
    program = 'import signal; print("up", flush=True); signal.pause()'
    with child_process([sys.executable, '-c', program], log, log) as process:
        assert process.poll() is None
    assert process.returncode != 0
    assert process.poll() is not None


def test_what_a_process_said_last_is_kept(tmp_path):
    log = tmp_path / 'log'
    with child_process([sys.executable, '-c', 'print("a"); print("b\\n")'], log, log) as process:
        process.wait()
    assert last_line(log) == 'b'


def run_demo(folder, *arguments):
    environment = {**os.environ, 'PYTHONPATH': str(ROOT)}
    return subprocess.run(
        [sys.executable, '-m', 'demo', *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def test_an_input_that_does_not_exist_ends_the_demonstration_with_one_line(tmp_path):
    process = run_demo(tmp_path, '--input', 'nowhere')
    assert process.returncode == 3
    assert process.stderr.splitlines() == [
        'demo: nowhere does not exist; name a picture folder, a video file or a bag.'
    ]


@pytest.mark.timeout(240)
@pytest.mark.skipif(
    not list(NANO.glob('*.safetensors')), reason='the nano weights are not in this checkout'
)
def test_the_demonstration_answers_every_frame_or_counts_it_as_dropped(tmp_path):
    pictures = [cv2.resize(street(index).image, (192, 144)) for index in range(12)]
    source = write_folder(tmp_path / 'pictures', pictures)
    process = run_demo(tmp_path, '--input', str(source))
    assert process.returncode == 0, process.stderr
    summary = json.loads((tmp_path / 'demo_output' / 'summary.json').read_text())
    assert summary['frames_in'] == 12
    assert summary['frames_out'] + summary['frames_dropped'] == 12
    assert summary['frames_out'] >= 1
    assert summary['refine']['code'] in {'OK', 'NOT_UNDERSTOOD', 'REJECTED'}
    film = list(read_frames(tmp_path / 'demo_output' / 'demo.mp4'))
    assert len(film) == summary['frames_out']
