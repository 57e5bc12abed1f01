"""The service ``~/refine``: corrections of published frames, by a sentence."""

from __future__ import annotations

from functools import partial
from typing import Any

from rclpy.node import Node

from ros2_rose.conversions import RefineArguments, refine_arguments
from ros2_rose.frame_job import Codes, FrameAnswer
from ros2_rose.frame_service import FrameRequest, FrameService
from ros2_rose.history import FrameRecord
from ros2_rose.srv import Refine
from ros2_rose.worker import Segmenter
from rose_model.records import RefinementCase
from rose_model.refinement import check_text


class RefineService(FrameService):
    """Corrects one segment of a frame, or adds one that was missed."""

    def __init__(self, node: Node) -> None:
        super().__init__(node, Refine, '~/refine')

    def _read(self, request: Refine.Request) -> FrameRequest:
        check_text(request.text)
        arguments = refine_arguments(request)
        return FrameRequest(partial(_refine, arguments), arguments.segment_id, request.publish)

    def _fill(self, response: Any, answer: FrameAnswer) -> None:  # noqa: ANN401
        super()._fill(response, answer)
        response.removed_ids = list(answer.removed)


def _refine(arguments: RefineArguments, segmenter: Segmenter, record: FrameRecord) -> FrameAnswer:
    refinement = segmenter.refine(
        record.segmentation,
        arguments.text,
        segment_id=arguments.segment_id,
        target=arguments.target,
        points=arguments.points,
    )
    stays = arguments.for_track and refinement.case is RefinementCase.CATEGORY
    return FrameAnswer(
        Codes.OK,
        f'{refinement.case.value}: {len(refinement.changed)} changed, '
        f'{len(refinement.removed)} removed.{_told(arguments.for_track, stays)}',
        record.corrected(refinement.segmentation),
        segmenter.name,
        refinement.changed,
        refinement.removed,
        is_correction=True,
        stays=stays,
    )


def _told(for_track: bool, stays: bool) -> str:
    if not for_track:
        return ''
    return (
        ' The label stays with the object.'
        if stays
        else ' It holds for this frame only: of a correction just the label can stay.'
    )
