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


def segments() -> QoSProfile:
    """Small, and a corrected frame that is published again must not be lost."""
    return _keep_last(5, ReliabilityPolicy.RELIABLE)


def pictures() -> QoSProfile:
    """For whoever looks at the newest frame; a reliable publisher serves every subscriber."""
    return _keep_last(1, ReliabilityPolicy.RELIABLE)


def images(reliability: ReliabilityPolicy) -> QoSProfile:
    """Sensor data (REP 2003) with depth 1: an older image than the newest is of no use."""
    return _keep_last(1, reliability)


def choose_reliability(
    setting: Literal['auto', 'reliable', 'best_effort'], offers: Iterable[ReliabilityPolicy]
) -> ReliabilityPolicy:
    """What to ask of the publishers of an image topic.

    ``auto`` asks for reliable delivery while every publisher offers it, also while there is none:
    with best effort the default settings of Fast DDS lose nearly every image above 0.5 MB.
    """
    if setting == 'auto':
        is_reliable = all(offer == ReliabilityPolicy.RELIABLE for offer in offers)
    else:
        is_reliable = setting == 'reliable'
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
