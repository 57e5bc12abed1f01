"""The subscription of one camera, which follows what its publishers offer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.qos import ReliabilityPolicy
from rclpy.subscription import Subscription
from sensor_msgs.msg import CompressedImage, Image

from ros2_rose import qos
from ros2_rose.parameters import CameraParameters

ImageMessage: TypeAlias = Image | CompressedImage


class CameraSubscription:
    """Calls ``on_image(camera, message)`` for every image until it is closed."""

    def __init__(
        self,
        node: Node,
        name: str,
        camera: CameraParameters,
        on_image: Callable[[str, ImageMessage], None],
    ) -> None:
        self._node = node
        self._name = name
        self._setting = camera.reliability
        self._type = CompressedImage if camera.transport == 'compressed' else Image
        # Remapping speaks of the raw topic, as it does for image_transport.
        base = node.resolve_topic_name(camera.topic)
        self.topic = f'{base}/compressed' if camera.transport == 'compressed' else base
        self._on_image = on_image
        self._reliability = self._wanted()
        self._subscription = self._subscribe()

    @property
    def is_reliable(self) -> bool:
        """True if the images are asked for reliably."""
        return self._reliability == ReliabilityPolicy.RELIABLE

    def follow_publishers(self) -> bool:
        """Subscribe again if the publishers now call for another reliability; True if so."""
        wanted = self._wanted()
        if wanted == self._reliability:
            return False
        self._node.destroy_subscription(self._subscription)
        self._reliability = wanted
        self._subscription = self._subscribe()
        return True

    def close(self) -> None:
        """Stop listening."""
        self._node.destroy_subscription(self._subscription)

    def _wanted(self) -> ReliabilityPolicy:
        offers = [
            publisher.qos_profile.reliability
            for publisher in self._node.get_publishers_info_by_topic(self.topic)
        ]
        return qos.choose_reliability(self._setting, offers)

    def _subscribe(self) -> Subscription:
        return self._node.create_subscription(
            self._type,
            self.topic,
            lambda message: self._on_image(self._name, message),
            qos.images(self._reliability),
            # With "auto" a mismatch lasts until follow_publishers() is called; no warning about
            # it.
            event_callbacks=SubscriptionEventCallbacks(
                use_default_callbacks=self._setting != 'auto'
            ),
            qos_overriding_options=qos.image_overrides(),
        )
