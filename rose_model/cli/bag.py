"""``rose bag``: hands over to ``ros2_rose.offline``; the model itself never loads the ROS side."""

from __future__ import annotations

import importlib.util
import os
import sys

import typer

from rose_model.errors import ConfigError

PASS_ON = {'allow_extra_args': True, 'ignore_unknown_options': True}
"""What typer needs to leave the arguments as they are."""

_NEEDED = {
    'ros2_rose': 'build the workspace and source it, or pip install the project again',
    'rosbags': 'pip install rosbags',
}


def bag(context: typer.Context) -> None:
    """Segment every image of rosbag2 or MCAP recordings: rose bag IN... OUT, without ROS."""
    for package, cure in _NEEDED.items():
        if importlib.util.find_spec(package) is None:
            raise ConfigError(f'rose bag needs the package {package}, which is absent; {cure}.')
    debug = ['--debug'] if context.find_root().params.get('debug') else []
    command = [sys.executable, '-m', 'ros2_rose.offline', *debug, *context.args]
    sys.stdout.flush()
    os.execv(sys.executable, command)  # noqa: S606 - our own module; signals and exit code are its own
