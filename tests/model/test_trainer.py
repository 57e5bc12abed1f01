"""The training loop: exact, resumable, and plain about what goes wrong."""

from __future__ import annotations

import io
import itertools
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from torch import Tensor, nn

from rose_model.checkpoint import check_folder, load_pretrained
from rose_model.config import RoseConfig
from rose_model.errors import CheckpointError, ConfigError, TrainingError
from rose_model.presets import PRESETS
from rose_model.training import log as training_log
from rose_model.training import trainer as training
from rose_model.training.batches import StepSampler
from rose_model.training.checkpointing import Checkpoint, CheckpointStore
from rose_model.training.log import LOG_FILE, progress_bar
from rose_model.training.recipe import Recipe, StageRecipe
from rose_model.training.run import run_training
from rose_model.training.schedule import learning_rate_share
from rose_model.training.stop_signal import StoppedError, stop_signal
from rose_model.training.trainer import Trainer
from rose_model.training.world import World

from .tiny_stage import WORLD, Regression, TinyStage, tiny_recipe


def train(folder: Path, recipe: StageRecipe, stage: TinyStage | None = None, **options: Any):
    stage = stage or TinyStage()
    resumed = options.pop('resumed', None)
    folder.mkdir(exist_ok=True)
    Trainer(folder, 0.9, world=WORLD, **options).fit(stage, recipe, resumed)
    return stage.module


def newest(folder: Path) -> Checkpoint:
    checkpoint = CheckpointStore(folder, WORLD).newest()
    assert checkpoint is not None
    return checkpoint


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / LOG_FILE).read_text().splitlines()]


class StopAfter:
    """Asks a run to stop after so many steps."""

    def __init__(self, steps: int) -> None:
        self.left, self.number = steps, int(signal.SIGTERM)

    def __bool__(self) -> bool:
        self.left -= 1
        return self.left <= 0


def same_files(one: Path, other: Path) -> None:
    names = {path.name for path in one.iterdir()}
    assert names == {path.name for path in other.iterdir()}
    assert len(names) == 5
    for name in names:
        assert (one / name).read_bytes() == (other / name).read_bytes(), name


