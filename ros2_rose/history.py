"""The last segmented frames of every camera, found again by their exact stamps.

A correction speaks about a frame that was published before.  Each record keeps what the model
needs for it, so nobody sends the image again.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ros2_rose.corrections import Scope
from ros2_rose.ontology import NO_ONTOLOGY, Ontology
from rose_model.records import Segmentation

# How many stamps are remembered after their frames have gone, to tell "too late" from "never
# seen".
REMEMBERED_STAMPS = 10_000


class FrameLookupError(LookupError):
    """The history has no such frame; the text says why."""


class NoSuchFrameError(FrameLookupError):
    """No frame of this camera and stamp was ever processed."""


class FrameExpiredError(FrameLookupError):
    """The frame was processed, but has left the history."""


@dataclass(frozen=True, eq=False)
class FrameRecord:
    """One published frame.

    ``header`` is the ``std_msgs/Header`` of its image and ``stamp_ns`` the stamp in it.
    ``frame_seq`` counts the processed frames of the camera from 0.  ``revision`` is 0 at first and
    grows with every correction.  ``candidates`` are the labels that were to choose from; none:
    labels were generated.  ``stated``: by id, how far the correction reaches that a segment has
    its label from, if that was one of an earlier frame.  ``generated``: by id, what the model had
    called the segments that it found.  ``given_back``: ids of segments that are as they came,
    because their corrections were taken back.  ``ontology`` gives the classes of labels.
    ``is_late``: it missed its deadline.  ``image`` is the message of the frame's image, where
    corrections are logged.
    """

    camera: str
    header: Any
    stamp_ns: int
    frame_seq: int
    segmentation: Segmentation
    revision: int = 0
    candidates: tuple[str, ...] = ()
    stated: Mapping[str, Scope] = field(default_factory=dict)
    generated: Mapping[str, str] = field(default_factory=dict)
    given_back: frozenset[str] = frozenset()
    ontology: Ontology = NO_ONTOLOGY
    is_late: bool = False
    image: Any = None

    def corrected(
        self, segmentation: Segmentation, given_back: frozenset[str] | None = None
    ) -> FrameRecord:
        """The same frame after a correction, or after one was taken back."""
        return replace(
            self,
            segmentation=segmentation,
            revision=self.revision + 1,
            given_back=self.given_back if given_back is None else given_back,
        )


class _ExpiredStamps:
    """The last ``REMEMBERED_STAMPS`` of them.

    All of their memory is taken at once: small objects that live for minutes among those of every
    frame let the memory of the node grow for as long.
    """

    def __init__(self) -> None:
        self._ring = np.zeros(REMEMBERED_STAMPS, dtype=np.int64)
        self._count = 0

    def add(self, stamp_ns: int) -> None:
        self._ring[self._count % REMEMBERED_STAMPS] = stamp_ns
        self._count += 1

    def __contains__(self, stamp_ns: int) -> bool:
        return bool((self._ring[: self._count] == stamp_ns).any())


class _CameraHistory:
    def __init__(self) -> None:
        self.records: OrderedDict[int, FrameRecord] = OrderedDict()
        self.expired = _ExpiredStamps()


class FrameHistory:
    """The last ``length`` frames of each camera.  May be used from several threads."""

    def __init__(self, cameras: Iterable[str], length: int) -> None:
        self._lock = threading.Lock()
        self._length = length
        self._cameras = {name: _CameraHistory() for name in cameras}

    @property
    def cameras(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(self._cameras)

    def add(self, record: FrameRecord) -> None:
        """Keep a new frame as the newest of its camera; the oldest goes when there are too
        many.
        """
        with self._lock:
            camera = self._cameras[record.camera]
            camera.records.pop(record.stamp_ns, None)
            camera.records[record.stamp_ns] = record
            while len(camera.records) > self._length:
                camera.expired.add(camera.records.popitem(last=False)[0])

    def update(self, record: FrameRecord) -> None:
        """Put a corrected frame in the place of its earlier revision, if that is still there."""
        with self._lock:
            records = self._cameras[record.camera].records
            if record.stamp_ns in records:
                records[record.stamp_ns] = record

    def find(self, camera: str, stamp_ns: int) -> FrameRecord:
        """The frame of exactly this stamp; 0 means the newest one.

        Raises:
            NoSuchFrameError: an unknown camera, or a stamp that was never processed.
            FrameExpiredError: the frame has left the history.
        """
        with self._lock:
            history = self._cameras.get(camera)
            if history is None:
                known = ', '.join(self._cameras)
                raise NoSuchFrameError(f'There is no camera {camera!r}; the cameras are {known}.')
            if not history.records:
                raise NoSuchFrameError(
                    f'Camera {camera!r} has no processed frame yet; wait for its first '
                    'SegmentArray.'
                )
            if stamp_ns == 0:
                return next(reversed(history.records.values()))
            if stamp_ns in history.records:
                return history.records[stamp_ns]
            if stamp_ns in history.expired:
                raise FrameExpiredError(
                    f'The frame has left the history of the last {self._length} frames; '
                    'correct a newer one, or raise history_length.'
                )
            raise NoSuchFrameError(
                f'Camera {camera!r} has no processed frame of this stamp; '
                'copy the stamp from SegmentArray.header.'
            )

    def has(self, camera: str, stamp_ns: int) -> bool:
        """Whether the frame is there."""
        with self._lock:
            return stamp_ns in self._cameras[camera].records

    def oldest_stamp_ns(self, camera: str) -> int | None:
        """The stamp of the oldest frame in the history, or ``None``."""
        with self._lock:
            history = self._cameras.get(camera)
            return next(iter(history.records), None) if history is not None else None
