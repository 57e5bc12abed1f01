"""The corrections that hold, and what follows from them for later frames.

A correction holds for its frame, for its object in all frames (scope *track*), or, as a label, for
all that the model calls the same (scope *session*).  The list is the only memory of stated labels
and of deleted objects, so that taking a correction out of it takes both back.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from enum import Enum

from rose_model.errors import RefinementRejectedError
from rose_model.records import PointHint, RefinementCase, RefineTarget, Segment, Segmentation

MAX_HELD = 1000
"""Corrections that can hold at a time."""


class Scope(Enum):
    """How far a correction reaches; the value is its word in messages and files."""

    FRAME = 'frame'
    TRACK = 'track'
    SESSION = 'session'


@dataclass(frozen=True, eq=False)
class Correction:
    """An accepted correction of one segment of the frame of that camera and stamp.

    Attributes:
        before: The segment as it was; ``None`` where it was added.
        after: The segment as it is; ``None`` where it was deleted.
        generated: What the model had called it; empty where it was added.
        was_refined: An earlier correction had changed it.
        target, points, label: As they were asked for.
        duplicates: Other segments that went because they are the same object as ``after``.
        order: Ids of all segments of the frame before the correction, in their order.
        id: Given by the ledger.
    """

    camera: str
    stamp_ns: int
    text: str
    case: RefinementCase
    scope: Scope
    before: Segment | None
    after: Segment | None
    generated: str = ''
    was_refined: bool = False
    target: RefineTarget = RefineTarget.AUTO
    points: tuple[PointHint, ...] = ()
    label: str = ''
    duplicates: tuple[Segment, ...] = ()
    order: tuple[str, ...] = ()
    id: str = ''

    @property
    def segment_id(self) -> str:
        """Id of the segment that was changed, added or deleted."""
        return next(item.id for item in (self.after, self.before) if item is not None)

    @property
    def touched(self) -> frozenset[str]:
        """Ids of all segments that it changed, added or removed."""
        return frozenset((self.segment_id, *(segment.id for segment in self.duplicates)))


@dataclass(frozen=True)
class Query:
    """Which corrections are meant; an empty field or 0 means any.

    A correction is one of a segment if it changed, added or removed it.
    """

    id: str = ''
    camera: str = ''
    stamp_ns: int = 0
    segment_id: str = ''

    def fits(self, correction: Correction) -> bool:
        """Whether a correction has all that is given."""
        return all(
            not wanted or wanted == actual
            for wanted, actual in (
                (self.id, correction.id),
                (self.camera, correction.camera),
                (self.stamp_ns, correction.stamp_ns),
            )
        ) and (not self.segment_id or self.segment_id in correction.touched)


class CorrectionLedger:
    """The corrections that hold, in their order; may be used from several threads.

    A label for the session is kept by the label that the model generates, in lower case: what the
    model would call X is called Y.  Labels are never replaced twice.  Of an object the newest
    correction counts: whoever names a deleted one has it back.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: tuple[Correction, ...] = ()
        self._of_object: dict[tuple[str, str], str] = {}
        self._of_session: dict[str, str] = {}
        self._deleted: frozenset[tuple[str, str]] = frozenset()
        self._last_id = 0

    def require_room(self) -> None:
        """Refuse a correction that would be one too many.

        Raises:
            RefinementRejectedError: says how to make room.
        """
        if len(self._held) >= MAX_HELD:
            raise RefinementRejectedError(
                f'{MAX_HELD} corrections hold already, no more are kept; take some back, or wait '
                'until their frames have left the history.'
            )

    def add(self, correction: Correction) -> Correction:
        """Let a correction hold; it is given its id."""
        with self._lock:
            self._last_id += 1
            numbered = replace(correction, id=str(self._last_id))
            self._keep((*self._held, numbered))
        return numbered

    def remove(self, correction_id: str) -> None:
        """Let a correction hold no longer."""
        with self._lock:
            self._keep(tuple(item for item in self._held if item.id != correction_id))

    def held(self, query: Query | None = None) -> tuple[Correction, ...]:
        """The corrections that are meant, oldest first."""
        wanted = Query() if query is None else query
        return tuple(item for item in self._held if wanted.fits(item))

    def prune(
        self, camera: str, objects: Collection[str], is_known: Callable[[int], bool]
    ) -> None:
        """Forget what holds for nothing any more: corrections of the camera whose frame has gone,
        unless they are of the session or their object is still followed.

        ``is_known(stamp_ns)``: whether the history has the frame.
        """
        if not self._held:
            return
        with self._lock:
            kept = tuple(
                item
                for item in self._held
                if item.camera != camera
                or item.scope is Scope.SESSION
                or (item.scope is Scope.TRACK and item.segment_id in objects)
                or is_known(item.stamp_ns)
            )
            if len(kept) < len(self._held):
                self._keep(kept)

    def deleted(self, camera: str) -> frozenset[str]:
        """Return the ids of the camera's objects that were deleted for as long as they are
        followed.
        """
        return frozenset(identity for owner, identity in self._deleted if owner == camera)

    def apply(self, camera: str, frame: Segmentation) -> tuple[Segmentation, dict[str, Scope]]:
        """The frame without deleted objects and under the labels that were stated, and by id where
        each of these comes from.

        What was said of the object itself counts more than what was said for the session.
        """
        named, scopes = [], {}
        for segment in frame.segments:
            if (camera, segment.id) in self._deleted:
                continue
            own = self._of_object.get((camera, segment.id))
            label = own or self._of_session.get(segment.category.lower())
            if label is None:
                named.append(segment)
                continue
            named.append(replace(segment, category=label, category_score=1.0))
            scopes[segment.id] = Scope.TRACK if own else Scope.SESSION
        return replace(frame, segments=tuple(named)), scopes

    def _keep(self, held: tuple[Correction, ...]) -> None:
        self._held = held
        # In order, so that the newest one counts.
        of_object = {
            (item.camera, item.segment_id): item.after
            for item in held
            if item.scope is not Scope.FRAME
        }
        self._deleted = frozenset(key for key, after in of_object.items() if after is None)
        self._of_object = {
            key: after.category for key, after in of_object.items() if after is not None
        }
        self._of_session = {
            item.generated.lower(): item.after.category
            for item in held
            if item.scope is Scope.SESSION and item.after is not None
        }
