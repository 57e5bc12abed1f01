"""The arguments of the process: what cannot be used is said in one line."""

from __future__ import annotations

import re
import sys

import rclpy
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.logging import get_logger
from rclpy.utilities import remove_ros_args

from ros2_rose.log_folder import CONSOLE_ONLY, fault_of_log_folder

# Where rcl found the fault: files of the machine that built it.
_PLACE = re.compile(r',? at \S+\.c(?:pp)?:\d+')


class ArgumentError(ValueError):
    """An argument of the process cannot be used."""


def without_place(error: Exception) -> str:
    """What rcl says of an error, without the place in its own source."""
    return _PLACE.sub('', str(error))


def init_ros(args: list[str] | None = None) -> None:
    """Start ROS with these arguments, by default those of the process, its name first.

    Where logs cannot be written to their folder, they go to the console only.

    Raises:
        ArgumentError: one is unknown or cannot be used; ROS itself would pass over whatever does
            not stand behind ``--ros-args``.
    """
    given = sys.argv if args is None else args
    fault = fault_of_log_folder()
    try:
        rclpy.init(args=[*given, *CONSOLE_ONLY] if fault else given)
    except rclpy_implementation.UnknownROSArgsError as error:
        raise ArgumentError(f'ROS has no argument {error}.') from error
    except rclpy_implementation.RCLError as error:
        raise ArgumentError(f'ROS cannot start: {without_place(error)}') from error
    if fault:
        get_logger('rose').warning(
            f'Logs go to the console only, for no file can be written in {fault}. Set ROS_LOG_DIR.'
        )
    foreign = remove_ros_args(given)[1:]
    if foreign:
        raise ArgumentError(
            f'There is no argument {foreign[0]!r}; those of ROS stand behind --ros-args.'
        )
