"""A checkpoint that DeepSpeed saved, put together by its own tool, is the run's model."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

from rose_model.checkpoint import save_pretrained
from rose_model.cli.main import app
from rose_model.config import RoseConfig
from rose_model.errors import CheckpointError
from rose_model.rose import build_rose
from rose_model.tokenizer import RoseTokenizer
from rose_model.training.merging import merge_run
from rose_model.training.recipe import Recipe, StageRecipe

from .launched import torchrun

TIMEOUT_S = 600
pytestmark = [pytest.mark.slow, pytest.mark.timeout(2 * TIMEOUT_S)]

# `rose train`, which lets DeepSpeed save, too
PROGRAM = """
import sys
from rose_model.cli.main import app
from rose_model.training.trainer import Trainer
save = Trainer._save

def save_twice(self, run):
    save(self, run)
    run.engine._engine.save_checkpoint(sys.argv[1])

Trainer._save = save_twice
app(['train', sys.argv[2], '--out', sys.argv[3]])
"""


@pytest.fixture(scope='module')
def run(
    config: RoseConfig, tokenizer: RoseTokenizer, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A run of two processes with LoRA; ``zero`` in it is DeepSpeed's checkpoint."""
    folder = tmp_path_factory.mktemp('runs')
    save_pretrained(folder / 'start', build_rose(config), tokenizer)
    stage = StageRecipe(steps=2, batch_size=2, learning_rate=1e-2, warmup_steps=1)
    recipe = Recipe(start=str(folder / 'start'), ema_decay=0.0, lora='default', whole=stage)
    (folder / 'recipe.yaml').write_text(recipe.dump())
    (folder / 'program.py').write_text(PROGRAM)
    run = folder / 'run'
    words = (folder / 'program.py', run / 'zero', folder / 'recipe.yaml', run)
    torchrun(*words, timeout_s=TIMEOUT_S)
    return run


def consolidate(run: Path, out: Path, *options: str) -> Path:
    """DeepSpeed's own tool, which it puts beside each checkpoint."""
    tool = [sys.executable, str(run / 'zero' / 'zero_to_fp32.py'), str(run / 'zero'), str(out)]
    done = subprocess.run([*tool, *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return out


@pytest.mark.parametrize(
    ('options', 'has'),
    [
        ([], 'pytorch_model.bin'),
        (['--max_shard_size', '100KB'], 'pytorch_model.bin.index.json'),
        (['--safe_serialization'], 'model.safetensors'),
        (['--safe_serialization', '--max_shard_size', '100KB'], 'model.safetensors.index.json'),
    ],
    ids=['one file', 'shards', 'one safetensors', 'safetensors in shards'],
)
def test_both_formats_give_the_model_of_the_run(
    run: Path, tmp_path: Path, options: list[str], has: str
) -> None:
    weights = consolidate(run, tmp_path / 'weights', *options)
    assert (weights / has).is_file()
    words = ['merge', str(run), str(tmp_path / 'rose'), '--weights', str(weights)]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    own = load_file(run / 'rose' / 'model.safetensors')
    found = load_file(tmp_path / 'rose' / 'model.safetensors')
    assert own.keys() == found.keys()
    for name, tensor in own.items():
        assert torch.equal(tensor, found[name]), name


def test_weights_of_another_model_are_refused(run: Path, tmp_path: Path) -> None:
    torch.save({'module.rose.other': torch.zeros(1)}, tmp_path / 'pytorch_model.bin')
    with pytest.raises(CheckpointError, match=r'does not fit the model.*in one of them only'):
        merge_run(run, tmp_path / 'out', tmp_path)
    assert not (tmp_path / 'out').exists()


def test_a_missing_shard_is_named(run: Path, tmp_path: Path) -> None:
    weights = consolidate(run, tmp_path / 'weights', '--max_shard_size', '100KB')
    shard = min(weights.glob('*-of-*.bin'))
    shard.unlink()
    with pytest.raises(CheckpointError, match=rf'{shard.name} is missing'):
        merge_run(run, tmp_path / 'out', weights)
