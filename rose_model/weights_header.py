"""The header of a safetensors file, checked before the file is mapped.

The library refuses much of this, too, with a cap of 100 MB on the header and without the name of
the tensor; a file of others has to be told in one line, at once, and without memory.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rose_model.errors import CheckpointError

MAX_HEADER = 1 << 20
"""Bytes; ``rose_7b`` needs a quarter."""
MAX_TENSORS = 10_000
_METADATA = '__metadata__'
_LENGTH_BYTES = 8
_DTYPE_BYTES: Mapping[str, int] = {'F16': 2, 'BF16': 2, 'F32': 4}
"""All that weights are stored in."""
_Pairs = list[tuple[str, Any]]


@dataclass(frozen=True)
class StoredTensor:
    """Where a tensor lies in a file: shape, and bytes from ``begin`` to ``end`` of the data."""

    shape: tuple[int, ...]
    begin: int
    end: int


def read_header(path: Path) -> dict[str, StoredTensor]:
    """The tensors of a safetensors file by name.

    Raises:
        CheckpointError: the file cannot be read or has no such header; a tensor is there twice, of
            another type than weights have, or of another size than its bytes; bytes belong to two
            tensors or to none.
    """
    size, header = _read(path)
    try:
        content = json.loads(header, object_pairs_hook=_without_duplicates)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f'{path} is damaged: its header is no JSON: {error}.') from error
    if not isinstance(content, dict):
        raise CheckpointError(f'{path} is damaged: its header is no object.')
    content.pop(_METADATA, None)
    if len(content) > MAX_TENSORS:
        raise CheckpointError(
            f'{path} lists {len(content)} tensors, at most {MAX_TENSORS} may be; it is none of '
            f'ours.'
        )
    tensors = {name: _tensor(path, name, record) for name, record in content.items()}
    _check_gaps(path, tensors, size - _LENGTH_BYTES - len(header))
    return tensors


def _read(path: Path) -> tuple[int, bytes]:
    """The size of a file, and the bytes of its header."""
    try:
        with path.open('rb') as file:
            size = path.stat().st_size
            length = int.from_bytes(file.read(_LENGTH_BYTES), 'little')
            if size < _LENGTH_BYTES or length > size - _LENGTH_BYTES:
                raise CheckpointError(
                    f'{path} is damaged or no safetensors file: it has {size} bytes, its header '
                    f'would have {length}.'
                )
            if length > MAX_HEADER:
                raise CheckpointError(
                    f'{path} has a header of {length} bytes, at most {MAX_HEADER} may be; it is '
                    f'none of ours.'
                )
            return size, file.read(length)
    except OSError as error:
        raise CheckpointError(f'{path} cannot be read: {error.strerror}.') from error


def _without_duplicates(pairs: _Pairs) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f'{twice!r} is there twice')
    return content


def _tensor(path: Path, name: str, record: object) -> StoredTensor:
    known = record if isinstance(record, dict) else {}
    dtype = known.get('dtype')
    if not isinstance(dtype, str) or dtype not in _DTYPE_BYTES:
        raise CheckpointError(
            f'{path}: tensor {name[:80]!r} is of type {str(dtype)[:20]}, weights are '
            f'{", ".join(_DTYPE_BYTES)}.'
        )
    shape, place = _counts(known.get('shape')), _counts(known.get('data_offsets'))
    if shape is None or place is None or len(place) != 2:
        raise CheckpointError(f'{path} is damaged: tensor {name[:80]!r} has no shape or place.')
    begin, end = place
    needed = math.prod(shape) * _DTYPE_BYTES[dtype]
    if end - begin != needed:
        raise CheckpointError(
            f'{path} is damaged: tensor {name[:80]!r} of {needed} bytes lies from {begin} to '
            f'{end}.'
        )
    return StoredTensor(shape, begin, end)


def _counts(value: object) -> tuple[int, ...] | None:
    """The numbers in a list of them from 0 on; ``None`` for anything else."""
    if not isinstance(value, list) or any(type(item) is not int or item < 0 for item in value):
        return None
    return tuple(value)


def _check_gaps(path: Path, tensors: Mapping[str, StoredTensor], length: int) -> None:
    """Refuse bytes that belong to two tensors, to none, or lie behind the end."""
    position = 0
    for name, tensor in sorted(tensors.items(), key=lambda item: (item[1].begin, item[1].end)):
        if tensor.begin != position:
            raise CheckpointError(
                f'{path} is damaged: tensor {name[:80]!r} begins at {tensor.begin}, the one '
                f'before it ends at {position}.'
            )
        position = tensor.end
    if position != length:
        raise CheckpointError(
            f'{path} is damaged: its tensors have {position} bytes, the file {length}.'
        )
