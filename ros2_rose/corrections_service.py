"""The service ``~/corrections``: lists the corrections that hold."""

from __future__ import annotations

from rclpy.node import Node

from ros2_rose import qos
from ros2_rose.conversions import correction_to_msg
from ros2_rose.corrections import Query
from ros2_rose.session_memory import SessionMemory
from ros2_rose.srv import Corrections

CODES = Corrections.Response


class CorrectionsService:
    """Exists as long as the node; answers ``NOT_ACTIVE`` outside of a session.

    It reads a list, so it answers at once.
    """

    def __init__(self, node: Node) -> None:
        self._memory: SessionMemory | None = None
        node.create_service(
            Corrections, '~/corrections', self._on_request, qos_profile=qos.requests()
        )

    def open(self, memory: SessionMemory) -> None:
        """List what this memory holds from now on."""
        self._memory = memory

    def close(self) -> None:
        """List nothing any more."""
        self._memory = None

    def _on_request(
        self, request: Corrections.Request, response: Corrections.Response
    ) -> Corrections.Response:
        memory = self._memory
        if memory is None:
            response.code = CODES.NOT_ACTIVE
            response.message = 'Not taken: the node is not active; activate it.'
            return response
        cameras = memory.history.cameras
        if request.camera and request.camera not in cameras:
            response.code = CODES.NO_SUCH_FRAME
            response.message = (
                f'There is no camera {request.camera[:64]!r}; the cameras are '
                f'{", ".join(cameras)}.'
            )
            return response
        held = memory.ledger.held(Query(camera=request.camera))
        response.corrections = [
            correction_to_msg(item, memory.history.has(item.camera, item.stamp_ns))
            for item in held
        ]
        response.success, response.message = True, f'Corrections that hold: {len(held)}.'
        return response
