"""What long work says of itself: who wants to hear it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def heard_by(handler: logging.Handler) -> Iterator[None]:
    """While it lasts, what ``rose_model`` logs as information or more goes to ``handler``, too."""
    source = logging.getLogger('rose_model')
    level = source.level
    source.setLevel(logging.INFO)
    source.addHandler(handler)
    try:
        yield
    finally:
        source.removeHandler(handler)
        source.setLevel(level)
