"""A frame without one of its corrections: what an undo makes of it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from ros2_rose.corrections import Correction
from ros2_rose.history import FrameRecord
from rose_model.records import Segment


def without_correction(record: FrameRecord, correction: Correction) -> FrameRecord:
    """Return the frame with the segments of a correction as they were before it.

    What it had deleted, and the duplicates that went with it, come back as the very same segments
    in their old places.  What it had changed comes back under a higher revision: a revision never
    comes twice, so that whoever has seen it knows the segment.  What it had added goes.

    Args:
        record: The corrected frame, whatever was done to it since.
        correction: The newest correction of its segment.
    """
    identity, before, after = correction.segment_id, correction.before, correction.after
    segments = tuple(item for item in record.segmentation.segments if item.id != identity)
    given_back = record.given_back
    returning = list(correction.duplicates)
    if before is not None and after is None:
        returning.append(before)
    elif before is not None:
        current = record.segmentation.find(identity) or after or before
        returning.append(replace(before, revision=current.revision + 1))
        given_back -= {identity}
        if not correction.was_refined:
            given_back |= {identity}
    for segment in returning:
        segments = _inserted(segments, segment, _behind(segment.id, correction.order))
    return record.corrected(replace(record.segmentation, segments=segments), given_back)


def _behind(identity: str, order: tuple[str, ...]) -> tuple[str, ...]:
    return order[order.index(identity) + 1 :] if identity in order else ()


def _inserted(
    segments: tuple[Segment, ...], segment: Segment, behind: Collection[str]
) -> tuple[Segment, ...]:
    """Segments, largest first, with one more: of the same size those come after it that are among
    the ids ``behind``.
    """
    place = next(
        (
            number
            for number, other in enumerate(segments)
            if other.area < segment.area or (other.area == segment.area and other.id in behind)
        ),
        len(segments),
    )
    return (*segments[:place], segment, *segments[place:])
