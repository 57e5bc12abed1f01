"""What the node remembers from frame to frame: frames, objects, and the corrections that hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from ros2_rose.camera_tracks import CameraTracks
from ros2_rose.correction_log import CorrectionLog, Logged
from ros2_rose.corrections import Correction, CorrectionLedger, Query, Scope
from ros2_rose.history import FrameHistory, FrameLookupError, FrameRecord
from ros2_rose.restoration import without_correction
from rose_model.errors import InvalidRequestError
from rose_model.records import Refinement, Segmentation


@dataclass(frozen=True, eq=False)
class Followed:
    """A frame whose segments have the ids and the stated labels of their objects, without those
    that were deleted.

    ``stated`` and ``generated``: as in ``FrameRecord``.
    """

    segmentation: Segmentation
    stated: Mapping[str, Scope]
    generated: Mapping[str, str]


class SessionMemory:
    """Lives from *configure* to *cleanup* and belongs to the thread of the model; only ``history``
    and ``ledger`` may be read by others.  ``log``: where accepted corrections are stored, if so.
    """

    def __init__(
        self, camera_names: Iterable[str], history_length: int, log: CorrectionLog | None = None
    ) -> None:
        names = tuple(camera_names)
        self.history = FrameHistory(names, history_length)
        self.ledger = CorrectionLedger()
        self._log = log
        self._tracks = CameraTracks(names)

    def goes_back_s(self, camera: str, stamp_ns: int) -> float:
        """How far a stamp lies before that of the camera's last frame [s]; 0 if it does not."""
        return self._tracks.goes_back_s(camera, stamp_ns)

    def follow(self, camera: str, stamp_ns: int, segmentation: Segmentation) -> Followed:
        """A frame of the model's under the ids and labels of its objects, without deleted ones."""
        deleted = self.ledger.deleted(camera)
        followed = self._tracks.follow(camera, stamp_ns, segmentation, deleted)
        named, stated = self.ledger.apply(camera, followed)
        shown = {segment.id for segment in named.segments}
        generated = {s.id: s.category for s in followed.segments if s.id in shown}
        return Followed(named, stated, generated)

    def add(self, record: FrameRecord) -> None:
        """Keep a frame that is about to be published."""
        self.history.add(record)
        self.ledger.prune(
            record.camera,
            self._tracks[record.camera].ids,
            lambda stamp_ns: self.history.has(record.camera, stamp_ns),
        )

    def with_own_id(self, record: FrameRecord, refinement: Refinement) -> Refinement:
        """What a correction has added under the id of its object, or one that nobody had.

        What corrections have removed from the frame keeps its id, for it may come back.
        """
        added_ids = {segment.id for segment in refinement.changed} - _ids(record)
        if not added_ids:
            return refinement
        [changed] = refinement.changed
        here = self._corrections_of(record.camera, record.stamp_ns)
        taken = _ids(record).union(*(correction.touched for correction in here))
        tracker = self._tracks[record.camera]
        added = replace(changed, id=tracker.id_for(changed, taken, record.stamp_ns))
        segments = (
            added if segment is changed else segment
            for segment in refinement.segmentation.segments
        )
        return replace(
            refinement,
            changed=(added,),
            segmentation=replace(refinement.segmentation, segments=tuple(segments)),
        )

    def can_follow(self, record: FrameRecord, segment_id: str) -> bool:
        """Whether the object of a segment is, or can be, followed into the next frames."""
        return self._tracks[record.camera].can_follow(segment_id, record.stamp_ns)

    def accept(
        self, correction: Correction, record: FrameRecord, corrected: FrameRecord, model: str
    ) -> None:
        """Let a correction, which made ``corrected`` of ``record``, hold from now on.

        ``model``: name and hash of the weights that took part.
        """
        self.history.update(corrected)
        numbered = self.ledger.add(correction)
        if self._log is not None:
            self._log.put(Logged(numbered, record, corrected, model))
        seen = correction.before if correction.after is None else correction.after
        if seen is not None:  # a deleted object, too, is looked for
            self._tracks[correction.camera].adopt(seen, correction.stamp_ns)

    def to_undo(self, query: Query) -> Correction | None:
        """The newest of the corrections that are meant; ``None`` if there is none.

        Raises:
            InvalidRequestError: a later correction of the same segment has to go before it.
        """
        fitting = self.ledger.held(query)
        if not fitting:
            return None
        chosen = fitting[-1]
        here = self._corrections_of(chosen.camera, chosen.stamp_ns)
        last = [item for item in here if item.touched & chosen.touched][-1]
        if last is not chosen:
            raise InvalidRequestError(
                f'Correction {last.id} of the same segment came after {chosen.id}; take it back '
                'first.'
            )
        return chosen

    def without(self, correction: Correction) -> FrameRecord | None:
        """The frame of a correction without it; ``None`` if the frame has left the history."""
        try:
            record = self.history.find(correction.camera, correction.stamp_ns)
        except FrameLookupError:
            return None
        return without_correction(record, correction)

    def take_back(self, correction: Correction, restored: FrameRecord | None) -> None:
        """Let a correction hold no longer; ``restored``: its frame without it."""
        if restored is not None:
            self.history.update(restored)
        self.ledger.remove(correction.id)
        if self._log is not None:
            self._log.discard(correction)
        tracker, identity = self._tracks[correction.camera], correction.segment_id
        if correction.before is not None:
            tracker.adopt(correction.before, correction.stamp_ns)
        elif identity not in self.ledger.deleted(correction.camera):
            tracker.retract(identity, correction.stamp_ns)

    def _corrections_of(self, camera: str, stamp_ns: int) -> tuple[Correction, ...]:
        """Those of one frame, oldest first."""
        return tuple(
            item for item in self.ledger.held(Query(camera=camera)) if item.stamp_ns == stamp_ns
        )


def _ids(record: FrameRecord) -> frozenset[str]:
    return frozenset(segment.id for segment in record.segmentation.segments)
