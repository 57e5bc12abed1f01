"""Read the images of a rosbag2 recording, without a ROS installation's own tools."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from demo.errors import InputError
from ros2_rose.image_decoder import BadImageError
from ros2_rose.offline.images import read_image, to_rgb
from ros2_rose.offline.recording import is_recording, open_recording
from rose_model.errors import DataError

is_bag = is_recording


def read_bag(path: Path) -> Iterator[NDArray[np.uint8]]:
    """The images of the recording's first image topic (by name), decoded as the node decodes them.

    Raises:
        InputError: the recording cannot be read, has no image topic, or an image in it is damaged.
    """
    try:
        with open_recording(path) as recording:
            topic = next(iter(recording.image_topics()))
            for connection, _, data in recording.messages():
                if connection.topic == topic:
                    yield to_rgb(read_image(data, connection.msgtype))
    except DataError as error:
        raise InputError(str(error)) from error
    except BadImageError as error:
        raise InputError(f'{path} holds an image that cannot be used: {error}') from error
