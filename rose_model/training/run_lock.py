"""One trainer a folder: the lock that a second one runs into."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rose_model.errors import ConfigError

LOCK_FILE = 'run.lock'
_held: set[int] = set()


@contextmanager
def run_lock(folder: Path) -> Iterator[None]:
    """Hold the folder; the system lets go of it when the process ends, however it ends.

    Raises:
        ConfigError: another process holds it.
    """
    descriptor = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _take(descriptor, folder)
        _held.add(descriptor)
        yield
        fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
        _held.discard(descriptor)
        os.close(descriptor)


def _take(descriptor: int, folder: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.read(descriptor, 32).decode(errors='replace').strip()
        raise ConfigError(
            f'{folder} is in use by another training run (process {owner or "unknown"}); wait '
            f'for it, or choose another folder with --out.'
        ) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f'{os.getpid()}\n'.encode(), 0)


def _let_go_in_child() -> None:
    """A data worker would otherwise hold the folder a while after its trainer was killed."""
    for descriptor in _held:
        os.close(descriptor)
    _held.clear()


os.register_at_fork(after_in_child=_let_go_in_child)
