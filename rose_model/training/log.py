"""What a run reports: a line of JSON, TensorBoard's scalars, and a progress bar."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from rose_model.training.storage import replace_file
from rose_model.training.world import World

LOG_FILE = 'log.jsonl'
LOG_EVERY = 20
"""Steps between two lines of the log."""
ETA_WINDOW_S = 600.0
"""Steps of a large model take minutes; an estimate from the last 30 s would know none of them."""


class TrainingLog:
    """Means of the figures over the last steps, over all processes; only the main one writes.

    Lines of ``log.jsonl`` and scalars in ``tensorboard/STAGE`` after step ``start``, left by a run
    that came further than its last checkpoint, are dropped.
    """

    def __init__(self, folder: Path, stage: str, start: int, end: int, world: World) -> None:
        self._path, self._stage, self._world = folder / LOG_FILE, stage, world
        self._end = end
        self._names: tuple[str, ...] = ()
        self._recent: list[Tensor] = []
        self._since, self._steps = time.monotonic(), 0
        self._writer: SummaryWriter | None = None
        if world.is_main:
            _drop_after(self._path, stage, start)
            self._writer = SummaryWriter(folder / 'tensorboard' / stage, purge_step=start + 1)
        self.words = ''

    def add(self, step: int, figures: dict[str, Tensor] | None, skipped: int) -> None:
        """Count step number ``step``, of which ``figures`` are finite; ``None`` was skipped."""
        self._steps += 1
        if figures is not None:
            self._names = tuple(figures)
            self._recent.append(torch.stack([value.float() for value in figures.values()]))
        if step % LOG_EVERY == 0 or step == self._end:
            self._write(step, skipped)

    def close(self) -> None:
        """Flush TensorBoard's file."""
        if self._writer is not None:
            self._writer.close()

    def _write(self, step: int, skipped: int) -> None:
        rate = self._steps / (time.monotonic() - self._since)
        self._since, self._steps = time.monotonic(), 0
        if not self._recent:
            return
        mean = self._world.mean(torch.stack(self._recent).mean(0)).tolist()
        self._recent = []
        means = {
            name: float(f'{value:.4g}') for name, value in zip(self._names, mean, strict=True)
        }
        means |= {'skipped': skipped, 'steps_per_s': round(rate, 3)}
        if self._writer is None:
            return
        line = {'stage': self._stage, 'step': step, **means}
        with self._path.open('a', encoding='utf-8') as file:
            file.write(json.dumps(line) + '\n')
        for name, value in means.items():
            self._writer.add_scalar(name, value, step)
        self.words = '  '.join(f'{name} {value:.3g}' for name, value in means.items())


@contextmanager
def progress_bar(
    stage: str, start: int, steps: int, world: World, console: Console | None = None
) -> Iterator[ProgressBar]:
    """A bar that says how far the stage is and when it ends, in terminals of any width."""
    figures = TextColumn(
        '{task.fields[figures]}', table_column=Column(ratio=1, no_wrap=True, overflow='ellipsis')
    )
    progress = Progress(
        TextColumn('{task.description}'),
        BarColumn(bar_width=12),
        MofNCompleteColumn(table_column=Column(no_wrap=True)),
        TimeElapsedColumn(table_column=Column(no_wrap=True)),
        TimeRemainingColumn(table_column=Column(no_wrap=True)),
        figures,
        console=console,
        disable=not world.is_main,
        expand=True,
        speed_estimate_period=ETA_WINDOW_S,
    )
    with progress:
        yield ProgressBar(
            progress, progress.add_task(stage, total=steps, completed=start, figures='')
        )


class ProgressBar:
    """Moves on step by step."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress, self._task = progress, task

    def advance(self, words: str) -> None:
        """One more step is done; the last figures in a few words."""
        self._progress.update(self._task, advance=1, figures=words)


def _drop_after(path: Path, stage: str, start: int) -> None:
    """Cut the log at the first line of the stage that is later than ``start``, or was torn."""
    if not path.exists():
        return
    kept: list[str] = []
    for line in path.read_text(encoding='utf-8').splitlines(keepends=True):
        try:
            record = json.loads(line)
        except json.JSONDecodeError:
            break
        if record['stage'] == stage and record['step'] > start:
            break
        kept.append(line)
    replace_file(path, ''.join(kept).encode())
