"""The subscription of one camera, which follows what its publishers offer and watches them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeAlias

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.event_handler import (
    QoSMessageLostInfo,
    SubscriptionEventCallbacks,
    UnsupportedEventTypeError,
)
from rclpy.node import Node
from rclpy.qos import ReliabilityPolicy
from rclpy.subscription import Subscription
from sensor_msgs.msg import CompressedImage, Image

from ros2_rose import qos
from ros2_rose.camera_watch import CameraWatch, Health
from ros2_rose.parameters import CameraParameters
from ros2_rose.silence import Demand, Offer, explain_loss, explain_silence, mismatches

ImageMessage: TypeAlias = Image | CompressedImage

_IMAGE_TYPES = {
    Image: 'sensor_msgs/msg/Image',
    CompressedImage: 'sensor_msgs/msg/CompressedImage',
}


class CameraSubscription:
    """Calls ``on_image(camera, message)`` for every image until it is closed."""

    def __init__(
        self,
        node: Node,
        name: str,
        camera: CameraParameters,
        timeout_s: float,
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
        self.watch = CameraWatch(camera, timeout_s, time.monotonic())
        self.lost = 0
        self._offers = self._look()
        self._reliability = self._wanted()
        self._subscription = self._subscribe()

    @property
    def is_reliable(self) -> bool:
        """True if the images are asked for reliably."""
        return self._reliability == ReliabilityPolicy.RELIABLE

    def follow_publishers(self) -> bool:
        """Subscribe again if the publishers now call for another reliability; True if so."""
        self._offers = self._look()
        wanted = self._wanted()
        if wanted == self._reliability:
            return False
        self._node.destroy_subscription(self._subscription)
        self._reliability = wanted
        self._subscription = self._subscribe()
        return True

    def health(self) -> Health:
        """How the camera is, and why."""
        health = self.watch.health(time.monotonic(), self._explain)
        unheard = mismatches(self._demand, self._offers)
        if health.level != DiagnosticStatus.ERROR and unheard:
            return Health(DiagnosticStatus.ERROR, '; '.join(unheard))
        if health.level == DiagnosticStatus.OK and len(self._offers) > 1:
            names = ', '.join(offer.node for offer in self._offers)
            return Health(DiagnosticStatus.WARN, f'several nodes publish {self.topic}: {names}')
        return health

    def close(self) -> None:
        """Stop listening."""
        self._node.destroy_subscription(self._subscription)

    @property
    def _demand(self) -> Demand:
        return Demand(self.topic, _IMAGE_TYPES[self._type], self.is_reliable)

    def _look(self) -> list[Offer]:
        return [
            Offer(
                f'{publisher.node_namespace.rstrip("/")}/{publisher.node_name}',
                publisher.topic_type,
                publisher.qos_profile.reliability == ReliabilityPolicy.RELIABLE,
            )
            for publisher in self._node.get_publishers_info_by_topic(self.topic)
        ]

    def _explain(self) -> str:
        own = f'{self._node.get_fully_qualified_name()}/'
        others = {
            topic: types[0]
            for topic, types in self._node.get_topic_names_and_types()
            if types[0] in _IMAGE_TYPES.values()
            and topic != self.topic
            and not topic.startswith(own)
            and self._node.count_publishers(topic)
        }
        return explain_silence(self._demand, self._offers, others)

    def _wanted(self) -> ReliabilityPolicy:
        return qos.choose_reliability(self._setting, [offer.is_reliable for offer in self._offers])

    def _subscribe(self) -> Subscription:
        # health() tells of publishers that cannot be heard; the default callbacks would tell of
        # those, too, that follow_publishers() is about to follow.
        try:
            return self._subscribe_with(
                SubscriptionEventCallbacks(message_lost=self._on_lost, use_default_callbacks=False)
            )
        except UnsupportedEventTypeError:  # a middleware that does not say what it loses
            return self._subscribe_with(SubscriptionEventCallbacks(use_default_callbacks=False))

    def _subscribe_with(self, events: SubscriptionEventCallbacks) -> Subscription:
        return self._node.create_subscription(
            self._type,
            self.topic,
            lambda message: self._on_image(self._name, message),
            qos.images(self._reliability),
            event_callbacks=events,
            qos_overriding_options=qos.image_overrides(),
        )

    def _on_lost(self, lost: QoSMessageLostInfo) -> None:
        self.lost += lost.total_count_change
        self.watch.lost(lost.total_count_change, explain_loss(self.is_reliable))
