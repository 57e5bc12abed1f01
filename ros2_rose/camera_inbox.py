"""One waiting frame per camera: the newest wins, and every frame that is not used is counted.

For every camera, once nothing waits and nothing is worked on:
``received = processed + dropped_busy + dropped_stale + sum(rejected)``.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Message = TypeVar('Message')

# Stamps that go back by more than this are a recording that starts again, not a late frame.
JUMP_BACK_NS = 1_000_000_000


@dataclass(frozen=True)
class Frame(Generic[Message]):
    """An image message on its way to the model.

    ``stamp_ns``: the stamp of its header in nanoseconds; 0 if the publisher sets
    none.  ``received_s``: when it arrived, on the monotonic clock.
    """

    camera: str
    stamp_ns: int
    received_s: float
    message: Message


@dataclass(frozen=True)
class CameraCounts:
    """What became of the frames of one camera; ``rejected`` by reason."""

    received: int
    processed: int
    dropped_busy: int
    dropped_stale: int
    rejected: Mapping[str, int]

    @property
    def dropped(self) -> int:
        """Frames that were fine, but not needed."""
        return self.dropped_busy + self.dropped_stale


@dataclass
class _Camera(Generic[Message]):
    waiting: Frame[Message] | None = None
    newest_ns: int = 0
    received: int = 0
    processed: int = 0
    dropped_busy: int = 0
    dropped_stale: int = 0
    rejected: Counter[str] = field(default_factory=Counter)

    def is_stale(self, stamp_ns: int) -> bool:
        """True for a repeated or a late stamp; frames without stamps are never stale."""
        return stamp_ns > 0 and 0 <= self.newest_ns - stamp_ns <= JUMP_BACK_NS


class CameraInbox(Generic[Message]):
    """Takes frames from one thread and gives them to another, fairly over the cameras."""

    def __init__(self, cameras: Iterable[str]) -> None:
        self._lock = threading.Lock()
        self._cameras: dict[str, _Camera[Message]] = {name: _Camera() for name in cameras}

    def offer(self, frame: Frame[Message]) -> None:
        """Let a frame wait in place of an older one, which counts as ``dropped_busy``.

        A frame whose stamp is not newer than the last one counts as ``dropped_stale`` instead.
        """
        with self._lock:
            camera = self._cameras[frame.camera]
            camera.received += 1
            if camera.is_stale(frame.stamp_ns):
                camera.dropped_stale += 1
                return
            if camera.waiting is not None:
                camera.dropped_busy += 1
            camera.waiting = frame
            camera.newest_ns = frame.stamp_ns

    def refuse(self, camera: str, reason: str) -> None:
        """Count a frame that arrived and cannot be used."""
        with self._lock:
            self._cameras[camera].received += 1
            self._cameras[camera].rejected[reason] += 1

    def take(self) -> Frame[Message] | None:
        """The waiting frame of the camera that was served longest ago, or ``None``.

        Whoever takes a frame reports its end once, by ``processed``, ``failed`` or ``came_late``.
        """
        with self._lock:
            for name, camera in self._cameras.items():
                if camera.waiting is not None:
                    frame, camera.waiting = camera.waiting, None
                    # To the end of the line: dictionaries keep the order of insertion.
                    self._cameras[name] = self._cameras.pop(name)
                    return frame
        return None

    def processed(self, camera: str) -> None:
        """A taken frame was published."""
        with self._lock:
            self._cameras[camera].processed += 1

    def failed(self, camera: str, reason: str) -> None:
        """A taken frame turned out to be unusable, or the model failed on it."""
        with self._lock:
            self._cameras[camera].rejected[reason] += 1

    def came_late(self, camera: str) -> None:
        """A taken frame was done when nobody wanted it any more."""
        with self._lock:
            self._cameras[camera].dropped_stale += 1

    def clear(self) -> None:
        """Drop the waiting frames as stale."""
        with self._lock:
            for camera in self._cameras.values():
                if camera.waiting is not None:
                    camera.waiting = None
                    camera.dropped_stale += 1

    @property
    def is_empty(self) -> bool:
        """True if no frame waits."""
        with self._lock:
            return all(camera.waiting is None for camera in self._cameras.values())

    def counts(self) -> dict[str, CameraCounts]:
        """A consistent copy of all counters, by camera."""
        with self._lock:
            return {
                name: CameraCounts(
                    received=camera.received,
                    processed=camera.processed,
                    dropped_busy=camera.dropped_busy,
                    dropped_stale=camera.dropped_stale,
                    rejected=dict(camera.rejected),
                )
                for name, camera in sorted(self._cameras.items())
            }
