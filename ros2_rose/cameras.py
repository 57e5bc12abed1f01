"""All cameras of the node while it listens: who is well, and who has just changed."""

from __future__ import annotations

import time
from collections.abc import Callable

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node

from ros2_rose.arguments import without_place
from ros2_rose.camera_subscription import CameraSubscription, ImageMessage
from ros2_rose.camera_watch import NOT_LISTENING, Health
from ros2_rose.one_line import one_line
from ros2_rose.parameters import ParameterError, RoseParameters


def check_topics(node: Node, parameters: RoseParameters) -> None:
    """Refuse names that are no topics, and two cameras of one topic: every image would come twice.

    Names are compared as the node hears them: ``image`` and ``/image`` may be one topic, and so
    may be two that are remapped.  The raw and the compressed topic of one camera count as one.

    Raises:
        ParameterError: names the camera, and why its topic cannot be used.
    """
    users: dict[str, str] = {}
    for name, camera in parameters.cameras.items():
        try:
            base = node.resolve_topic_name(camera.topic)
        except rclpy_implementation.RCLError as error:
            raise ParameterError(
                f'cameras.{name}.topic: {camera.topic!r} cannot be used, {without_place(error)}.'
            ) from error
        heard = f'{base}/compressed' if camera.transport == 'compressed' else base
        for topic in {base, heard}:
            other = users.setdefault(topic, name)
            if other != name:
                raise ParameterError(
                    f'cameras.{name}.topic and cameras.{other}.topic must differ, both are '
                    f'{topic}.'
                )


class Cameras:
    """Calls ``on_image(camera, message)`` for every image until it is closed.

    ``on_image`` gives the reason why an image cannot be used, or an empty text.
    """

    def __init__(
        self,
        node: Node,
        parameters: RoseParameters,
        on_image: Callable[[str, ImageMessage], str],
    ) -> None:
        self._logger = node.get_logger()
        self._on_image = on_image
        self._cameras = {
            name: CameraSubscription(node, name, camera, parameters.input_timeout_s, self._take)
            for name, camera in parameters.cameras.items()
        }
        self._levels = dict.fromkeys(self._cameras, NOT_LISTENING.level)

    @property
    def topics(self) -> list[str]:
        """What is listened to."""
        return [camera.topic for camera in self._cameras.values()]

    def health(self, name: str) -> Health:
        """How a camera is, and why."""
        return self._cameras[name].health()

    def lost(self, name: str) -> int:
        """Images that the middleware says it lost since the node listens."""
        return self._cameras[name].lost

    def turned_out_bad(self, name: str, reason: str) -> None:
        """An image of the camera that seemed usable could not be decoded; from any thread."""
        self._cameras[name].watch.turned_out_bad(reason)

    def look(self) -> bool:
        """Follow the publishers, log which camera is better or worse; true if any is."""
        has_changed = False
        for name, camera in self._cameras.items():
            if camera.follow_publishers():
                word = 'reliably' if camera.is_reliable else 'with best effort'
                self._logger.info(f'Listening to {camera.topic} {word}, as it is offered.')
            health = camera.health()
            if health.level != self._levels[name]:
                self._levels[name] = health.level
                self._log(name, health)
                has_changed = True
        return has_changed

    def close(self) -> None:
        """Stop listening."""
        for camera in self._cameras.values():
            camera.close()

    def _take(self, name: str, message: ImageMessage) -> None:
        refusal = self._on_image(name, message)
        self._cameras[name].watch.arrived(time.monotonic(), refusal)

    def _log(self, name: str, health: Health) -> None:
        line = one_line(f'Camera {name!r}: {health.text}.')
        if health.level == DiagnosticStatus.ERROR:
            self._logger.error(line)
        elif health.level == DiagnosticStatus.WARN:
            self._logger.warning(line)
        else:
            self._logger.info(line)
