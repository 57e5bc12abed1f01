"""R11: filling and serialising a message, its run lengths as flat arrays against other forms."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from functools import partial
from typing import Any

from rclpy.serialization import deserialize_message, serialize_message
from std_msgs.msg import Header

from benchmarks.dense_scene import dense_segments
from benchmarks.ratios.ratio import Ratio, compare
from ros2_rose.history import FrameRecord
from ros2_rose.msg import Mask, SegmentArray
from ros2_rose.msg import Segment as SegmentMessage
from ros2_rose.segment_fields import Fields, array_fields
from rose_model.records import FrameContext, Segmentation

SIZE = (1080, 1920)
MASKS = 100
_NO_CONTEXT: FrameContext = None  # type: ignore[assignment]  # nothing here looks at the image


def r11() -> list[Ratio]:
    """The message of 100 masks in a 1080p image, from given run lengths to bytes."""
    frame = Segmentation(dense_segments(SIZE, MASKS), SIZE, '', _NO_CONTEXT)
    fields = array_fields(FrameRecord('camera', Header(), 0, 0, frame), 'model')
    return [
        compare(
            f'a message of 100 masks: runs as flat arrays, against {name}',
            partial(to_bytes, fields, flat),
            partial(to_bytes, fields, form),
            _are_equal,
        )
        for name, form in (('lists', as_list), ('numpy arrays', as_numpy))
    ]


def flat(counts: Any) -> array[int]:  # noqa: ANN401 - uint32 [R]
    """As ``ros2_rose.conversions`` does: one copy of memory."""
    return array('I', counts.tobytes())


def as_list(counts: Any) -> list[int]:  # noqa: ANN401 - uint32 [R]
    """A number of Python for each run."""
    numbers: list[int] = counts.tolist()
    return numbers


def as_numpy(counts: Any) -> Any:  # noqa: ANN401 - uint32 [R]
    """As they come; the message takes them number by number."""
    return counts


def to_bytes(fields: Fields, form: Callable[[Any], object]) -> bytes:
    """The serialised message, its run lengths given to the fields in that form."""
    segments = [
        SegmentMessage(
            **{**item, 'mask': Mask(**{**item['mask'], 'counts': form(item['mask']['counts'])})}
        )
        for item in fields['segments']
    ]
    serialised: bytes = serialize_message(SegmentArray(**{**fields, 'segments': segments}))
    return serialised


def _are_equal(ours: bytes, theirs: bytes) -> bool:
    """The same message; bytes that pad its fields may have any value."""
    same = deserialize_message(ours, SegmentArray) == deserialize_message(theirs, SegmentArray)
    return same and len(ours) == len(theirs)
