"""The folder that ``rose export`` writes: SAM as two ONNX graphs and the record of what they are.

``encoder.onnx`` and ``decoder.onnx`` have their weights beside them (``.onnx.data``), since one
protocol buffer holds at most 2 GiB.  ``export.json`` comes with the sizes and sums of all four.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rose_model.config import SamConfig
from rose_model.errors import CheckpointError
from rose_model.precision import DTYPES, Precision

RECORD_FILE = 'export.json'
GRAPHS = ('encoder', 'decoder')
FILES = tuple(f'{graph}.onnx{suffix}' for graph in GRAPHS for suffix in ('', '.data'))

# The names of the graphs' inputs and outputs.
PIXELS, EMBEDDINGS = 'pixels', 'image_embeddings'
PROMPTS, LOGITS, SCORES = 'mask_embedding', 'logits', 'scores'

PROMPTS_AT_ONCE = 32
"""A call of the decoder takes up to so many: SAM's upscaled features take 8 MB each in fp32 at
full size, and engines reserve the memory for all of them.
"""

_Sha256 = Annotated[str, Field(pattern='^[0-9a-f]{64}$')]
_CURE = 'Run rose export again.'


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra='forbid')


class FileRecord(_Frozen):
    """What a file must be: its size in bytes and its sha256 in hex."""

    size: Annotated[int, Field(ge=0)]
    sha256: _Sha256

    @classmethod
    def of(cls, path: Path) -> FileRecord:
        """The record of a file as it is."""
        with path.open('rb') as file:
            digest = hashlib.file_digest(file, 'sha256').hexdigest()
        return cls(size=path.stat().st_size, sha256=digest)


class ExportRecord(_Frozen):
    """``weights_sha256``: of the ``model.safetensors`` that the graphs were made from.

    ``encoder_difference`` and ``decoder_difference``: the largest ones between the graphs in fp32,
    run by ONNX Runtime, and PyTorch, as shares of the largest value (or of 1, if that is more).
    """

    format: Literal[1] = 1
    model: str
    weights_sha256: _Sha256
    sam: SamConfig
    precision: Precision
    encoder_difference: float
    decoder_difference: float
    files: dict[str, FileRecord]


@dataclass(frozen=True)
class ExportedSam:
    """A folder of graphs and its record."""

    folder: Path
    record: ExportRecord

    @property
    def dtype(self) -> torch.dtype:
        """The floating-point type of all inputs and outputs."""
        return DTYPES[self.record.precision]

    def graph(self, name: str) -> Path:
        """The ONNX file of ``encoder`` or ``decoder``."""
        return self.folder / f'{name}.onnx'

    def sums(self, name: str) -> tuple[str, str]:
        """The sha256 of that file and of its weights."""
        files = self.record.files
        return files[f'{name}.onnx'].sha256, files[f'{name}.onnx.data'].sha256

    def verify(self, weights_sha256: str) -> None:
        """Read all files; 2.5 GB take seconds.

        Raises:
            CheckpointError: a file is not what the record says, or other weights were exported.
        """
        if self.record.weights_sha256 != weights_sha256:
            raise CheckpointError(
                f'{self.folder} was exported from {self.record.model} with other weights '
                f'({self.record.weights_sha256[:8]}, the model has {weights_sha256[:8]}). {_CURE}'
            )
        for name, expected in self.record.files.items():
            if FileRecord.of(self.folder / name) != expected:
                raise CheckpointError(f'{self.folder / name} is damaged: its sum differs. {_CURE}')


def read_export(folder: Path, sam: SamConfig) -> ExportedSam:
    """The exported SAM of a folder; its record is read, and the files are there in their sizes.

    Raises:
        CheckpointError: the folder is none, is not whole, or belongs to another SAM than ``sam``.
    """
    path = folder / RECORD_FILE
    try:
        record = ExportRecord.model_validate(json.loads(path.read_text(encoding='utf-8')))
    except OSError as error:
        raise CheckpointError(
            f'{path} cannot be read ({error.strerror}); rose export --model MODEL {folder} makes '
            'it.'
        ) from error
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError, ValidationError) as error:
        raise CheckpointError(f'{path} is no record of an export. {_CURE}') from error
    if set(record.files) != set(FILES):
        raise CheckpointError(f'{path} names {sorted(record.files)}, not {sorted(FILES)}. {_CURE}')
    if record.sam != sam:
        raise CheckpointError(
            f'{folder} holds the SAM of {record.model}, which is of another size. {_CURE}'
        )
    for name, expected in record.files.items():
        file = folder / name
        size = file.stat().st_size if file.is_file() else -1
        if size != expected.size:
            raise CheckpointError(
                f'{file} has {size} bytes instead of {expected.size}. {_CURE}'
                if size >= 0
                else f'{file} is missing. {_CURE}'
            )
    return ExportedSam(folder, record)
