"""What long work says of itself, as lines on the standard error output."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def progress_lines() -> Iterator[None]:
    """While it lasts, what ``rose_model`` logs can be read by whoever ran the command."""
    source, handler = logging.getLogger('rose_model'), logging.StreamHandler()
    level = source.level
    source.setLevel(logging.INFO)
    source.addHandler(handler)
    try:
        yield
    finally:
        source.removeHandler(handler)
        source.setLevel(level)
