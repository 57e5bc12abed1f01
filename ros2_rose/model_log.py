"""What the model says while it is being loaded goes to the log of the node."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Protocol

from ros2_rose.one_line import one_line


class Logger(Protocol):
    """What is used of an rclpy logger."""

    def info(self, message: str) -> object:
        """Log a fact."""

    def warning(self, message: str) -> object:
        """Log what calls for a look."""


class ModelLog(logging.Handler):
    """What is logged in the thread that makes it comes out at ``logger``, and ``tell`` hears it,
    too.
    """

    def __init__(self, logger: Logger, tell: Callable[[str], None]) -> None:
        super().__init__(logging.INFO)
        self._logger, self._tell = logger, tell
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        """Pass on what is of that thread."""
        if record.thread != self._thread:
            return
        text = one_line(record.getMessage())
        if record.levelno >= logging.WARNING:
            self._logger.warning(text)
        else:
            self._logger.info(text)
        self._tell(text)
