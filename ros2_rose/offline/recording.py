"""A rosbag2 recording (a folder, an .mcap or a .db3 file), read without ROS."""

from __future__ import annotations

from collections.abc import Container, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from rosbags.interfaces import Connection
from rosbags.rosbag2 import Reader

from rose_model.errors import DataError
from rose_model.exit_codes import one_line

IMAGE_TYPES = ('sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage')
_FILES = {'.mcap', '.db3'}


class Message(NamedTuple):
    """A recorded message.  ``time_ns``: when it was recorded.  ``data``: CDR."""

    connection: Connection
    time_ns: int
    data: bytes


class Recording:
    """An open recording; :func:`open_recording` gives one."""

    def __init__(self, path: Path, reader: Reader) -> None:
        self.path = path
        self._reader = reader
        self.connections: list[Connection] = list(reader.connections)

    def image_topics(self) -> dict[str, str]:
        """The types of the topics that hold images, by name and in the order of their names.

        Raises:
            DataError: there is none.
        """
        types = {item.topic: item.msgtype for item in self.connections}
        images = {topic: types[topic] for topic in sorted(types) if types[topic] in IMAGE_TYPES}
        if not images:
            found = ', '.join(sorted(types)) or 'none'
            raise DataError(
                f'{self.path} has no topic of {" or ".join(IMAGE_TYPES)}; topics: {found}.'
            )
        return images

    def count(self, topics: Container[str]) -> int:
        """Number of messages of these topics."""
        return sum(item.msgcount for item in self.connections if item.topic in topics)

    def messages(self) -> Iterator[Message]:
        """All messages in the order of their times, the same in each run.

        Raises:
            DataError: the recording is damaged.
        """
        source = self._reader.messages(self.connections) if self.connections else iter(())
        while True:
            with _as_data_error(self.path):
                message = next(source, None)
            if message is None:
                return
            yield Message(*message)

    def fingerprint(self) -> dict[str, object]:
        """What tells this recording from others, and from itself after a change."""
        files = sorted(self.path.iterdir()) if self.path.is_dir() else [self.path]
        return {
            'files': {file.name: file.stat().st_size for file in files if file.is_file()},
            'messages': self._reader.message_count,
            'start_ns': self._reader.start_time,
            'end_ns': self._reader.end_time,
        }


def is_recording(path: Path) -> bool:
    """True for a recording's folder and for one of its files."""
    return (path / 'metadata.yaml').is_file() if path.is_dir() else path.suffix in _FILES


@contextmanager
def open_recording(path: Path) -> Iterator[Recording]:
    """Open a recording; it is closed at the end of the block.

    Raises:
        DataError: there is none, or it cannot be read.
    """
    if not path.exists():
        raise DataError(f'{path} does not exist; name a folder of rosbag2, an .mcap or a .db3.')
    if not is_recording(path):
        raise DataError(
            f'{path} is no recording; name a folder with metadata.yaml ("ros2 bag reindex" makes '
            'one), an .mcap or a .db3 file.'
        )
    with _as_data_error(path):
        reader = Reader(path)
        reader.open()
    try:
        yield Recording(path, reader)
    finally:
        reader.close()


@contextmanager
def _as_data_error(path: Path) -> Iterator[None]:
    """Damage shows in many ways: in the container, in zstd and LZ4, in SQLite, in YAML."""
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        raise DataError(f'{path} cannot be read as a bag: {one_line(error)}') from error
