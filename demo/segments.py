"""From messages back to the records that the drawing and the corrections are written for."""

from __future__ import annotations

from math import nan

from ros2_rose.masks import decode_runs
from ros2_rose.msg import Segment as SegmentMessage
from ros2_rose.msg import SegmentArray
from rose_model.records import Segment

UNKNOWN_PATCH = -1


def to_records(message: SegmentArray) -> list[Segment]:
    """The segments of a message, in its order.

    The message does not say which patch a segment came from, nor that patch's objectness.

    Raises:
        ValueError: the runs of a mask do not fill its box.
    """
    return [_to_record(segment) for segment in message.segments]


def _to_record(segment: SegmentMessage) -> Segment:
    mask = segment.mask
    left, top = int(mask.x_offset), int(mask.y_offset)
    return Segment(
        id=segment.id,
        category=segment.label,
        category_score=segment.label_score,
        objectness=nan,
        mask_score=segment.mask_score,
        is_thing=segment.kind == SegmentMessage.KIND_THING,
        box_xyxy=(left, top, left + int(mask.width), top + int(mask.height)),
        mask=decode_runs(mask.counts, mask.height, mask.width),
        patch=UNKNOWN_PATCH,
        revision=segment.revision,
    )
