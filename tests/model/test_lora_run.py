"""A run with LoRA: from a ROSE folder to a ROSE folder, stopped and resumed on the way."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

from rose_model.checkpoint import load_pretrained, save_pretrained
from rose_model.cli.main import app
from rose_model.config import RoseConfig
from rose_model.errors import CheckpointError, ConfigError
from rose_model.rose import build_rose
from rose_model.tokenizer import RoseTokenizer
from rose_model.training.lora import LORA_PRESETS
from rose_model.training.merging import merge_run
from rose_model.training.recipe import Recipe, StageRecipe, read_recipe
from rose_model.training.run import run_training
from rose_model.training.stop_signal import StoppedError
from rose_model.training.trainer import Trainer

STEPS = 4


def write_start(
    folder: Path, config: RoseConfig, tokenizer: RoseTokenizer, *, tied: bool = False
) -> Path:
    language = config.language.model_copy(update={'tied_embeddings': tied})
    rose = build_rose(config.model_copy(update={'language': language}))
    save_pretrained(folder, rose, tokenizer)
    return folder


@pytest.fixture
def start(config: RoseConfig, tokenizer: RoseTokenizer, tmp_path: Path) -> Path:
    return write_start(tmp_path / 'start', config, tokenizer)


def recipe(start: Path, **changes: Any) -> Recipe:
    whole = StageRecipe(
        steps=STEPS, batch_size=2, learning_rate=1e-2, warmup_steps=1, first_scene=10
    )
    settings: dict[str, Any] = {'lora': 'default', 'ema_decay': 0.0}
    return Recipe(start=str(start), whole=whole, **(settings | changes))


class StopAfter:
    """Asks a run to stop after so many steps."""

    def __init__(self, steps: int) -> None:
        self.left, self.number = steps, int(signal.SIGTERM)

    def __bool__(self) -> bool:
        self.left -= 1
        return self.left <= 0


def stopped_run(plan: Recipe, folder: Path, steps: int) -> None:
    real_fit = Trainer.fit

    def fit(self: Trainer, *arguments: Any) -> None:
        self._stop = StopAfter(steps)
        real_fit(self, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, 'fit', fit)
        with pytest.raises(StoppedError):
            run_training(plan, folder, resume=False)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / 'model.safetensors')


def newest(folder: Path) -> Path:
    return max(folder.glob('checkpoint-*'))


@pytest.mark.slow
@pytest.mark.parametrize(
    ('tied', 'changes'),
    [
        (False, {'gradient_checkpointing': True}),
        (True, {}),
        (False, {'lora': 'light', 'ema_decay': 0.9}),
        (True, {'lora': 'light'}),
    ],
    ids=['whole', 'whole tied', 'rows averaged', 'rows tied'],
)
def test_a_resumed_run_equals_one_that_never_stopped(
    config: RoseConfig,
    tokenizer: RoseTokenizer,
    tmp_path: Path,
    tied: bool,
    changes: dict[str, Any],
) -> None:
    start = write_start(tmp_path / 'start', config, tokenizer, tied=tied)
    plan = recipe(start, **changes)
    straight = run_training(plan, tmp_path / 'straight', resume=False)
    stopped_run(plan, tmp_path / 'stopped', 2)
    resumed = run_training(plan, tmp_path / 'stopped', resume=True)
    one, other = weights(straight), weights(resumed)
    assert one.keys() == other.keys() == weights(start).keys()
    for name, tensor in one.items():
        assert torch.equal(tensor, other[name]), name
    merged = weights(merge_run(tmp_path / 'stopped', tmp_path / 'merged'))
    assert all(torch.equal(tensor, merged[name]) for name, tensor in one.items())


def test_what_is_frozen_comes_out_as_it_went_in(start: Path, tmp_path: Path) -> None:
    trained = weights(run_training(recipe(start), tmp_path / 'run', resume=False))
    changed = {n for n, tensor in weights(start).items() if not torch.equal(tensor, trained[n])}
    frozen = ('text_tower', 'projector', 'image_encoder', 'prompt_encoder', 'siglip.encoder')
    assert not [name for name in changed if any(part in name for part in frozen)]
    for part in ('q_proj.weight', 'down_proj.weight', 'embed_tokens', 'patch_embedding'):
        assert any(part in name for name in changed), part
    load_pretrained(tmp_path / 'run' / 'rose', torch.device('cpu'), torch.float32)


def test_a_checkpoint_does_not_store_what_the_start_holds(start: Path, tmp_path: Path) -> None:
    run_training(recipe(start, lora='light'), tmp_path / 'run', resume=False)
    stored = set(load_file(newest(tmp_path / 'run') / 'module.safetensors'))
    assert any('lora_A' in name for name in stored)
    assert any('patch_analyzer' in name for name in stored)
    for part in ('base_layer', 'image_encoder.blocks', 'projector', 'siglip.encoder'):
        assert not [name for name in stored if part in name], part


def test_resuming_on_other_weights_is_refused(
    start: Path, tmp_path: Path, config: RoseConfig, tokenizer: RoseTokenizer
) -> None:
    stopped_run(recipe(start), tmp_path / 'run', 1)
    with pytest.raises(CheckpointError, match=r'with lora on weights.*is without lora'):
        run_training(recipe(start, lora=None), tmp_path / 'run', resume=True)
    write_start(start, config, tokenizer)  # other random numbers
    with pytest.raises(CheckpointError, match=r'with lora on weights.*is with lora on weights'):
        run_training(recipe(start), tmp_path / 'run', resume=True)


def test_a_run_that_stands_still_can_be_merged(start: Path, tmp_path: Path) -> None:
    stopped_run(recipe(start), tmp_path / 'run', 1)
    result = CliRunner().invoke(
        app, ['merge', str(tmp_path / 'run'), str(tmp_path / 'out' / 'rose')]
    )
    assert result.exit_code == 0, result.output
    load_pretrained(tmp_path / 'out' / 'rose', torch.device('cpu'), torch.float32)
    with pytest.raises(ConfigError, match='is there already'):
        merge_run(tmp_path / 'run', tmp_path / 'out' / 'rose')


def test_merging_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match='no training run'):
        merge_run(tmp_path, tmp_path / 'out')


def test_presets_are_named_or_written_out(tmp_path: Path) -> None:
    plan = recipe(tmp_path, lora='paper')
    assert plan.lora == LORA_PRESETS['paper']
    (tmp_path / 'mine.yaml').write_text(plan.dump())
    assert read_recipe(tmp_path / 'mine.yaml') == plan


@pytest.mark.parametrize(
    ('changes', 'told'),
    [
        ({'lora': 'papr'}, 'no preset of LoRA; known: default, paper, light'),
        ({'lora': {'rank': 0}}, 'greater than 0'),
        ({'lora': {'rank': 4, 'targets': 'mlp'}}, 'query_key'),
        ({'start': None, 'preset': 'nano'}, 'name them as start'),
        ({'vision': True}, 'leave out vision'),
    ],
)
def test_a_recipe_that_lora_cannot_follow_is_refused(
    tmp_path: Path, changes: dict[str, Any], told: str
) -> None:
    plan = recipe(tmp_path)
    fields = {**plan.model_dump(), **changes}
    if changes.get('vision'):
        fields['vision'] = plan.whole.model_dump()
    with pytest.raises(ValueError, match=told):
        Recipe.model_validate(fields)
