"""The training loop of a stage, resumable at any step.

Everything random in a step follows from its number, in the examples and in the model.  So the
weights after N steps, and the exact continuation of a stopped run, need no state but parameters,
optimizer, average and step.
"""

from __future__ import annotations

import itertools
import signal
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Generic

import numpy as np
import torch
from torch import Tensor, nn

from rose_model.errors import TrainingError
from rose_model.training.batches import micro_batches
from rose_model.training.checkpointing import Checkpoint, CheckpointStore, Position
from rose_model.training.ema import WeightAverage
from rose_model.training.engine import Engine, LocalEngine
from rose_model.training.log import ProgressBar, TrainingLog, progress_bar
from rose_model.training.recipe import StageRecipe
from rose_model.training.schedule import learning_rate_share
from rose_model.training.stages import BatchT, Stage
from rose_model.training.stop_signal import StoppedError, StopSignal
from rose_model.training.world import World

SAVE_EVERY_S = 120.0
MAX_BAD_STEPS = 5
"""Steps without a finite loss in a row after which a run stops."""


class Trainer:
    """Trains the stages of one run in ``folder``, which exists.

    ``ema_decay``: of the running average of the weights; 0 keeps none.  ``stop``: looked at after
    every step.  ``base``: see ``Position``.
    """

    def __init__(
        self,
        folder: Path,
        ema_decay: float,
        *,
        world: World | None = None,
        stop: StopSignal | None = None,
        seed: int = 0,
        base: str | None = None,
    ) -> None:
        self._folder, self._ema_decay, self._seed = folder, ema_decay, seed
        self._base = base
        self._world = world or World()
        self._stop = StopSignal() if stop is None else stop  # one without a signal is false
        self._store = CheckpointStore(folder, self._world)
        self._total = 0
        """Steps of all stages, by which checkpoints are numbered."""

    def fit(
        self, stage: Stage[BatchT], recipe: StageRecipe, resumed: Checkpoint | None = None
    ) -> None:
        """Train a stage to its end; afterwards its module holds the averaged weights.

        Raises:
            StoppedError: a signal came; the run is saved as it stands.
            TrainingError: the loss was not finite five times in a row, or no examples come.
            StorageError: there is no room for a checkpoint.
            CheckpointError: ``resumed`` is of another model or another number of processes.
        """
        run = _StageRun(stage, recipe, self._ema_decay, self._world, resumed, self._seed)
        if resumed is not None:
            self._total = resumed.position.total
        log = TrainingLog(self._folder, stage.name, run.step, recipe.steps, self._world)
        try:
            with progress_bar(stage.name, run.step, recipe.steps, self._world) as bar:
                self._run(run, log, bar)
        finally:
            log.close()
            run.engine.close()
        run.average.give_back()

    def _run(self, run: _StageRun[BatchT], log: TrainingLog, bar: ProgressBar) -> None:
        saved_at, is_saved = monotonic(), True
        for micro_batches_of_step in run.batches():
            torch.manual_seed(_seed(self._seed, self._total, self._world.rank))
            figures = run.take_step(micro_batches_of_step)
            self._total += 1
            log.add(run.step, figures, run.skipped)
            bar.advance(log.words)
            is_due = monotonic() - saved_at > SAVE_EVERY_S
            must_stop, must_save = self._world.any(bool(self._stop), is_due)
            is_saved = must_stop or must_save
            if is_saved:
                self._save(run)
                saved_at = monotonic()
            if must_stop:
                raise StoppedError(self._stop.number or signal.SIGTERM)  # another process's
        if not is_saved:
            self._save(run)

    def _save(self, run: _StageRun[BatchT]) -> None:
        position = Position(
            stage=run.name,
            step=run.step,
            total=self._total,
            skipped=run.skipped,
            processes=self._world.size,
            base=self._base,
        )
        self._store.save(position, run.module, run.average.module, run.engine.state())


class _StageRun(Generic[BatchT]):
    """What changes while a stage is trained."""

    def __init__(
        self,
        stage: Stage[BatchT],
        recipe: StageRecipe,
        ema_decay: float,
        world: World,
        resumed: Checkpoint | None,
        seed: int = 0,
    ) -> None:
        self._seed = seed
        self._stage, self._recipe, self._world = stage, recipe, world
        self._parts = recipe.parts(world.size)
        self._bad_in_a_row = 0
        self.name = stage.name
        self.step, self.skipped = 0, 0
        self.module = stage.module.to(world.device)
        self.average = WeightAverage(self.module, ema_decay)
        if resumed is not None:  # before the engine, which may take its own copy of the weights
            resumed.restore(self.module, self.average.module)
        self.engine = _make_engine(self.module, recipe, world)
        if resumed is not None:
            self.engine.load_state(resumed.optimizer(world))
            self.step, self.skipped = resumed.position.step, resumed.position.skipped

    def batches(self) -> Iterator[list[BatchT]]:
        """The micro-batches of each step that is left."""
        if self.step >= self._recipe.steps:
            return iter(())
        batches = micro_batches(self._stage, self._recipe, self.step, self._world, self._seed)
        return iter(lambda: list(itertools.islice(batches, self._parts)), [])

    def take_step(self, batches: list[BatchT]) -> dict[str, Tensor] | None:
        """One step of the optimizer: every figure for the log, or ``None`` where the loss was not
        finite and nothing was changed.

        Raises:
            TrainingError: that happened too often in a row.
        """
        rate = self._recipe.learning_rate * learning_rate_share(self.step, self._recipe)
        parts = [self.engine.backward(batch, self._parts) for batch in batches]
        norm = self.engine.update(rate)
        self.step += 1
        if norm is None:
            self._count_bad()
            return None
        self._bad_in_a_row = 0
        self.average.follow(self.step - 1)
        figures = {
            name: torch.stack([part[name].float() for part in parts]).mean(0) for name in parts[0]
        }
        return figures | {'grad_norm': torch.tensor(norm), 'learning_rate': torch.tensor(rate)}

    def _count_bad(self) -> None:
        self.skipped += 1
        self._bad_in_a_row += 1
        if self._bad_in_a_row >= MAX_BAD_STEPS:
            raise TrainingError(
                f'The loss of {self.name}, or its gradient, was not finite {MAX_BAD_STEPS} times '
                f'in a row, up to step {self.step}; lower learning_rate '
                f'({self._recipe.learning_rate}) of {self.name} in the recipe, and go on with '
                f'--resume.'
            )


def _make_engine(module: nn.Module, recipe: StageRecipe, world: World) -> Engine:
    """AdamW alone, or DeepSpeed ZeRO-2 over several processes."""
    if world.size == 1:
        return LocalEngine(module, recipe, world.device)
    from rose_model.training.zero import ZeroEngine  # DeepSpeed is heavy, and an extra

    return ZeroEngine(module, recipe, world)


def _seed(seed: int, step: int, rank: int) -> int:
    """Other random numbers for each step and process, such as dropout's, the same after a
    resumption.
    """
    return int(np.random.SeedSequence((seed, step, rank)).generate_state(1, np.uint64)[0]) >> 1
