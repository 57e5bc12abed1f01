"""An object keeps its id from frame to frame."""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from rose_model.records import Segment, Segmentation

MIN_IOU = 0.3
"""Segments of two frames that overlap less are two objects."""
MEMORY = 5
"""Frames for which an object may be out of sight."""
_CELLS = 256
"""Masks are compared on at most so many points along the longer side of the image."""

Cells = NDArray[np.uint64]
"""The points of a mask that are 1, 64 of them in a word."""
Areas = NDArray[np.int64]
"""Numbers of points."""


@dataclass(frozen=True, eq=False)
class _Track:
    """An object as it was seen last, in the frame of ``stamp_ns``, and how many frames ago that
    was.  ``cells``: ``[C]``.
    """

    id: str
    is_thing: bool
    box_xyxy: tuple[int, int, int, int]
    cells: Cells
    stamp_ns: int
    missed: int = 0


class Tracker:
    """Follows the objects of one camera; ids are running numbers and never used again.

    Tracks and segments of the same kind are paired so that the sum of their IoUs is greatest
    (``scipy.optimize.linear_sum_assignment``).
    """

    def __init__(self) -> None:
        self._tracks: list[_Track] = []
        self._recent: deque[int] = deque(maxlen=MEMORY + 1)
        self._size = (0, 0)
        self._numbers = itertools.count(1)

    @property
    def ids(self) -> frozenset[str]:
        """The objects that are followed, those out of sight among them."""
        return frozenset(track.id for track in self._tracks)

    def follow(
        self, frame: Segmentation, stamp_ns: int, last: Collection[str] = ()
    ) -> Segmentation:
        """The next frame with the ids of its objects; what is new gets a new id.

        Args:
            frame: The frame.
            stamp_ns: Its stamp.
            last: Objects that get a segment only where no other object wants it: deleted ones, so
                that what was deleted twice over does not hide the object that is there.
        """
        if frame.original_size != self._size:
            self.forget()
            self._size = frame.original_size
        segments = frame.segments
        cells = _cells(segments, self._size)
        partner = _pair_in_turn(self._tracks, segments, cells, last)
        seen = [
            _Track(
                partner[number].id if number in partner else self._new_id(),
                segment.is_thing,
                segment.box_xyxy,
                cells[number],
                stamp_ns,
            )
            for number, segment in enumerate(segments)
        ]
        followed = {track.id for track in partner.values()}
        lost = [
            replace(track, missed=track.missed + 1)
            for track in self._tracks
            if track.id not in followed and track.missed < MEMORY
        ]
        self._tracks = [*seen, *lost]
        self._recent.append(stamp_ns)
        named = (
            replace(segment, id=track.id) for segment, track in zip(segments, seen, strict=True)
        )
        return replace(frame, segments=tuple(named))

    def can_follow(self, identity: str, stamp_ns: int) -> bool:
        """Whether the object is followed, or can be from a frame of that stamp on."""
        return identity in self.ids or stamp_ns in self._recent

    def id_for(self, segment: Segment, taken: Collection[str], stamp_ns: int) -> str:
        """The id for what a correction adds to the frame of that stamp, which has the ids
        ``taken``: that of an object out of sight there that was, or is by now, at the same place;
        else a new one.
        """
        if stamp_ns in self._recent:
            free = [track for track in self._tracks if track.id not in taken]
            partner = _pair(free, (segment,), _cells((segment,), self._size))
            if partner:
                return partner[0].id
        return self._new_id()

    def adopt(self, segment: Segment, stamp_ns: int) -> None:
        """Look for an object where a correction of the frame of that stamp has put it.

        An object that is not followed is from now on, under the id of the segment.  Where it was
        seen in a later frame that counts; a frame of more than ``MEMORY`` frames ago says nothing.
        """
        known = next((track for track in self._tracks if track.id == segment.id), None)
        missed = self._frames_since(stamp_ns)
        if missed is None or (known is not None and known.missed < missed):
            return
        cells = _cells((segment,), self._size)[0]
        rest = [track for track in self._tracks if track is not known]
        adopted = _Track(segment.id, segment.is_thing, segment.box_xyxy, cells, stamp_ns, missed)
        self._tracks = [*rest, adopted]

    def retract(self, identity: str, stamp_ns: int) -> None:
        """Follow an object no longer that nobody has seen but in the frame of that stamp."""
        self._tracks = [
            track for track in self._tracks if track.id != identity or track.stamp_ns != stamp_ns
        ]

    def forget(self) -> None:
        """All objects are new in the next frame."""
        self._tracks = []
        self._recent.clear()

    def _new_id(self) -> str:
        return str(next(self._numbers))  # at once, for a correction that hangs may ask, too

    def _frames_since(self, stamp_ns: int) -> int | None:
        """How many frames came after that of the stamp; ``None`` if more than ``MEMORY``."""
        if stamp_ns not in self._recent:
            return None
        return len(self._recent) - 1 - self._recent.index(stamp_ns)


