"""The state of a training run in one file, replaced atomically, from which it resumes exactly."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from rose_model.errors import CheckpointError

STATE_FILE = 'state.pt'


@dataclass(frozen=True, eq=False)
class TrainingState:
    """Where a run stands: ``step`` steps of ``stage`` are done."""

    stage: str
    step: int
    module: dict[str, Any]
    average: dict[str, Any]
    optimizer: dict[str, Any]


def save_state(folder: Path, state: TrainingState) -> None:
    """Write the state beside the old one, flush it to the disk, then put it in the old one's
    place.
    """
    partial = folder / (STATE_FILE + '.partial')
    with partial.open('wb') as file:
        torch.save(asdict(state), file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(folder / STATE_FILE)


def load_state(folder: Path) -> TrainingState:
    """The state of a run.

    Raises:
        CheckpointError: there is none, or it cannot be read.
    """
    path = folder / STATE_FILE
    if not path.is_file():
        raise CheckpointError(
            f'{path} is missing; there is no run to resume, start without --resume.'
        )
    try:
        return TrainingState(**torch.load(path, map_location='cpu', weights_only=True))
    except Exception as error:  # damaged bytes make the unpickler fail in a dozen ways
        raise CheckpointError(f'{path} is damaged: {type(error).__name__}: {error}.') from error
