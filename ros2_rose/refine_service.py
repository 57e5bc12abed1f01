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
    return FrameAnswer(
        Codes.OK,
        f'{refinement.case.value}: {len(refinement.changed)} changed, '
        f'{len(refinement.removed)} removed.',
        record.corrected(refinement.segmentation),
        segmenter.name,
        refinement.changed,
        refinement.removed,
        is_correction=True,
    )
