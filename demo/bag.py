"""Read the images of a rosbag2 recording, without a ROS installation's own tools."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rosbags.highlevel import AnyReader, AnyReaderError
from rosbags.interfaces import Connection
from rosbags.typesys import Stores, get_typestore

from demo.errors import InputError
from ros2_rose.image_decoder import BadImageError, decode_compressed, decode_raw

_FILES = {'.mcap', '.db3'}
IMAGE_TYPES = ('sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage')


def is_bag(path: Path) -> bool:
    """True for a recording's folder and for one of its files."""
    return (path / 'metadata.yaml').is_file() if path.is_dir() else path.suffix in _FILES


def read_bag(path: Path) -> Iterator[NDArray[np.uint8]]:
    """The images of the recording's first image topic (by name), decoded as the node decodes them.

    Raises:
        InputError: the recording cannot be read, has no image topic, or an image in it is damaged.
    """
    try:
        # Older .db3 files do not say how their messages are defined.
        with AnyReader([path], default_typestore=get_typestore(Stores.ROS2_JAZZY)) as reader:
            connections = _first_image_topic(reader.connections, path)
            for connection, _, raw in reader.messages(connections=connections):
                yield _decode(reader.deserialize(raw, connection.msgtype), path)
    except (AnyReaderError, OSError) as error:
        raise InputError(f'{path} cannot be read as a bag: {error}') from error


def _first_image_topic(connections: list[Connection], path: Path) -> list[Connection]:
    images = [item for item in connections if item.msgtype in IMAGE_TYPES]
    if not images:
        found = ', '.join(sorted({item.topic for item in connections})) or 'none'
        raise InputError(f'{path} has no topic of {" or ".join(IMAGE_TYPES)}; topics: {found}.')
    topic = min(item.topic for item in images)
    return [item for item in images if item.topic == topic]


def _decode(message: Any, path: Path) -> NDArray[np.uint8]:  # noqa: ANN401 - made from the bag's definition
    try:
        if hasattr(message, 'format'):
            return decode_compressed(memoryview(message.data), message.format)
        return decode_raw(
            message.height,
            message.width,
            message.encoding,
            message.is_bigendian,
            message.step,
            memoryview(message.data),
        )
    except BadImageError as error:
        raise InputError(f'{path} holds an image that cannot be used: {error}') from error
