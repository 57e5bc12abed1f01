"""Can logs be written to their folder?  Without it ROS does not start."""

from __future__ import annotations

import os
import tempfile

from rclpy.logging import get_logging_directory

CONSOLE_ONLY = ['--ros-args', '--disable-external-lib-logs', '--']
"""Arguments with which ROS logs to the console and ``/rosout`` only."""


def fault_of_log_folder() -> str:
    """Why no file can be written in the folder of the logs; empty if one can."""
    folder = get_logging_directory()
    try:
        os.makedirs(folder, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(4096))
    except OSError as error:
        return f'{folder}: {error.strerror}'
    return ''
