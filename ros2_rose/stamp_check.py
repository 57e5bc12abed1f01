"""Is the stamp of an image a time?"""

from __future__ import annotations

from typing import Any

from ros2_rose.bad_image import BadImageError, BadImageReason

NANOSECONDS = 1_000_000_000


def check_stamp(stamp: Any) -> None:  # noqa: ANN401 - a message of ROS, or one from a recording
    """Refuse what is no time.

    Zero is no stamp, and right.  ``rclcpp::Time`` of every listener in C++ throws on a negative
    one, and a stamp of too many nanoseconds equals another one that is written otherwise.

    Raises:
        BadImageError: says so.
    """
    if stamp.sec < 0 or stamp.nanosec >= NANOSECONDS:
        raise BadImageError(
            BadImageReason.STAMP,
            f'The stamp must be of sec >= 0 and nanosec < {NANOSECONDS}, got sec {stamp.sec} and '
            f'nanosec {stamp.nanosec}.',
        )
