"""Several processes train as one does: DeepSpeed ZeRO-2 over gloo, started by torchrun."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from rose_model.training.checkpointing import CheckpointStore
from rose_model.training.log import LOG_FILE
from rose_model.training.recipe import Recipe, StageRecipe
from rose_model.training.run import run_training
from rose_model.training.world import World

from .launched import torchrun

STEPS = 4
TIMEOUT_S = 900
WORLD = World(device=torch.device('cpu'))

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2 * TIMEOUT_S)]


def recipe(rose_folder: Path, steps: int) -> Recipe:
    """Four examples a step, one at once: in one process four micro-batches, in two two each."""
    stage = StageRecipe(
        steps=steps,
        batch_size=4,
        micro_batch=1,
        # Adam's first steps go by the sign of a gradient, which may be rounding alone: large ones
        # would make two orders of the same sum two trainings.
        learning_rate=1e-4,
        warmup_steps=1,
        schedule='linear',
        final_rate=1.0,  # so that a run of fewer steps is the beginning of a longer one
        first_scene=10,
    )
    return Recipe(start=str(rose_folder), ema_decay=0.9, whole=stage)


def train(file: Path, out: Path, *options: str) -> None:
    words = ('-m', 'rose_model', 'train', file, '--out', out, *options)
    torchrun(*words, timeout_s=TIMEOUT_S)


def last_line(folder: Path) -> dict[str, float]:
    return json.loads((folder / LOG_FILE).read_text().splitlines()[-1])


def tensors(folder: Path, total: int) -> dict[str, torch.Tensor]:
    files = sorted((folder / f'checkpoint-{total:06d}').glob('*.safetensors'))
    assert [file.stem for file in files] == [
        'average',
        'module',
        'optimizer-1-of-2',
        'optimizer-2-of-2',
    ]
    return {f'{file.stem}.{name}': t for file in files for name, t in load_file(file).items()}


def test_two_processes_train_as_one_does_and_resume_exactly(
    rose_folder: Path, tmp_path: Path
) -> None:
    files = {}
    for steps in (STEPS // 2, STEPS):
        files[steps] = tmp_path / f'{steps}.yaml'
        files[steps].write_text(recipe(rose_folder, steps).dump())

    run_training(recipe(rose_folder, STEPS), tmp_path / 'one', resume=False)
    train(files[STEPS], tmp_path / 'two')
    train(files[STEPS // 2], tmp_path / 'resumed')
    train(files[STEPS], tmp_path / 'resumed', '--resume')

    one, two = last_line(tmp_path / 'one'), last_line(tmp_path / 'two')
    assert one.keys() == two.keys()
    for name in one.keys() - {'steps_per_s', 'stage'}:
        assert two[name] == pytest.approx(one[name], rel=0.02, abs=2e-3), name
    straight, resumed = tensors(tmp_path / 'two', STEPS), tensors(tmp_path / 'resumed', STEPS)
    assert straight.keys() == resumed.keys()
    for name, tensor in straight.items():
        assert torch.equal(tensor, resumed[name]), name
    checkpoint = CheckpointStore(tmp_path / 'two', WORLD).newest()
    assert checkpoint is not None
    assert checkpoint.position.processes == 2
