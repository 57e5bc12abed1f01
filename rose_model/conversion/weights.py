"""Tensors in publishers' files: safetensors in one piece or in shards, and PyTorch's own format.

All are mapped into memory: what is not used is never read.  No file can run code.
"""

from __future__ import annotations

import hashlib
import pickle
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from rose_model.conversion.sources import read_json
from rose_model.errors import CheckpointError

WEIGHTS_FILE = 'model.safetensors'
INDEX_FILE = 'model.safetensors.index.json'
TORCH_FILE = 'pytorch_model.bin'
TORCH_INDEX_FILE = 'pytorch_model.bin.index.json'


def read_safetensors(folder: Path) -> dict[str, Tensor]:
    """The tensors of a folder in the layout of ``transformers``, by their names.

    Raises:
        CheckpointError: a file is missing, damaged, or lacks a tensor that the index promises.
    """
    if (folder / INDEX_FILE).is_file():
        return _read_shards(folder / INDEX_FILE, _read_file)
    if not (folder / WEIGHTS_FILE).is_file():
        raise CheckpointError(
            f'{folder} has neither {WEIGHTS_FILE} nor {INDEX_FILE}; weights are read in the '
            f'format safetensors only.'
        )
    return _read_file(folder / WEIGHTS_FILE)


def read_consolidated(folder: Path) -> dict[str, Tensor]:
    """What DeepSpeed's ``zero_to_fp32.py`` made of a ZeRO checkpoint: one file or shards, in
    PyTorch's format or, with ``--safe_serialization``, as safetensors.

    Raises:
        CheckpointError: a file is missing, damaged, or holds anything but tensors.
    """
    if (folder / TORCH_INDEX_FILE).is_file():
        return _read_shards(folder / TORCH_INDEX_FILE, _read_plain_torch_file)
    if (folder / TORCH_FILE).is_file():
        return _read_plain_torch_file(folder / TORCH_FILE)
    return read_safetensors(folder)


def _read_shards(index: Path, read: Callable[[Path], dict[str, Tensor]]) -> dict[str, Tensor]:
    file_of = _weight_map(index)
    tensors: dict[str, Tensor] = {}
    for name in sorted(set(file_of.values())):
        promised = {tensor for tensor, file in file_of.items() if file == name}
        path = index.with_name(name)
        if not path.is_file():
            raise CheckpointError(
                f'{path} is missing; {index.name} says that {len(promised)} tensors are in it.'
            )
        found = read(path)
        if absent := sorted(promised - found.keys()):
            raise CheckpointError(
                f'{path} lacks tensor {absent[0]!r} ({len(absent)} in all), which {index.name} '
                f'says is in it; fetch it again.'
            )
        tensors |= found
    return tensors


def _read_plain_torch_file(path: Path) -> dict[str, Tensor]:
    return read_torch_file(path, {})


def read_torch_file(path: Path, sha256: Mapping[str, str]) -> dict[str, Tensor]:
    """The tensors of a file that ``torch.save`` wrote of a state dictionary.

    ``sha256``: checksums by file name, in hex, of files that are known.

    Raises:
        CheckpointError: the file is missing, truncated, not the one that its name says, or holds
        anything but tensors.
    """
    _check_archive(path)
    if path.name in sha256:
        _check_digest(path, sha256[path.name])
    try:
        state = torch.load(path, map_location='cpu', weights_only=True, mmap=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f'{path} holds more than tensors and is not read, for that could run code; take the '
            f"publisher's own file."
        ) from error
    except (RuntimeError, OSError, ValueError, KeyError) as error:
        raise CheckpointError(f'{path} is damaged: {_first_line(error)}') from error
    if not isinstance(state, dict) or not all(isinstance(t, Tensor) for t in state.values()):
        raise CheckpointError(
            f'{path} is no plain dictionary of tensors; save the state dictionary of the model '
            f'alone.'
        )
    return state


def _check_archive(path: Path) -> None:
    """PyTorch's files are ZIP archives of what is stored as it is: nothing in them unfolds."""
    if not path.is_file():
        raise CheckpointError(f'{path} is not a file.')
    try:
        with zipfile.ZipFile(path) as archive:
            is_plain = all(
                member.compress_type == zipfile.ZIP_STORED for member in archive.infolist()
            )
    except (zipfile.BadZipFile, OSError) as error:
        raise CheckpointError(
            f'{path} is truncated, or no file of torch.save: {_first_line(error)} Fetch it again.'
        ) from error
    if not is_plain:
        raise CheckpointError(f'{path} is compressed, which torch.save never does.')


def _check_digest(path: Path, expected: str) -> None:
    with path.open('rb') as file:
        found = hashlib.file_digest(file, 'sha256').hexdigest()
    if found != expected:
        raise CheckpointError(
            f'{path} is damaged, or another file under that name: its sha256 is {found}, the '
            f"publisher's {expected}. Fetch it again."
        )


def _weight_map(index: Path) -> dict[str, str]:
    """Tensors and their files, none of which lies anywhere but beside the index."""
    file_of = read_json(index).get('weight_map')
    if not isinstance(file_of, dict) or not file_of:
        raise CheckpointError(f'{index} has no weight_map; fetch it again.')
    for name in file_of.values():
        if not isinstance(name, str) or Path(name).name != name:
            raise CheckpointError(f'{index} names {name!r}, which is no file beside it.')
    return file_of


def _read_file(path: Path) -> dict[str, Tensor]:
    try:
        with safe_open(path, framework='pt') as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f'{path} is truncated, or no safetensors file: {_first_line(error)} Fetch it again.'
        ) from error


def _first_line(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0].rstrip('.') + '.'
