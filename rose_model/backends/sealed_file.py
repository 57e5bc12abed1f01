"""Files that come at once, and whose damage is found: their content behind its sha256."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

_MAGIC = b'rose sealed file 1\n'
_HEAD = len(_MAGIC) + hashlib.sha256().digest_size


class DamagedFileError(Exception):
    """The file is not what was written."""


def read_sealed(path: Path) -> bytes | None:
    """What was written, or ``None`` if there is no such file.

    Raises:
        DamagedFileError: it is empty, cut, or changed in any bit.
        OSError: it cannot be read.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return None
    content = raw[_HEAD:]
    if raw[:_HEAD] != _MAGIC + hashlib.sha256(content).digest():
        raise DamagedFileError(f'{path} is damaged ({len(raw)} bytes, its sum differs)')
    return content


def write_sealed(path: Path, content: bytes) -> None:
    """Put ``content`` in place of what is there, all at once; readers see the old or the new.

    Raises:
        OSError: the disk is full or does not let us; what is there stays.
    """
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix='.partial')
    try:
        with os.fdopen(descriptor, 'wb') as file:
            file.write(_MAGIC + hashlib.sha256(content).digest())
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
