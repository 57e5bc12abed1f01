"""Recordings made by hand, and a model that sees areas of one colour."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest
from rosbags.rosbag2 import Reader, StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from ros2_rose.offline.bag import process_bag
from ros2_rose.offline.options import Options
from rose_model.records import Segment, Segmentation

STORE = get_typestore(Stores.ROS2_JAZZY)
SIZE = (24, 32)
FRONT = '/front/image_raw'
SEGMENTS = '/rose/segments'


def make_load(kill_at=None, marker=None):
    """What gives the stub.  With ``kill_at`` its process is killed in that frame, unless the file
    ``marker`` says that this has happened.  All is local, so that it can be sent to a worker.
    """

    class Stub:
        name = 'stub@0'
        seen = 0

        def segment(self, image, instruction=None, *, candidates=(), deadline_s=None):
            if marker is not None and self.seen == kill_at and not marker.exists():
                marker.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            self.seen += 1
            segments = []
            for value in np.unique(image[..., 0])[1:]:
                ys, xs = np.nonzero(image[..., 0] == value)
                box = int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1
                mask = image[box[1] : box[3], box[0] : box[2], 0] == value
                name = candidates[0] if candidates else f'thing {value}'
                segments.append(Segment('', name, 0.75, 0.5, 0.3, True, box, mask, 0))
            sentence = instruction or 'all of it'
            return Segmentation((), image.shape[:2], sentence, None).with_segments(tuple(segments))

    return lambda parameters: Stub()


def picture(number):
    """A square that moves, one that comes and goes, and one that stays."""
    rgb = np.zeros((*SIZE, 3), np.uint8)
    rgb[2:10, number : number + 10] = 50
    rgb[12:16, 4:12] = 90
    if number % 8 < 2:
        rgb[18:22, 20:28] = 130
    return rgb


class Bag:
    """Writes a recording; a message is (topic, type, time in ns, CDR)."""

    def __init__(self, path, plugin=StoragePlugin.MCAP):
        self.path, self._plugin = path, plugin
        self.messages = []
        self.topics = {}

    def add(self, topic, kind, time_ns, data):
        self.topics[topic] = kind
        self.messages.append((topic, kind, time_ns, bytes(data)))

    def add_image(self, time_ns, rgb, topic=FRONT, frame_id='optical', **changes):
        """The stamp is 7 s and 1 ns before the time of the recording."""
        stamp = STORE.types['builtin_interfaces/msg/Time'](*divmod(time_ns - 7_000_000_001, 10**9))
        header = STORE.types['std_msgs/msg/Header'](stamp=stamp, frame_id=frame_id)
        if topic.endswith('/compressed'):
            kind = 'sensor_msgs/msg/CompressedImage'
            fields = {'format': 'png', 'data': np.frombuffer(rgb, np.uint8)}
        else:
            kind = 'sensor_msgs/msg/Image'
            fields = {
                'height': rgb.shape[0],
                'width': rgb.shape[1],
                'encoding': 'rgb8',
                'is_bigendian': 0,
                'step': rgb.shape[1] * 3,
                'data': rgb.reshape(-1),
            }
        message = STORE.types[kind](header=header, **{**fields, **changes})
        self.add(topic, kind, time_ns, STORE.serialize_cdr(message, kind))

    def add_text(self, time_ns, text, topic='/chatter'):
        kind = 'std_msgs/msg/String'
        self.add(topic, kind, time_ns, STORE.serialize_cdr(STORE.types[kind](data=text), kind))

    def write(self):
        with Writer(self.path, version=9, storage_plugin=self._plugin) as writer:
            connections = {
                topic: writer.add_connection(topic, kind, typestore=STORE)
                for topic, kind in self.topics.items()
            }
            for topic, _, time_ns, data in self.messages:
                writer.write(connections[topic], time_ns, data)
        return self.path


def times(count):
    return [10_000_000_000 + 100_000_000 * number for number in range(count)]


@pytest.fixture
def make_drive(tmp_path):
    """A recording of one camera and some text."""

    def make(name='drive', frames=6, plugin=StoragePlugin.MCAP):
        bag = Bag(tmp_path / name, plugin)
        for number, time_ns in enumerate(times(frames)):
            bag.add_image(time_ns, picture(number))
            bag.add_text(time_ns + 5, f'text {number}')
        bag.write()
        return bag

    return make


@pytest.fixture
def make_bag(tmp_path):
    """A recording to be filled and written."""
    return lambda name='drive', plugin=StoragePlugin.MCAP: Bag(tmp_path / name, plugin)


@pytest.fixture
def drive(make_drive):
    return make_drive()


@pytest.fixture
def stub():
    return make_load


@pytest.fixture
def process(tmp_path):
    """Process a recording with the stub; the report."""

    def run(source, target=None, load=None, on_progress=lambda done, total: None, **options):
        target = target or tmp_path / 'out' / 'drive'
        load = load or make_load()
        return process_bag(Path(source), target, Options(**options), load, on_progress)

    return run


@pytest.fixture
def read_messages():
    """All messages of a recording: (topic, type, time in ns, CDR)."""

    def read(path):
        with Reader(path) as reader:
            return [(c.topic, c.msgtype, t, bytes(d)) for c, t, d in reader.messages()]

    return read


@pytest.fixture
def tree():
    """All files below a folder with their bytes."""
    return lambda folder: {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob('*'))
        if path.is_file()
    }


@pytest.fixture
def in_a_child():
    """Run a function in a child process; how it ended: an exit code, or minus a signal."""

    def run(function):
        child = os.fork()
        if child == 0:
            try:
                function()
                os._exit(0)
            finally:
                os._exit(99)  # an exception
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    return run
