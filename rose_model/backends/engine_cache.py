"""Engines of earlier runs, by all that they depend on.

What is damaged is made anew with a warning; a folder that cannot be written costs the storing
only.  While one process builds an engine, others that want the same one wait for it.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from rose_model.backends.sealed_file import DamagedFileError, read_sealed, write_sealed
from rose_model.errors import ConfigError

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class EngineKey:
    """All that an engine depends on.

    ``sums``: sha256 of the graph and of its weights.  ``profile``: least, usual and most prompts.
    """

    graph: str
    sums: tuple[str, str]
    tensorrt: str
    gpu: str
    compute_capability: tuple[int, int]
    profile: tuple[int, int, int]
    level: int
    workspace_bytes: int

    @property
    def file_name(self) -> str:
        """The name of the engine's file."""
        encoded = json.dumps(asdict(self), sort_keys=True).encode()
        return f'{self.graph}-{hashlib.sha256(encoded).hexdigest()[:32]}.engine'

    @property
    def timing_file_name(self) -> str:
        """The name of the timing cache's file: it holds for a GPU and a version of TensorRT."""
        encoded = json.dumps([self.tensorrt, self.gpu, self.compute_capability]).encode()
        return f'timing-{hashlib.sha256(encoded).hexdigest()[:32]}.cache'


def default_cache_folder() -> Path:
    """``rose_model/engines`` in the user's folder for caches.

    Raises:
        ConfigError: the user has no home folder.
    """
    base = os.environ.get('XDG_CACHE_HOME')
    try:
        return Path(base or Path.home() / '.cache') / 'rose_model' / 'engines'
    except RuntimeError as error:
        raise ConfigError(
            'There is no home folder for the cache of engines; name one (engine_cache).'
        ) from error


class EngineCache:
    """A folder of engines and timing caches."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, name: str) -> bytes | None:
        """What was stored under that name; ``None`` if nothing was, or it is damaged."""
        try:
            return read_sealed(self._folder / name)
        except DamagedFileError as error:
            _logger.warning('%s; it is made anew.', error)
        except OSError as error:
            _logger.warning('%s cannot be read (%s).', self._folder / name, error.strerror)
        return None

    def write(self, name: str, content: bytes) -> None:
        """Store it, as far as the folder lets us."""
        try:
            write_sealed(self._folder / name, content)
        except OSError as error:
            _logger.warning(
                '%s cannot be stored (%s): the next start has to make it again.',
                self._folder / name,
                error.strerror,
            )

    @contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """Hold that name; the system lets go of it when the process ends, however it ends."""
        with ExitStack() as stack:
            try:
                self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                file = stack.enter_context((self._folder / f'{name}.lock').open('a'))
                _wait_for(file.fileno(), name)
            except OSError as error:
                _logger.warning(
                    'The cache of engines %s cannot be written (%s): each start builds anew.',
                    self._folder,
                    error.strerror,
                )
            yield


def _wait_for(descriptor: int, name: str) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        _logger.info('Another process makes %s; waiting for it.', name)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
