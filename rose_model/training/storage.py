"""Folders that are there whole or not at all, and files whose damage is found.

A folder is written under a provisional name.  Its manifest, with size and sha256 of every file,
comes last; everything is flushed to the disk before the folder gets its own name.  So whatever
kills the writer, a folder that has its name is complete, and what was changed later is seen.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from rose_model.errors import CheckpointError, StorageError

MANIFEST_FILE = 'manifest.json'
PARTIAL = '.partial'
"""Suffix of a folder that is being written or removed; what carries it counts for nothing."""
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_SPARE_BYTES = 2**20


class FileRecord(BaseModel):
    """What a file must be: its size in bytes and its sha256 in hex."""

    model_config = ConfigDict(frozen=True, extra='forbid')

    size: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern='^[0-9a-f]{64}$')]


class Manifest(BaseModel):
    """The files of a folder by name."""

    model_config = ConfigDict(frozen=True, extra='forbid')

    files: dict[str, FileRecord]

    def encode(self) -> bytes:
        """The only accepted form on the disk, so that any changed byte of it is noticed."""
        return (json.dumps(self.model_dump(), indent=1, sort_keys=True) + '\n').encode()


@contextmanager
def said_if_full(folder: Path) -> Iterator[None]:
    """Turn the system's refusal to take more bytes into ``StorageError``."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        # safetensors writes by itself and hands on the system's words, but not its number
        full = [number for number in _FULL if f'os error {number}' in str(error)]
        if isinstance(error, OSError) and error.errno not in _FULL:
            raise
        if not isinstance(error, OSError) and not full:
            raise
        free = shutil.disk_usage(folder).free
        raise StorageError(
            f'{folder} takes no more bytes ({error}); {free / 1e6:.0f} MB are free on its disk. '
            f'Make room, then resume with --resume.'
        ) from error


def require_space(folder: Path, needed: int) -> None:
    """Raises ``StorageError`` unless ``folder``'s disk has room for ``needed`` bytes."""
    free = shutil.disk_usage(folder).free
    if free < needed + _SPARE_BYTES:
        raise StorageError(
            f'{folder}: a checkpoint needs {needed / 1e6:.1f} MB, {free / 1e6:.1f} MB are free. '
            f'Make room, then resume with --resume.'
        )


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write a safetensors file and flush it to the disk."""
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)
    flush(path)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file, in memory of their own.

    Raises:
        CheckpointError: the file is missing or no safetensors file.
    """
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f'{path} is missing or no safetensors file: {error}.') from error


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file and flush it to the disk."""
    with path.open('wb') as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def replace_file(path: Path, content: bytes) -> None:
    """Put a file in place of what is there, all at once."""
    partial = path.with_name(path.name + PARTIAL)
    with said_if_full(path.parent):
        write_bytes(partial, content)
        partial.replace(path)
        flush(path.parent)


def seal(partial: Path, target: Path) -> None:
    """Give a written folder its manifest and its name; an older one of that name goes first."""
    files = {path.name: _measure(path) for path in sorted(partial.iterdir())}
    write_bytes(partial / MANIFEST_FILE, Manifest(files=files).encode())
    flush(partial)
    if target.exists():
        shutil.rmtree(target)
    partial.replace(target)
    flush(target.parent)


def verify(folder: Path) -> None:
    """Compare every file of a sealed folder with the manifest.

    Raises:
        CheckpointError: a file is missing, was changed, or is none of the folder's; it is named.
    """
    manifest = _read_manifest(folder / MANIFEST_FILE)
    found = {path.name for path in folder.iterdir()} - {MANIFEST_FILE}
    for name, record in manifest.files.items():
        if name not in found:
            raise CheckpointError(f'{folder / name} is missing.')
        size = (folder / name).stat().st_size
        if size != record.size:
            raise CheckpointError(f'{folder / name} has {size} bytes, written were {record.size}.')
        if _measure(folder / name) != record:
            raise CheckpointError(f'{folder / name} is damaged: its sha256 differs.')
    if unknown := sorted(found - manifest.files.keys()):
        raise CheckpointError(f'{folder / unknown[0]} is not in {MANIFEST_FILE}.')


def discard(folder: Path) -> None:
    """Remove a folder; a crash on the way leaves only what counts for nothing."""
    partial = folder.with_name(folder.name + PARTIAL)
    if partial.exists():
        shutil.rmtree(partial)
    folder.replace(partial)
    shutil.rmtree(partial)


def flush(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read_manifest(path: Path) -> Manifest:
    try:
        content = path.read_bytes()
        manifest = Manifest.model_validate_json(content)
    except (OSError, ValidationError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(f'{path} is missing or damaged: {reason}.') from error
    if manifest.encode() != content:
        raise CheckpointError(f'{path} is damaged: its bytes are not as they were written.')
    return manifest


def _measure(path: Path) -> FileRecord:
    with path.open('rb') as file:
        digest = hashlib.file_digest(file, 'sha256').hexdigest()
    return FileRecord(size=path.stat().st_size, sha256=digest)
