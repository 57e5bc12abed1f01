"""Between ROS messages and the records of the model; the only module that knows both."""

from __future__ import annotations

import array
import math
from collections.abc import Iterable

import numpy as np
from builtin_interfaces.msg import Time
from numpy.typing import NDArray
from sensor_msgs.msg import CompressedImage, Image

from ros2_rose import image_decoder
from ros2_rose.corrections import Correction, Scope
from ros2_rose.history import FrameRecord
from ros2_rose.msg import Correction as CorrectionMessage
from ros2_rose.msg import Mask, SegmentArray
from ros2_rose.msg import Segment as SegmentMessage
from ros2_rose.segment_fields import Fields, array_fields, segment_fields
from ros2_rose.srv import Refine
from ros2_rose.stamp_check import NANOSECONDS, check_stamp
from rose_model.errors import InvalidRequestError
from rose_model.records import Segment

SCOPES = {
    Refine.Request.SCOPE_FRAME: Scope.FRAME,
    Refine.Request.SCOPE_TRACK: Scope.TRACK,
    Refine.Request.SCOPE_SESSION: Scope.SESSION,
}
"""``SCOPE_*`` of ``Refine.srv``."""


def to_nanoseconds(stamp: Time) -> int:
    """A stamp as one whole number."""
    return int(stamp.sec) * NANOSECONDS + int(stamp.nanosec)


def to_time(nanoseconds: int) -> Time:
    """The stamp of a number of nanoseconds."""
    return Time(sec=nanoseconds // NANOSECONDS, nanosec=nanoseconds % NANOSECONDS)


def check_image(
    message: Image | CompressedImage, max_pixels: int
) -> image_decoder.CompressedHeader | None:
    """Refuse an image that cannot be decoded, without decoding it; the header of a compressed one.

    Raises:
        BadImageError: says why.
    """
    check_stamp(message.header.stamp)
    if isinstance(message, CompressedImage):
        return image_decoder.check_compressed(message.data, max_pixels=max_pixels)
    image_decoder.check_raw(
        message.height,
        message.width,
        message.encoding,
        message.step,
        len(message.data),
        max_pixels=max_pixels,
    )
    return None


def image_to_rgb(message: Image | CompressedImage, max_pixels: int) -> NDArray[np.uint8]:
    """The image as uint8 RGB ``[H, W, 3]``.

    Raises:
        BadImageError: says why not.
    """
    if isinstance(message, CompressedImage):
        return image_decoder.decode_compressed(message.data, message.format, max_pixels=max_pixels)
    return image_decoder.decode_raw(
        message.height,
        message.width,
        message.encoding,
        message.is_bigendian,
        message.step,
        message.data,
        max_pixels=max_pixels,
    )


def record_to_msg(
    record: FrameRecord, model: str, segments: Iterable[Segment] | None = None
) -> SegmentArray:
    """The message of a frame, with all its segments or only with some of them."""
    fields = array_fields(record, model, segments)
    return SegmentArray(**{**fields, 'segments': [_to_msg(item) for item in fields['segments']]})


def segment_to_msg(
    segment: Segment,
    *,
    stated: Scope = Scope.FRAME,
    is_refined: bool = False,
    ontology: str = '',
) -> SegmentMessage:
    """The message of one segment; the box of its mask is the box of the segment.

    ``stated``: where its label comes from, *frame* if from no earlier one.  ``is_refined``: a
    correction of this frame has changed or added it.  ``ontology``: the class of its label.
    """
    return _to_msg(
        segment_fields(segment, stated=stated, is_refined=is_refined, ontology=ontology)
    )


def _to_msg(fields: Fields) -> SegmentMessage:
    # An array.array is stored as it is; a numpy array would be copied number by number.
    counts = array.array('I', fields['mask']['counts'].tobytes())
    return SegmentMessage(**{**fields, 'mask': Mask(**{**fields['mask'], 'counts': counts})})


def correction_to_msg(correction: Correction, in_history: bool) -> CorrectionMessage:
    """The message of a correction; ``in_history``: its frame is still known."""
    before, after = correction.before, correction.after
    scopes = {scope: number for number, scope in SCOPES.items()}
    return CorrectionMessage(
        id=correction.id,
        camera=correction.camera,
        stamp=to_time(correction.stamp_ns),
        segment_id=correction.segment_id,
        text=correction.text,
        scope=scopes[correction.scope],
        label_before='' if before is None else before.category,
        label_after='' if after is None else after.category,
        generated_label=correction.generated,
        area_before=0 if before is None else before.area,
        area_after=0 if after is None else after.area,
        in_history=in_history,
    )


def check_timeout(timeout_s: float) -> None:
    """Refuse a ``timeout_sec`` that is no time; 0 stands for the default.

    Raises:
        InvalidRequestError: says so.
    """
    if not math.isfinite(timeout_s) or not 0.0 <= timeout_s <= 3600.0:
        raise InvalidRequestError(f'timeout_sec must be in [0, 3600], got {timeout_s}.')