def test_a_resumed_stage_equals_one_that_never_stopped(tmp_path: Path) -> None:
    """Parameters, average, optimizer and position, to the last bit; dropout draws alike, too."""
    recipe = tiny_recipe()
    straight = train(tmp_path / 'straight', recipe)
    with pytest.raises(StoppedError):
        train(tmp_path / 'stopped', recipe, stop=StopAfter(5))
    checkpoint = newest(tmp_path / 'stopped')
    assert checkpoint.position.step == 5
    resumed = train(tmp_path / 'stopped', recipe, resumed=checkpoint)
    for one, other in zip(straight.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(one, other)
    same_files(
        tmp_path / 'straight' / 'checkpoint-000012', tmp_path / 'stopped' / 'checkpoint-000012'
    )


def test_micro_batches_equal_one_batch(tmp_path: Path) -> None:
    def plain() -> TinyStage:
        stage = TinyStage()
        stage.module.layers[1] = nn.Identity()  # dropout draws once a micro-batch
        return stage

    whole = train(tmp_path / 'whole', tiny_recipe(batch_size=6), plain())
    parts = train(tmp_path / 'parts', tiny_recipe(batch_size=6, micro_batch=2), plain())
    for one, other in zip(whole.parameters(), parts.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def test_processes_share_a_step_without_gap_or_overlap() -> None:
    recipe = tiny_recipe(steps=3, batch_size=8, micro_batch=2)
    alone = list(StepSampler(recipe, 1, WORLD))
    assert list(itertools.chain(*alone)) == list(range(8, 24))
    pair = [list(StepSampler(recipe, 1, World(rank, 2, WORLD.device))) for rank in (0, 1)]
    together = [one + other for one, other in zip(*pair, strict=True)]
    assert list(itertools.chain(*together)) == list(range(8, 24))


def test_a_few_examples_can_be_repeated() -> None:
    recipe = tiny_recipe(steps=3, batch_size=4, repeat=8)
    assert list(StepSampler(recipe, 0, WORLD)) == [[0, 1, 2, 3], [4, 5, 6, 7], [0, 1, 2, 3]]


def test_a_batch_that_cannot_be_shared_is_refused() -> None:
    with pytest.raises(ConfigError, match='batch_size 6 is no multiple'):
        tiny_recipe(batch_size=6).parts(4)
    with pytest.raises(ConfigError, match='batch_size 2 is no multiple'):
        tiny_recipe(batch_size=2).parts(4)


def test_a_loss_that_is_not_finite_changes_nothing_and_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_log, 'LOG_EVERY', 1)
    stage = TinyStage(Regression(spoiled=(2, 5)))
    train(tmp_path, tiny_recipe(steps=7), stage)
    assert [line['step'] for line in lines(tmp_path)] == [1, 2, 4, 5, 7]
    assert lines(tmp_path)[-1]['skipped'] == 2
    assert newest(tmp_path).position.skipped == 2
    assert all(parameter.isfinite().all() for parameter in stage.module.parameters())


def test_five_in_a_row_stop_the_run_and_its_weights_stay_as_they_were(tmp_path: Path) -> None:
    stage = TinyStage(Regression(spoiled=tuple(range(5))))
    before = [parameter.clone() for parameter in stage.module.parameters()]
    with pytest.raises(TrainingError, match=r'5 times in a row.*learning_rate.*--resume'):
        train(tmp_path, tiny_recipe(), stage)
    assert all(map(torch.equal, before, stage.module.parameters()))


def test_the_log_holds_every_figure_and_a_resumed_run_has_each_line_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_log, 'LOG_EVERY', 1)
    with pytest.raises(StoppedError):
        train(tmp_path, tiny_recipe(steps=4), stop=StopAfter(2))
    checkpoint = newest(tmp_path)
    with (tmp_path / LOG_FILE).open('a') as file:  # a killed run came further than it saved
        file.write('{"stage": "tiny", "step": 3, "loss": 9}\n{"stage": "ti')
    train(tmp_path, tiny_recipe(steps=4), resumed=checkpoint)
    assert [line['step'] for line in lines(tmp_path)] == [1, 2, 3, 4]
    assert {'loss', 'error', 'grad_norm', 'learning_rate', 'skipped'} <= lines(tmp_path)[2].keys()
    assert lines(tmp_path)[2]['loss'] != 9
    assert list((tmp_path / 'tensorboard' / 'tiny').iterdir())


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Ctrl-C as a terminal has it: whoever runs the tests in the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures('ctrl_c')
@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_run_after_the_step_with_a_checkpoint(
    tmp_path: Path, number: signal.Signals
) -> None:
    stage = TinyStage()
    real_forward = stage.module.forward

    def forward(batch: Tensor) -> Any:
        if stage.module.passes == 3:
            os.kill(os.getpid(), number)
        return real_forward(batch)

    stage.module.forward = forward
    with stop_signal() as stop, pytest.raises(StoppedError) as stopped:
        train(tmp_path, tiny_recipe(), stage, stop=stop)
    assert stopped.value.number == number
    assert newest(tmp_path).position.step == 4
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.usefixtures('ctrl_c')
def test_a_second_ctrl_c_ends_at_once() -> None:
    with stop_signal():
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_saves_follow_the_running_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every third step is due; the last one is saved in any case."""
    ticks = itertools.count(0, 50)
    monkeypatch.setattr(training, 'monotonic', lambda: float(next(ticks)))
    saved: list[int] = []
    real_save = CheckpointStore.save

    def save(self, position, *rest):
        saved.append(position.step)
        return real_save(self, position, *rest)

    monkeypatch.setattr(CheckpointStore, 'save', save)
    train(tmp_path, tiny_recipe(steps=8))
    assert saved == [3, 6, 8]


def test_the_cosine_warms_up_and_decays() -> None:
    recipe = tiny_recipe(steps=100)
    rates = [learning_rate_share(step, recipe) for step in range(100)]
    assert rates[0] == pytest.approx(0.5)
    assert max(rates) == pytest.approx(1, abs=0.01)
    assert rates[-1] < 0.03
    assert rates[2:] == sorted(rates[2:], reverse=True)


def test_the_line_is_that_of_warmup_decay_lr() -> None:
    """Up to 1 in 10 steps, then down by the same amount each step, to nothing at the end."""
    recipe = tiny_recipe(steps=50, warmup_steps=10, schedule='linear', final_rate=0.0)
    rates = [learning_rate_share(step, recipe) for step in range(50)]
    assert rates[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert rates[10:] == pytest.approx([(50 - step) / 40 for step in range(10, 50)])


def test_the_progress_bar_keeps_its_eta_in_a_narrow_terminal() -> None:
    output = io.StringIO()
    console = Console(file=output, width=50, force_terminal=True, legacy_windows=False)
    with progress_bar('whole', 3, 1700, WORLD, console) as bar:
        bar.advance('loss_objectness 0.123  loss_mask_dice 0.456  loss_text 0.789')
    last = [line for line in output.getvalue().splitlines() if 'whole' in line][-1]
    shown = console.render_str(last).plain
    assert '4/1700' in shown
    assert '-:--:--' in shown
    assert '…' in shown


@pytest.fixture
def tiny_run(config: RoseConfig, monkeypatch: pytest.MonkeyPatch) -> Recipe:
    monkeypatch.setitem(PRESETS, 'tiny', lambda: config)
    stage = {'batch_size': 2, 'learning_rate': 1e-2, 'warmup_steps': 1, 'first_scene': 10}
    return Recipe(
        preset='tiny',
        vision=StageRecipe(steps=2, **stage),
        words=StageRecipe(steps=2, word_questions=3, **stage),
        whole=StageRecipe(steps=3, **stage),
    )


@pytest.mark.slow
def test_a_resumed_run_equals_one_that_never_stopped(
    tiny_run: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped in each of three stages, every weight is the same."""
    straight = run_training(tiny_run, tmp_path / 'straight', resume=False)

    stopped = tmp_path / 'stopped'
    real_fit = Trainer.fit
    for stage, step in (('vision', 1), ('words', 1), ('whole', 2)):

        def fit(self, current, recipe, resumed=None, *, stage=stage, step=step):
            if current.name == stage:
                self._stop = StopAfter(step)
            real_fit(self, current, recipe, resumed)

        monkeypatch.setattr(Trainer, 'fit', fit)
        with pytest.raises(StoppedError):
            run_training(tiny_run, stopped, resume=stopped.exists())
        position = newest(stopped).position
        assert (position.stage, position.step) == (stage, step)
    monkeypatch.setattr(Trainer, 'fit', real_fit)
    resumed = run_training(tiny_run, stopped, resume=True)

    models = [
        load_pretrained(folder, torch.device('cpu'), torch.float32).rose.state_dict()
        for folder in (straight, resumed)
    ]
    assert all(torch.equal(models[0][name], models[1][name]) for name in models[0])


