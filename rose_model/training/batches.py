"""Which examples a process sees in which step: this follows from numbers alone."""

from __future__ import annotations

from collections.abc import Iterator
from multiprocessing import active_children
from typing import Any

import cv2
import torch
from torch.utils.data import DataLoader, Sampler

from rose_model.errors import TrainingError
from rose_model.training.recipe import StageRecipe
from rose_model.training.stages import BatchT, Stage
from rose_model.training.stop_signal import ignore_stop_signals
from rose_model.training.world import World

_PREFETCH = 6
EXAMPLES_OF_A_SEED = 1_000_000_000
"""Another seed begins so many examples later; no stage is as long, and no test scene is there."""
PATIENCE_S = 60.0
"""A worker that makes no batch in this time hangs."""


class StepSampler(Sampler[list[int]]):
    """The numbers of the examples in each micro-batch of a process, from a step on.

    Step ``s`` takes the examples from ``s * batch_size`` on.  Its micro-batches follow each other,
    and in each the processes stand side by side: one process and several take the same.
    """

    def __init__(self, recipe: StageRecipe, start: int, world: World) -> None:
        self._recipe, self._start, self._world = recipe, start, world
        self._parts = recipe.parts(world.size)

    def __len__(self) -> int:
        """Number of micro-batches."""
        return (self._recipe.steps - self._start) * self._parts

    def __iter__(self) -> Iterator[list[int]]:
        """The numbers, one list a micro-batch."""
        size = self._recipe.batch_size
        micro = size // self._parts // self._world.size
        for step in range(self._start, self._recipe.steps):
            for part in range(self._parts):
                first = step * size + (part * self._world.size + self._world.rank) * micro
                yield [self._of_dataset(first + offset) for offset in range(micro)]

    def _of_dataset(self, number: int) -> int:
        return number % self._recipe.repeat if self._recipe.repeat else number


def micro_batches(
    stage: Stage[BatchT], recipe: StageRecipe, start: int, world: World, seed: int = 0
) -> Iterator[BatchT]:
    """The micro-batches of a process from step ``start`` to the last; each ``seed`` sees others.

    Raises:
        TrainingError: a worker that makes them was killed or hangs.
    """
    length = recipe.repeat or recipe.steps * recipe.batch_size
    loader: DataLoader[Any] = DataLoader(
        stage.dataset(recipe.first_scene + seed * EXAMPLES_OF_A_SEED, length),
        batch_sampler=StepSampler(recipe, start, world),
        collate_fn=stage.collate,
        num_workers=recipe.workers,
        prefetch_factor=_PREFETCH,
        timeout=PATIENCE_S,
        worker_init_fn=_quiet_worker,
    )
    try:
        yield from loader
    except RuntimeError as error:
        if 'DataLoader' not in str(error):
            raise
        for worker in active_children():
            worker.kill()  # it ignores the signal by which the loader would end it
        raise TrainingError(
            f'A process that makes examples was lost: {" ".join(str(error).split())} Check the '
            f'memory, then go on with --resume.'
        ) from error


def _quiet_worker(_: int) -> None:
    """The worker makes examples; the cores belong to the training step."""
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    ignore_stop_signals()
