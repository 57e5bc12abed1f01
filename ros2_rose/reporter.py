"""Gathers what the parts of the node know of themselves and publishes it on ``/diagnostics``."""

from __future__ import annotations

from collections.abc import Mapping

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.node import Node

from ros2_rose import diagnostics
from ros2_rose.camera_inbox import CameraCounts
from ros2_rose.camera_watch import NOT_LISTENING
from ros2_rose.cameras import Cameras
from ros2_rose.frame_service import RequestService
from ros2_rose.pipeline import Pipeline
from ros2_rose.resources import read_resources


class Reporter:
    """Exists as long as the node; ``services`` by their names."""

    def __init__(self, node: Node, services: Mapping[str, RequestService]) -> None:
        self._clock = node.get_clock()
        self._services = services
        self._rates = diagnostics.RateMeter()
        self._publisher = node.create_publisher(DiagnosticArray, '/diagnostics', 10)

    def publish(
        self, pipeline: Pipeline | None, cameras: Cameras | None, device: str, failure: str
    ) -> None:
        """Publish a status of each part.  ``device``: of the model.  ``failure``: why there is no
        pipeline, if it failed.
        """
        statuses = [
            diagnostics.service_status(name, service.counts)
            for name, service in self._services.items()
        ]
        if pipeline is None:
            statuses.append(diagnostics.no_model_status(failure))
        else:
            statuses += self._pipeline_statuses(pipeline, cameras, device)
        message = DiagnosticArray(
            status=[*statuses, diagnostics.resources_status(read_resources())]
        )
        message.header.stamp = self._clock.now().to_msg()
        self._publisher.publish(message)

    def _pipeline_statuses(
        self, pipeline: Pipeline, cameras: Cameras | None, device: str
    ) -> list[DiagnosticStatus]:
        counts = pipeline.inbox.counts()
        processed = sum(camera.processed for camera in counts.values())
        worker = pipeline.worker
        statuses = [
            diagnostics.model_status(
                worker.state, worker.failure or worker.progress, pipeline.model_name, device
            ),
            *(self._camera_status(name, counts[name], cameras) for name in counts),
            diagnostics.output_status(
                pipeline.latency.summary(),
                processed,
                pipeline.deadline.counts(),
                pipeline.unmapped.summary(),
                self._rates,
            ),
        ]
        if pipeline.correction_log is not None:
            statuses.append(diagnostics.log_status(pipeline.correction_log.counts))
        return statuses

    def _camera_status(
        self, name: str, counts: CameraCounts, cameras: Cameras | None
    ) -> DiagnosticStatus:
        health = NOT_LISTENING if cameras is None else cameras.health(name)
        lost = 0 if cameras is None else cameras.lost(name)
        return diagnostics.camera_status(name, health, counts, lost, self._rates)