@pytest.mark.slow
def test_words_are_learned_without_touching_sam(tiny_run: Recipe, tmp_path: Path) -> None:
    """And afterwards SAM is trained again."""
    untouched = {}
    real_fit = Trainer.fit

    def fit(self, current, recipe, resumed=None):
        sam = current.module.rose.sam if current.name != 'vision' else None
        old = None if sam is None else {k: v.clone() for k, v in sam.state_dict().items()}
        real_fit(self, current, recipe, resumed)
        if sam is not None:
            same = [torch.equal(old[name], value) for name, value in sam.state_dict().items()]
            untouched[current.name] = all(same)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, 'fit', fit)
        run_training(tiny_run, tmp_path / 'run', resume=False)
    assert untouched == {'words': True, 'whole': False}


def test_an_existing_run_is_never_overwritten(tiny_run: Recipe, tmp_path: Path) -> None:
    (tmp_path / 'checkpoint-000001').mkdir()
    with pytest.raises(ConfigError, match='--resume'):
        run_training(tiny_run, tmp_path, resume=False)


def test_resuming_nothing_is_said(tiny_run: Recipe, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match='without --resume'):
        run_training(tiny_run, tmp_path, resume=True)


def test_a_run_goes_on_from_a_rose_folder(tiny_run: Recipe, rose_folder: Path) -> None:
    whole = tiny_run.whole.model_copy(update={'steps': 1})
    recipe = Recipe(start=str(rose_folder), name='mine', whole=whole)
    trained = run_training(recipe, rose_folder.parent / 'run', resume=False)
    assert check_folder(trained).name == 'mine'
    before, after = (
        load_pretrained(folder, torch.device('cpu'), torch.float32).rose.state_dict()
        for folder in (rose_folder, trained)
    )
    assert before.keys() == after.keys()
    assert any(not torch.equal(before[name], after[name]) for name in before)
