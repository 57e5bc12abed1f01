"""The finished recording: the messages that were there, and the segments beside their images."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from rosbags.interfaces import Connection, ConnectionExtRosbag2, MessageDefinitionFormat, Qos
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import (
    Stores,
    TypesysError,
    get_types_from_idl,
    get_types_from_msg,
    get_typestore,
)

from ros2_rose.offline.cameras import SEGMENTS_TOPIC
from ros2_rose.offline.journal import Entry
from ros2_rose.offline.message_types import SEGMENTS_TYPE, typestore
from ros2_rose.offline.recording import Recording

_UNKNOWN_HASH = 'RIHS01_' + '0' * 64


class Definition(NamedTuple):
    """A message type as MCAP keeps it: the text of its definition, and the hash of its fields."""

    text: str
    digest: str


def write_bag(
    folder: Path,
    recording: Recording,
    cameras: Mapping[str, str],
    entries: Iterator[Entry],
    notes: Mapping[str, str],
) -> None:
    """Write an MCAP recording of all messages of another one, each image followed by its segments.

    Bytes, times and types are kept; the segments have the time of their image.  Equal input gives
    equal bytes.  ``notes`` become the custom data of ``metadata.yaml``.
    """
    with Writer(folder, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        for key, value in notes.items():
            writer.set_custom_data(key, value)
        copies = _copy_connections(writer, recording)
        segments = writer.add_connection(SEGMENTS_TOPIC, SEGMENTS_TYPE, typestore=typestore())
        for connection, time_ns, data in recording.messages():
            writer.write(copies[_key(connection)], time_ns, data)
            if connection.topic in cameras:
                entry = next(entries)
                if entry.data:
                    writer.write(segments, time_ns, entry.data)
    for path in (*folder.iterdir(), folder):
        _sync(path)


def _copy_connections(writer: Writer, recording: Recording) -> dict[object, Connection]:
    """The connection in the new recording for each of the old one; several publishers of a topic
    share one.
    """
    copies: dict[object, Connection] = {}
    for connection in recording.connections:
        key = _key(connection)
        if key in copies:
            continue
        definition = definition_of(connection)
        copies[key] = writer.add_connection(
            connection.topic,
            connection.msgtype,
            msgdef=definition.text,
            rihs01=definition.digest,
            offered_qos_profiles=_profiles(connection),
        )
    return copies


def _key(connection: Connection) -> object:
    return connection.topic, connection.msgtype, tuple(_profiles(connection))


def _profiles(connection: Connection) -> list[Qos]:
    extension = connection.ext
    return (
        list(extension.offered_qos_profiles) if isinstance(extension, ConnectionExtRosbag2) else []
    )


def definition_of(connection: Connection) -> Definition:
    """The definition that the recording has, or else the one of ROS 2 Jazzy: older recordings have
    none.  Of a type that nobody knows it is empty; its messages are copied all the same.
    """
    kind, (form, text) = connection.msgtype, connection.msgdef
    store = get_typestore(Stores.ROS2_JAZZY)
    try:
        if form is MessageDefinitionFormat.NONE:
            text, _ = store.generate_msgdef(kind, ros_version=2)
        elif form is MessageDefinitionFormat.MSG:
            store = get_typestore(Stores.EMPTY)
            store.register(get_types_from_msg(text, kind))
        elif not connection.digest:
            store.register(get_types_from_idl(text))
        return Definition(text, connection.digest or store.hash_rihs01(kind))
    except (TypesysError, KeyError):
        return Definition(text, connection.digest or _UNKNOWN_HASH)


def _sync(path: Path) -> None:
    """Have it on the disk before its folder gets its name."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
