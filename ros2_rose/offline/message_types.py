"""Messages as bytes, without ROS: images out of a recording, segments into one.

The definitions of our messages are the files in ``msg/``; those of ROS come with rosbags.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from ros2_rose.segment_fields import Fields
from rose_model.errors import ConfigError

SEGMENTS_TYPE = 'ros2_rose/msg/SegmentArray'
_PACKAGE = 'ros2_rose/msg'
_NAMES = ('Mask', 'Segment', 'SegmentArray')


@functools.cache
def typestore() -> Typestore:
    """The messages of ROS 2 Jazzy and ours.  Images and headers are the same in all releases.

    Raises:
        ConfigError: the definitions of our messages are not installed.
    """
    store = get_typestore(Stores.ROS2_JAZZY)
    folder = definitions_folder(Path(__file__))
    for name in _NAMES:
        text = (folder / f'{name}.msg').read_text(encoding='utf-8')
        store.register(get_types_from_msg(text, f'{_PACKAGE}/{name}'))
    return store


def definitions_folder(module: Path) -> Path:
    """Where the ``.msg`` files lie for a module of this package: beside the package in the
    sources, below ``share/`` of the prefix where it is installed by CMake or pip.

    Raises:
        ConfigError: neither is there.
    """
    for parent in module.parents:
        for folder in (parent / 'msg', parent / 'share' / _PACKAGE):
            if (folder / 'SegmentArray.msg').is_file():
                return folder
    raise ConfigError(
        f'The definitions share/{_PACKAGE}/*.msg are missing above {module.parent}; install the '
        'package again.'
    )


def to_message(fields: Fields) -> Any:  # noqa: ANN401 - a class made from the definitions
    """The message of what :func:`ros2_rose.segment_fields.array_fields` gives."""
    types = typestore().types
    unset = {'alternative_labels': [], 'alternative_scores': np.zeros(0, np.float32)}
    segments = [
        types[f'{_PACKAGE}/Segment'](
            **{**unset, **item, 'mask': types[f'{_PACKAGE}/Mask'](**item['mask'])}
        )
        for item in fields['segments']
    ]
    return types[SEGMENTS_TYPE](**{**fields, 'segments': segments})


def to_bytes(message: Any) -> bytes:  # noqa: ANN401 - a class made from the definitions
    """A ``SegmentArray`` as CDR."""
    return bytes(typestore().serialize_cdr(message, SEGMENTS_TYPE))


def from_bytes(data: bytes, kind: str) -> Any:  # noqa: ANN401 - a class made from the definitions
    """A message from CDR.  Damaged bytes raise whatever they lead to."""
    return typestore().deserialize_cdr(data, kind)
