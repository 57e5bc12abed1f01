"""What the node remembers from frame to frame: frames, objects, and the corrections that hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from ros2_rose.camera_tracks import CameraTracks
from ros2_rose.correction_log import CorrectionLog, Logged
from ros2_rose.corrections import Correction, CorrectionLedger, Query, Scope
from ros2_rose.history import FrameHistory, FrameLookupError, FrameRecord
from rose_model.errors import InvalidRequestError
from rose_model.records import Refinement, Segmentation


@dataclass(frozen=True, eq=False)
class Followed:
    """A frame whose segments have the ids and the stated labels of their objects.

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
        """A frame of the model's under the ids and labels of its objects."""
        followed = self._tracks.follow(camera, stamp_ns, segmentation)
        generated = {segment.id: segment.category for segment in followed.segments}
        named, stated = self.ledger.name(camera, followed)
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
        """What a correction has added under the id of its object, or one that nobody had."""
        [changed] = refinement.changed
        if record.segmentation.find(changed.id) is not None:
            return refinement
        taken = {segment.id for segment in record.segmentation.segments}
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
        self._tracks[correction.camera].adopt(correction.after, correction.stamp_ns)

    def to_undo(self, query: Query) -> Correction | None:
        """The newest of the corrections that are meant; ``None`` if there is none.

        Raises:
            InvalidRequestError: a later correction of the same segment has to go before it.
        """
        fitting = self.ledger.held(query)
        if not fitting:
            return None
        chosen = fitting[-1]
        same = Query(camera=chosen.camera, stamp_ns=chosen.stamp_ns, segment_id=chosen.after.id)
        last = self.ledger.held(same)[-1]
        if last is not chosen:
            raise InvalidRequestError(
                f'Correction {last.id} of the same segment came after {chosen.id}; take it back '
                'first.'
            )
        return chosen

    def without(self, correction: Correction) -> FrameRecord | None:
        """The frame of a correction with its segment as it was before, or without what was added;
        ``None`` if the frame has left the history.
        """
        try:
            record = self.history.find(correction.camera, correction.stamp_ns)
        except FrameLookupError:
            return None
        before, identity = correction.before, correction.after.id
        segments = tuple(item for item in record.segmentation.segments if item.id != identity)
        given_back = record.given_back
        if before is not None:
            # A revision never comes twice: whoever has seen it knows the segment.
            current = record.segmentation.find(identity) or correction.after
            segments = (*segments, replace(before, revision=current.revision + 1))
            given_back -= {identity}
            if not correction.was_refined:
                given_back |= {identity}
        return record.corrected(record.segmentation.with_segments(segments), given_back)

    def take_back(self, correction: Correction, restored: FrameRecord | None) -> None:
        """Let a correction hold no longer; ``restored``: its frame without it."""
        if restored is not None:
            self.history.update(restored)
        self.ledger.remove(correction.id)
        if self._log is not None:
            self._log.discard(correction)
        tracker = self._tracks[correction.camera]
        if correction.before is None:
            tracker.retract(correction.after.id, correction.stamp_ns)
        else:
            tracker.adopt(correction.before, correction.stamp_ns)