def _pair_in_turn(
    tracks: Sequence[_Track], segments: Sequence[Segment], cells: Cells, last: Collection[str]
) -> dict[int, _Track]:
    """The track of each segment that continues one; those of the ids ``last`` take what others
    leave.
    """
    partner = _pair([track for track in tracks if track.id not in last], segments, cells)
    left = [number for number in range(len(segments)) if number not in partner]
    late = [track for track in tracks if track.id in last]
    others = _pair(late, [segments[number] for number in left], cells[left])
    return partner | {left[number]: track for number, track in others.items()}


def _pair(
    tracks: Sequence[_Track], segments: Sequence[Segment], cells: Cells
) -> dict[int, _Track]:
    """The track of each segment that continues one."""
    if not tracks or not segments:
        return {}
    before = np.stack([track.cells for track in tracks])
    areas_before, areas = _count(before), _count(cells)
    rows, columns = np.nonzero(_may_be_one(tracks, areas_before, segments, areas))
    shared = _count(before[rows] & cells[columns])
    iou = shared / np.maximum(areas_before[rows] + areas[columns] - shared, 1)
    score = np.zeros((len(tracks), len(segments)))
    score[rows, columns] = np.where(iou >= MIN_IOU, iou, 0)
    pairs = zip(*linear_sum_assignment(score, maximize=True), strict=True)
    return {int(number): tracks[row] for row, number in pairs if score[row, number] > 0}


def _may_be_one(
    tracks: Sequence[_Track], areas_before: Areas, segments: Sequence[Segment], areas: Areas
) -> NDArray[np.bool_]:
    """Which of the tracks ``[T]`` and segments ``[N]`` can have an IoU of ``MIN_IOU`` at all, by
    their kinds, boxes and areas: bool ``[T, N]``.  Most cannot, and comparing masks is dear.
    """
    is_like = np.equal.outer(
        [track.is_thing for track in tracks], [segment.is_thing for segment in segments]
    )
    for axis in (0, 1):
        first, last = (
            np.array([item.box_xyxy[edge] for item in tracks]) for edge in (axis, axis + 2)
        )
        start, end = (
            np.array([item.box_xyxy[edge] for item in segments]) for edge in (axis, axis + 2)
        )
        is_like &= np.less.outer(first, end) & np.greater.outer(last, start)
    smaller = np.minimum.outer(areas_before, areas)
    return is_like & (smaller >= MIN_IOU * np.maximum.outer(areas_before, areas))


def _count(cells: Cells) -> Areas:
    """How many points are 1, along the last axis."""
    count: Areas = np.bitwise_count(cells).sum(-1, dtype=np.int64)
    return count


def _cells(segments: Sequence[Segment], size: tuple[int, int]) -> Cells:
    """The masks at every so many pixels of the image: ``[N, C]``."""
    step = max(1, math.ceil(max(size) / _CELLS))
    height, width = (math.ceil(side / step) for side in size)
    width = 64 * math.ceil(width / 64)  # whole words
    cells = np.zeros((len(segments), height, width), np.bool_)
    for number, segment in enumerate(segments):
        x1, y1 = segment.box_xyxy[:2]
        part = segment.mask[-y1 % step :: step, -x1 % step :: step]
        top, left = math.ceil(y1 / step), math.ceil(x1 / step)
        cells[number, top : top + part.shape[0], left : left + part.shape[1]] = part
    return np.packbits(cells.reshape(len(segments), height * width), axis=1).view(np.uint64)
