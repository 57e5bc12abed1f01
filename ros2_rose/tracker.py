"""An object keeps its id from frame to frame, and the label that somebody has stated for it."""

from __future__ import annotations

import math
from collections.abc import Sequence
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


@dataclass(frozen=True, eq=False)
class _Track:
    """An object as it was seen last.  ``cells``: ``[C]``.  ``label``: stated, or empty."""

    id: str
    is_thing: bool
    cells: Cells
    missed: int = 0
    label: str = ''


class Tracker:
    """Follows the objects of one camera; ids are running numbers and never used again.

    Tracks and segments of the same kind are paired so that the sum of their IoUs is greatest
    (``scipy.optimize.linear_sum_assignment``).
    """

    def __init__(self) -> None:
        self._tracks: list[_Track] = []
        self._size = (0, 0)
        self._last_id = 0

    def follow(self, frame: Segmentation) -> tuple[Segmentation, frozenset[str]]:
        """The next frame with the ids and the stated labels of its objects, and the ids of those
        whose label was stated.  What is new gets a new id.
        """
        if frame.original_size != self._size:
            self.forget()
            self._size = frame.original_size
        segments = frame.segments
        cells = _cells(segments, self._size)
        partner = self._pair(segments, cells)
        found, seen = [], []
        for number, segment in enumerate(segments):
            track = partner.get(number)
            label = track.label if track else ''
            identity = track.id if track else self._new_id()
            seen.append(_Track(identity, segment.is_thing, cells[number], 0, label))
            named = replace(segment, category=label, category_score=1.0) if label else segment
            found.append(replace(named, id=identity))
        followed = {track.id for track in partner.values()}
        lost = [
            replace(track, missed=track.missed + 1)
            for track in self._tracks
            if track.id not in followed and track.missed < MEMORY
        ]
        self._tracks = [*seen, *lost]
        return frame.with_segments(tuple(found)), frozenset(t.id for t in seen if t.label)

    def state(self, identity: str, label: str) -> None:
        """From the next frame on the object of that id has this label, while it is in view."""
        self._tracks = [
            replace(track, label=label) if track.id == identity else track
            for track in self._tracks
        ]

    def forget(self) -> None:
        """All objects are new in the next frame."""
        self._tracks = []

    def _new_id(self) -> str:
        self._last_id += 1
        return str(self._last_id)

    def _pair(self, segments: Sequence[Segment], cells: Cells) -> dict[int, _Track]:
        """The track of each segment that continues one."""
        if not self._tracks or not segments:
            return {}
        before = np.stack([track.cells for track in self._tracks])
        shared = _count(before[:, None] & cells[None])
        union = _count(before)[:, None] + _count(cells)[None] - shared
        iou = shared / np.maximum(union, 1)
        same_kind = np.equal.outer(
            [track.is_thing for track in self._tracks], [item.is_thing for item in segments]
        )
        score = np.where(same_kind & (iou >= MIN_IOU), iou, 0)
        pairs = zip(*linear_sum_assignment(score, maximize=True), strict=True)
        return {int(number): self._tracks[row] for row, number in pairs if score[row, number] > 0}


def _count(cells: Cells) -> NDArray[np.int64]:
    """How many points are 1, along the last axis."""
    count: NDArray[np.int64] = np.bitwise_count(cells).sum(-1, dtype=np.int64)
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
