"""One waiting frame per camera: the newest wins, and every frame that is not used is counted.

For every camera, once nothing waits and nothing is worked on:
``received = processed + dropped_busy + dropped_stale + sum(rejected)``.

Whose turn it is follows start-time fair queueing (Goyal, Vin and Cheng 1996).  While their frames
wait, cameras are served in the ratio of their priorities; equal ones take turns.  Nobody starves:
while a camera waits, another one has at most ``its priority / own priority + 1`` turns.  A camera
that sent nothing for a while is not owed the turns that it missed.
"""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Generic, TypeVar

Message = TypeVar('Message')

# Stamps that go back by more than this are a recording that starts again, not a late frame.
JUMP_BACK_NS = 1_000_000_000

MAX_PRIORITY = 10

# A turn costs a camera this, divided by its priority: whole numbers, so that no turn is ever lost
# to rounding.
_TURN = math.lcm(*range(1, MAX_PRIORITY + 1))


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
    """What became of the frames of one camera; ``rejected`` by reason.

    ``remarks`` count what is odd about stamps, and keeps no frame from being used: ``time_back``,
    stamps that went back so far that a recording must have started again; ``without_stamp``; and
    ``from_future``.
    """

    received: int
    processed: int
    dropped_busy: int
    dropped_stale: int
    rejected: Mapping[str, int]
    remarks: Mapping[str, int]

    @property
    def dropped(self) -> int:
        """Frames that were fine, but not needed."""
        return self.dropped_busy + self.dropped_stale


@dataclass
class _Camera(Generic[Message]):
    priority: int
    waiting: Frame[Message] | None = None
    start: int = 0  # in the order of these the waiting frames are served
    finish: int = 0  # before this the next frame cannot start
    newest_ns: int = 0
    received: int = 0
    processed: int = 0
    dropped_busy: int = 0
    dropped_stale: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    remarks: Counter[str] = field(
        default_factory=lambda: Counter(time_back=0, without_stamp=0, from_future=0)
    )

    def is_stale(self, stamp_ns: int) -> bool:
        """True for a repeated or a late stamp; frames without stamps are never stale."""
        return stamp_ns > 0 and 0 <= self.newest_ns - stamp_ns <= JUMP_BACK_NS


class CameraInbox(Generic[Message]):
    """Takes frames from one thread and gives them to another, fairly over the cameras.

    ``priorities``: whole numbers from 1 to ``MAX_PRIORITY``; a camera without one has 1.
    """

    def __init__(
        self, cameras: Iterable[str], priorities: Mapping[str, int] = MappingProxyType({})
    ) -> None:
        self._lock = threading.Lock()
        self._cameras: dict[str, _Camera[Message]] = {
            name: _Camera(priorities.get(name, 1)) for name in cameras
        }
        self._now = 0  # the start of the frame that was taken last

    def offer(self, frame: Frame[Message]) -> bool:
        """Let a frame wait in place of an older one, which counts as ``dropped_busy``.

        False for a frame whose stamp is not newer than the last one: it counts as
        ``dropped_stale``.
        """
        with self._lock:
            camera = self._cameras[frame.camera]
            camera.received += 1
            if camera.is_stale(frame.stamp_ns):
                camera.dropped_stale += 1
                return False
            if camera.waiting is None:
                camera.start = max(self._now, camera.finish)
            else:
                camera.dropped_busy += 1
            camera.waiting = frame
            if frame.stamp_ns:
                camera.remarks['time_back'] += frame.stamp_ns < camera.newest_ns
                camera.newest_ns = frame.stamp_ns
            else:
                camera.remarks['without_stamp'] += 1
            return True

    def remark(self, camera: str, what: str) -> None:
        """Count what is odd about a frame that is used nevertheless."""
        with self._lock:
            self._cameras[camera].remarks[what] += 1

    def expire(self, camera: str) -> None:
        """Count a frame that was too old when it arrived."""
        with self._lock:
            self._cameras[camera].received += 1
            self._cameras[camera].dropped_stale += 1

    def refuse(self, camera: str, reason: str) -> None:
        """Count a frame that arrived and cannot be used."""
        with self._lock:
            self._cameras[camera].received += 1
            self._cameras[camera].rejected[reason] += 1

    def take(self) -> Frame[Message] | None:
        """The waiting frame of the camera whose turn it is, or ``None``.

        Whoever takes a frame reports its end once, by ``processed``, ``failed`` or ``came_late``.
        """
        with self._lock:
            waiting = [name for name, camera in self._cameras.items() if camera.waiting]
            if not waiting:
                return None
            name = min(waiting, key=lambda name: self._cameras[name].start)
            # To the end of the line, for those who start alike: dictionaries keep their order.
            camera = self._cameras[name] = self._cameras.pop(name)
            frame, camera.waiting = camera.waiting, None
            self._now = camera.start
            camera.finish = camera.start + _TURN // camera.priority
            return frame

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
                    remarks=dict(camera.remarks),
                )
                for name, camera in sorted(self._cameras.items())
            }
