"""The checkpoints of a run: one sealed folder a step, from the newest of which it resumes exactly.

``checkpoint-000123/`` holds ``state.json``, ``module.safetensors``, ``average.safetensors`` where
weights are averaged, and one ``optimizer-I-of-N.safetensors`` a process.  Of a run that goes on
from a base what the base holds, and is frozen, is not stored again.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor, nn

from rose_model.errors import CheckpointError
from rose_model.training.module_state import load_state, stored_names, take_state
from rose_model.training.storage import (
    PARTIAL,
    discard,
    read_tensors,
    require_space,
    said_if_full,
    seal,
    verify,
    write_bytes,
    write_tensors,
)
from rose_model.training.world import World

PREFIX = 'checkpoint-'
DAMAGED = '.damaged'
KEEP = 2
"""Checkpoints that are kept: the newest, and one more should its bytes go bad."""
STATE_FILE, MODULE_FILE, AVERAGE_FILE = 'state.json', 'module.safetensors', 'average.safetensors'

_logger = logging.getLogger(__name__)
Count = Annotated[int, Field(ge=0)]


class Position(BaseModel):
    """Where a run stands: ``step`` steps of ``stage`` are done, ``total`` steps of all stages.

    ``skipped``: steps of the stage whose loss or gradient was not finite.  ``processes``: over how
    many the optimizer's state is spread.  ``base``: sha256 of the weights from which everything
    comes that no stage trains, in hex; ``None`` where all is stored.
    """

    model_config = ConfigDict(frozen=True, extra='forbid')

    stage: str
    step: Count
    total: Count
    skipped: Count = 0
    processes: Annotated[int, Field(gt=0)] = 1
    base: str | None = None


@dataclass(frozen=True)
class Checkpoint:
    """A complete checkpoint; its tensors are read when asked for."""

    folder: Path
    position: Position

    def restore(self, module: nn.Module, average: nn.Module | None) -> None:
        """Give the module and its average the values they had.

        Raises:
            CheckpointError: they are not of this model.
        """
        names = stored_names(module, with_frozen=self.position.base is None)
        load_state(self.folder / MODULE_FILE, module, names)
        if average is not None:
            load_state(self.folder / AVERAGE_FILE, average, names)

    def require_base(self, base: str | None) -> None:
        """Compare the weights that the run began with, as ``Position.base`` tells them.

        Raises:
            CheckpointError: they were others.
        """
        if self.position.base != base:
            before, now = (_told_base(value) for value in (self.position.base, base))
            raise CheckpointError(
                f'{self.folder} is of a run {before}, this one is {now}; resume with the start '
                f'and the lora that it was begun with.'
            )

    def optimizer(self, world: World) -> dict[str, Tensor]:
        """The part of the optimizer's state that this process holds.

        Raises:
            CheckpointError: the checkpoint is of another number of processes.
        """
        if self.position.processes != world.size:
            raise CheckpointError(
                f'{self.folder} was written by {self.position.processes} processes, these are '
                f'{world.size}; resume with --nproc-per-node {self.position.processes}.'
            )
        return read_tensors(self.folder / _optimizer_file(world))


class CheckpointStore:
    """The checkpoints in the folder of a run; in several processes, all of them call its methods.

    The folder must then be one that all processes see.
    """

    def __init__(self, folder: Path, world: World) -> None:
        self._folder, self._world = folder, world

    def save(
        self,
        position: Position,
        module: nn.Module,
        average: nn.Module | None,
        optimizer: Mapping[str, Tensor],
    ) -> Path:
        """Write a checkpoint; afterwards only the newest few are kept.

        Raises:
            StorageError: there is no room; older checkpoints stay, and nothing of this one.
        """
        target = self._folder / f'{PREFIX}{position.total:06d}'
        partial = target.with_name(target.name + PARTIAL)
        names = stored_names(module, with_frozen=position.base is None)
        files = {MODULE_FILE: take_state(module, names)}
        if average is not None:
            files[AVERAGE_FILE] = take_state(average, names)
        try:
            with said_if_full(self._folder):
                if self._world.is_main:
                    _begin(partial, files, optimizer, self._world.size)
                self._world.wait()
                write_tensors(partial / _optimizer_file(self._world), optimizer)
                self._world.wait()
                if self._world.is_main:
                    _write_main(partial, position, files)
                    seal(partial, target)
                    self._keep_newest()
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        self._world.wait()
        return target

    def newest(self) -> Checkpoint | None:
        """The newest checkpoint that is whole; damaged ones are put aside with a warning.

        ``None`` where none was written yet.

        Raises:
            CheckpointError: there are some, and all of them are damaged.
        """
        if not self._world.is_main:
            self._world.wait()  # until the damaged ones are out of the way
        newest = self._find_newest()
        if self._world.is_main:
            self._world.wait()
        return newest

    def _find_newest(self) -> Checkpoint | None:
        first_fault: CheckpointError | None = None
        for folder in reversed(_folders(self._folder)):
            try:
                return _open(folder)
            except CheckpointError as error:
                _logger.warning('%s Its checkpoint is put aside.', error)
                first_fault = first_fault or error
                if self._world.is_main:
                    _put_aside(folder)
        if first_fault is not None:
            raise CheckpointError(
                f'No checkpoint in {self._folder} is whole: {first_fault} Start anew in another '
                f'folder.'
            )
        return None

    def clear_rest(self) -> None:
        """Remove what killed runs left half written."""
        for folder in self._folder.glob(f'{PREFIX}*{PARTIAL}'):
            shutil.rmtree(folder)

    def _keep_newest(self) -> None:
        for folder in _folders(self._folder)[:-KEEP]:
            discard(folder)


def has_checkpoint(folder: Path) -> bool:
    """Whether a run wrote any checkpoint there, whole or not."""
    return any(folder.glob(f'{PREFIX}*'))


def _begin(
    partial: Path,
    files: Mapping[str, Mapping[str, Tensor]],
    optimizer: Mapping[str, Tensor],
    parts: int,
) -> None:
    """An empty provisional folder, if there is room for all that will be in it."""
    needed = sum(_bytes(tensors) for tensors in files.values())
    require_space(partial.parent, needed + parts * _bytes(optimizer))
    if partial.exists():
        shutil.rmtree(partial)
    partial.mkdir()


def _write_main(
    partial: Path, position: Position, files: Mapping[str, Mapping[str, Tensor]]
) -> None:
    for name, tensors in files.items():
        write_tensors(partial / name, tensors)
    write_bytes(partial / STATE_FILE, (position.model_dump_json(indent=1) + '\n').encode())


def _folders(folder: Path) -> list[Path]:
    """The named checkpoints, oldest first."""
    found = [path for path in folder.glob(f'{PREFIX}*') if path.name[len(PREFIX) :].isdigit()]
    return sorted(found, key=lambda path: int(path.name[len(PREFIX) :]))


def _open(folder: Path) -> Checkpoint:
    verify(folder)
    try:
        position = Position.model_validate_json((folder / STATE_FILE).read_bytes())
    except (OSError, ValidationError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(f'{folder / STATE_FILE} cannot be used: {reason}.') from error
    return Checkpoint(folder, position)


def _put_aside(folder: Path) -> None:
    aside = folder.with_name(folder.name + DAMAGED)
    if aside.exists():
        shutil.rmtree(aside)
    folder.replace(aside)


def _told_base(base: str | None) -> str:
    return 'without lora' if base is None else f'with lora on weights {base[:8]}'


def _optimizer_file(world: World) -> str:
    return f'optimizer-{world.rank + 1}-of-{world.size}.safetensors'


def _bytes(tensors: Mapping[str, Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
