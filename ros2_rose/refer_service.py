"""The service ``~/refer``: one thing in a published frame, by a description."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from rclpy.node import Node

from ros2_rose.frame_job import Codes, FrameAnswer
from ros2_rose.frame_service import FrameRequest, FrameService
from ros2_rose.history import FrameRecord
from ros2_rose.session_memory import SessionMemory
from ros2_rose.srv import Refer
from ros2_rose.worker import Segmenter
from rose_model.errors import NotUnderstoodError
from rose_model.records import Segment, Segmentation
from rose_model.refinement import check_text
from rose_model.write_back import segment_iou

SAME_IOU = 0.5
"""From here on the answer is a segment that the frame has already; the usual bound of a match."""


class ReferService(FrameService):
    """Finds what a description means; changes nothing."""

    def __init__(self, node: Node) -> None:
        super().__init__(node, Refer, '~/refer')

    def _read(self, request: Refer.Request) -> FrameRequest:
        return FrameRequest(partial(_refer, check_text(request.description, 'description')))


def _refer(
    description: str, memory: SessionMemory, segmenter: Segmenter, record: FrameRecord
) -> FrameAnswer:
    referred = segmenter.refer(record.segmentation.context, description)
    if not referred.segments:
        raise NotUnderstoodError(
            f'Nothing in the image answers to {description[:64]!r}; describe it in other words.'
        )
    found = referred.segments[0]
    same_id = _same_id(record.segmentation, found)
    where = f'segment {same_id!r} of the frame' if same_id else 'which the frame has not'
    return FrameAnswer(
        Codes.OK,
        f'Found {found.category!r}, {where}.',
        replace(record, segmentation=referred, candidates=()),
        segmenter.name,
        (replace(found, id=same_id),),
    )


def _same_id(frame: Segmentation, found: Segment) -> str:
    """The id of the frame's segment that lies where the found one does; empty if none does.

    The model knows nothing of the frame's ids, and one that it made up would name another segment
    in a later correction.
    """
    best = max(frame.segments, key=lambda segment: segment_iou(segment, found), default=None)
    return best.id if best is not None and segment_iou(best, found) >= SAME_IOU else ''
