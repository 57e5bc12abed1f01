"""The training loop: one stage after the other, resumable at any step.

Nothing random happens in a step: everything random in an example follows from its number.  So the
weights after N steps, and the exact continuation of a stopped run, need no state but parameters,
optimizer, average and step.
"""

from __future__ import annotations

import copy
import json
import math
import time
from pathlib import Path

import cv2
import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, nn
from torch.utils.data import DataLoader

from rose_model.errors import TrainingError
from rose_model.training.checkpointing import TrainingState, save_state
from rose_model.training.recipe import StageRecipe
from rose_model.training.stages import BatchT, Stage, parameter_groups

SAVE_EVERY_S = 120.0
LOG_EVERY = 20
"""Steps between two lines of the log."""
MAX_BAD_STEPS = 5
"""Non-finite losses in a row after which a run stops."""


class Trainer:
    """Runs the stages of one training run in ``folder``, with a log in ``log.jsonl``."""

    def __init__(self, folder: Path, ema_decay: float) -> None:
        self._folder = folder
        self._ema_decay = ema_decay
        self._device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')

    def fit(
        self, stage: Stage[BatchT], recipe: StageRecipe, resumed: TrainingState | None = None
    ) -> None:
        """Train a stage to its end; afterwards its module holds the averaged weights.

        Raises:
            TrainingError: the loss was not finite five times in a row.
        """
        module = stage.module.to(self._device)
        average = copy.deepcopy(module).requires_grad_(False)
        optimizer = torch.optim.AdamW(
            list(parameter_groups(module, recipe)),
            lr=recipe.learning_rate,
            betas=recipe.betas,
            weight_decay=recipe.weight_decay,
            fused=True,
        )
        start = 0
        if resumed is not None:
            module.load_state_dict(resumed.module)
            average.load_state_dict(resumed.average)
            optimizer.load_state_dict(resumed.optimizer)
            start = resumed.step
        self._run(stage, recipe, start, average, optimizer)
        module.load_state_dict(average.state_dict())

    def _run(
        self,
        stage: Stage[BatchT],
        recipe: StageRecipe,
        start: int,
        average: nn.Module,
        optimizer: torch.optim.Optimizer,
    ) -> None:
        log = _Log(self._folder / 'log.jsonl', stage.name)
        saved_at, bad = time.monotonic(), 0
        with _progress() as progress:
            task = progress.add_task(stage.name, total=recipe.steps, completed=start, figures='')
            for step, batch in enumerate(self._batches(stage, recipe, start), start):
                figures = self._step(stage, recipe, step, batch, optimizer)
                bad = 0 if figures is not None else bad + 1
                if bad >= MAX_BAD_STEPS:
                    raise TrainingError(
                        f'The loss of {stage.name} was not finite {bad} times in a row, up to '
                        f'step {step}; lower learning_rate ({recipe.learning_rate}) and resume.'
                    )
                _average(average, stage.module, min(self._ema_decay, (step + 1) / (step + 10)))
                progress.update(task, advance=1, figures=log.add(step + 1, figures))
                if time.monotonic() - saved_at > SAVE_EVERY_S or step + 1 == recipe.steps:
                    self._save(stage, step + 1, average, optimizer)
                    saved_at = time.monotonic()

    def _batches(
        self, stage: Stage[BatchT], recipe: StageRecipe, start: int
    ) -> DataLoader[BatchT]:
        first = recipe.first_scene + start * recipe.batch_size
        dataset = stage.dataset(first, (recipe.steps - start) * recipe.batch_size)
        return DataLoader(
            dataset,
            batch_size=recipe.batch_size,
            collate_fn=stage.collate,
            num_workers=1,
            prefetch_factor=6,
            worker_init_fn=_quiet_worker,
        )

    def _step(
        self,
        stage: Stage[BatchT],
        recipe: StageRecipe,
        step: int,
        batch: BatchT,
        optimizer: torch.optim.Optimizer,
    ) -> dict[str, float] | None:
        """One step of the optimizer; ``None`` where the loss was not finite and nothing was
        changed.
        """
        rate = recipe.learning_rate * schedule(step, recipe)
        for group in optimizer.param_groups:
            group['lr'] = rate * group['share']
        optimizer.zero_grad()
        with torch.autocast(self._device.type, torch.bfloat16):
            loss, figures = stage.losses(batch)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(stage.module.parameters(), recipe.clip_norm)
        if not torch.isfinite(loss) or not torch.isfinite(norm):
            return None
        optimizer.step()
        return {name: float(value.detach()) for name, value in figures.items()}

    def _save(
        self, stage: Stage[BatchT], step: int, average: nn.Module, optimizer: torch.optim.Optimizer
    ) -> None:
        state = TrainingState(
            stage=stage.name,
            step=step,
            module=stage.module.state_dict(),
            average=average.state_dict(),
            optimizer=optimizer.state_dict(),
        )
        save_state(self._folder, state)


def schedule(step: int, recipe: StageRecipe) -> float:
    """Learning rate at a step as a share of the peak: linear warm-up times cosine decay."""
    warmup = min(1.0, (step + 1) / recipe.warmup_steps)
    cosine = 0.5 * (1 + math.cos(math.pi * step / recipe.steps))
    return warmup * (recipe.final_rate + (1 - recipe.final_rate) * cosine)


def _average(average: nn.Module, module: nn.Module, decay: float) -> None:
    """Move the averaged parameters towards the module's."""
    mine: list[Tensor] = list(average.parameters())
    theirs: list[Tensor] = [parameter.detach() for parameter in module.parameters()]
    torch._foreach_lerp_(mine, theirs, 1 - decay)


class _Log:
    """Means of the figures over the last steps: a line of JSON, and a few words for the progress
    bar.
    """

    def __init__(self, path: Path, stage: str) -> None:
        self._path, self._stage = path, stage
        self._recent: list[dict[str, float]] = []
        self._skipped = 0
        self._words = ''

    def add(self, step: int, figures: dict[str, float] | None) -> str:
        if figures is None:
            self._skipped += 1
        else:
            self._recent.append(figures)
        if step % LOG_EVERY == 0 and self._recent:
            means = {
                name: round(sum(row[name] for row in self._recent) / len(self._recent), 4)
                for name in self._recent[0]
            }
            line = {'stage': self._stage, 'step': step, 'skipped': self._skipped, **means}
            with self._path.open('a', encoding='utf-8') as file:
                file.write(json.dumps(line) + '\n')
            self._words = '  '.join(f'{name} {value:.3f}' for name, value in means.items())
            self._recent = []
        return self._words


def _progress() -> Progress:
    return Progress(
        TextColumn('{task.description}'),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn('{task.fields[figures]}'),
    )


def _quiet_worker(_: int) -> None:
    """The worker draws; the cores belong to the training step."""
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
