"""Is what the model gives fit to be published?  Asked for each frame, before anybody sees it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rose_model.errors import ModelOutputError
from rose_model.records import Segment, Segmentation

if TYPE_CHECKING:  # frames are also segmented without ROS
    from ros2_rose.msg import SegmentArray

MAX_SEGMENTS = 1000
"""The upper end of the parameter ``max_segments``."""
MAX_RUN_BYTES = 2**23
"""Masks of one message, as run lengths of 4 bytes; a hundred ragged ones of a 4K image fit."""


def check_output(segmentation: Segmentation) -> Segmentation:
    """The frame itself, if every score is finite and every mask has pixels inside the image.

    A frame without segments is right.

    Raises:
        ModelOutputError: says what is wrong, and with how many segments.
    """
    segments = segmentation.segments
    if len(segments) > MAX_SEGMENTS:
        raise ModelOutputError(
            f'The model gives {len(segments)} segments; at most {MAX_SEGMENTS} are published.'
        )
    height, width = segmentation.original_size
    wrong = [segment for segment in segments if not _is_usable(segment, height, width)]
    if wrong:
        raise ModelOutputError(
            f'{len(wrong)} of {len(segments)} segments have scores that are not finite, or masks '
            f'without pixels or outside of the image of {width}x{height}; first '
            f'{wrong[0].category!a} in {wrong[0].box_xyxy} with {_scores(wrong[0])}.'
        )
    return segmentation


def check_message(message: SegmentArray) -> SegmentArray:
    """The message itself, if its masks are not larger than ``MAX_RUN_BYTES``.

    Raises:
        ModelOutputError: they are.
    """
    size = 4 * sum(len(segment.mask.counts) for segment in message.segments)
    if size > MAX_RUN_BYTES:
        raise ModelOutputError(
            f'The masks of a frame take {size} bytes; at most {MAX_RUN_BYTES} are published. '
            'Lower max_segments.'
        )
    return message


def _is_usable(segment: Segment, height: int, width: int) -> bool:
    x1, y1, x2, y2 = segment.box_xyxy
    return (
        all(map(math.isfinite, _scores(segment)))
        and 0 <= x1 < x2 <= width
        and 0 <= y1 < y2 <= height
        and segment.mask.shape == (y2 - y1, x2 - x1)
        and bool(segment.mask.any())
    )


def _scores(segment: Segment) -> tuple[float, float, float]:
    return segment.category_score, segment.mask_score, segment.objectness
