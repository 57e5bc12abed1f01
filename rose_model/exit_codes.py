"""How a command ends after an error: one line of text and an exit code.

0 done, 1 failed, 2 usage or configuration, 3 picture or data, 4 model folder, 5 out of memory or
room, 130 and 143 after SIGINT and SIGTERM.
"""

from __future__ import annotations

from torch import OutOfMemoryError

from rose_model.errors import (
    CheckpointError,
    ConfigError,
    DataError,
    ImageError,
    InvalidRequestError,
    NoSuchSegmentError,
    RoseError,
    StorageError,
    TextEmptyError,
    TextTooLongError,
)

EXIT_FAILED, EXIT_USAGE, EXIT_DATA, EXIT_CHECKPOINT, EXIT_RESOURCES = 1, 2, 3, 4, 5
EXIT_INTERRUPTED, EXIT_TERMINATED = 130, 143

_EXIT_CODES: tuple[tuple[type[BaseException], int], ...] = (
    (ConfigError, EXIT_USAGE),
    (TextEmptyError, EXIT_USAGE),
    (TextTooLongError, EXIT_USAGE),
    (InvalidRequestError, EXIT_USAGE),
    (NoSuchSegmentError, EXIT_USAGE),
    (ImageError, EXIT_DATA),
    (DataError, EXIT_DATA),
    (CheckpointError, EXIT_CHECKPOINT),
    (StorageError, EXIT_RESOURCES),
    (RoseError, EXIT_FAILED),
    (OutOfMemoryError, EXIT_RESOURCES),
    (MemoryError, EXIT_RESOURCES),
)

KNOWN_ERRORS = tuple(kind for kind, _ in _EXIT_CODES)
"""What is told in one line; anything else is a defect and keeps its traceback."""


def exit_code(error: BaseException) -> int:
    """The exit code for one of ``KNOWN_ERRORS``; the first kind that fits counts."""
    return next(code for kind, code in _EXIT_CODES if isinstance(error, kind))


def one_line(error: BaseException) -> str:
    """The message of an error on one line, or its kind where it has none."""
    return ' '.join(str(error).split()) or type(error).__name__
