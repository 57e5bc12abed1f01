"""Quality of service of every stream, with its reason."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from rclpy.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    QoSPolicyKind,
    QoSProfile,
    ReliabilityPolicy,
)
from rclpy.qos_overriding_options import QoSOverridingOptions

IMAGE_QUEUE = 10  # a second at 10 Hz
REQUEST_QUEUE = 1000


def segments() -> QoSProfile:
    """Small, and a corrected frame that is published again must not be lost."""
    return _keep_last(5, ReliabilityPolicy.RELIABLE)


def pictures() -> QoSProfile:
    """For whoever looks at the newest frame; a reliable publisher serves every subscriber."""
    return _keep_last(1, ReliabilityPolicy.RELIABLE)


def requests() -> QoSProfile:
    """Room for all clients that may ask at once: each request gets its answer, if only ``BUSY``.

    With the usual depth of 10, 40 of 50 clients that asked in the same moment waited for ever.
    """
    return _keep_last(REQUEST_QUEUE, ReliabilityPolicy.RELIABLE)


def label_info() -> QoSProfile:
    """As ``vision_msgs`` asks: who comes late gets the last one at once."""
    profile = _keep_last(1, ReliabilityPolicy.RELIABLE)
    profile.durability = DurabilityPolicy.TRANSIENT_LOCAL
    return profile


def images(reliability: ReliabilityPolicy) -> QoSProfile:
    """Sensor data (REP 2003), with a queue that the executor empties at once.

    The newest image wins in the inbox, where drops are counted.  With depth 1 the middleware makes
    the choice, and on a busy processor 2 of 101 images were gone that no counter knew of.
    """
    return _keep_last(IMAGE_QUEUE, reliability)


def choose_reliability(
    setting: Literal['auto', 'reliable', 'best_effort'], offers: Iterable[bool]
) -> ReliabilityPolicy:
    """What to ask of the publishers of an image topic; ``offers``: whether each is reliable.

    ``auto`` asks for reliable delivery while every publisher offers it, also while there is none:
    with best effort the default settings of Fast DDS lose nearly every image above 0.5 MB.
    """
    is_reliable = all(offers) if setting == 'auto' else setting == 'reliable'
    return ReliabilityPolicy.RELIABLE if is_reliable else ReliabilityPolicy.BEST_EFFORT


def image_overrides() -> QoSOverridingOptions:
    """What ``qos_overrides`` parameters may change of an image subscription.

    Not its reliability, which is a parameter of the camera and may change while the node runs.
    """
    return QoSOverridingOptions((QoSPolicyKind.HISTORY, QoSPolicyKind.DEPTH))


def output_overrides() -> QoSOverridingOptions:
    """What ``qos_overrides`` parameters may change of an output: history, depth, reliability."""
    return QoSOverridingOptions.with_default_policies()


def _keep_last(depth: int, reliability: ReliabilityPolicy) -> QoSProfile:
    """A fresh profile each time: overriding options write into the one they are given."""
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=depth,
        reliability=reliability,
        durability=DurabilityPolicy.VOLATILE,
    )
