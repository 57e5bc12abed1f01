"""Training: examples, objectives, and a run that resumes exactly."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from rose_model.checkpoint import load_pretrained
from rose_model.config import RoseConfig
from rose_model.data.defective_masks import defective_mask, mask_iou
from rose_model.data.sample import VOID
from rose_model.data.streets import render_scene
from rose_model.errors import CheckpointError, ConfigError, TrainingError
from rose_model.instructions import ALL_REGIONS, FOREGROUND, Prompter
from rose_model.presets import PRESETS
from rose_model.rose import Rose
from rose_model.tokenizer import RoseTokenizer
from rose_model.training.checkpointing import STATE_FILE, load_state
from rose_model.training.examples import Example, ExampleDataset, make_example
from rose_model.training.losses import compute_losses, mask_losses, objectness_loss
from rose_model.training.recipe import Recipe, StageRecipe
from rose_model.training.run import run_training
from rose_model.training.stages import WholeStage
from rose_model.training.trainer import Trainer, schedule

SIZE = (60, 80)


@pytest.fixture
def examples(config: RoseConfig, prompter: Prompter) -> list[Example]:
    dataset = ExampleDataset(lambda n: render_scene(n, SIZE), 0, 24, config, prompter)
    return [dataset[index] for index in range(len(dataset))]


def tiny_stage(steps: int, batch_size: int = 2) -> StageRecipe:
    return StageRecipe(
        first_scene=10, steps=steps, batch_size=batch_size, learning_rate=1e-2, warmup_steps=2
    )


def test_an_example_follows_from_its_number(config: RoseConfig, prompter: Prompter) -> None:
    dataset = ExampleDataset(lambda n: render_scene(n, SIZE), 0, 3, config, prompter)
    first, second = vars(dataset[2]), vars(dataset[2])
    for name, value in first.items():
        same = (
            torch.equal(value, second[name]) if torch.is_tensor(value) else value == second[name]
        )
        assert same, name


def test_all_tasks_occur(config: RoseConfig, prompter: Prompter, tokenizer: RoseTokenizer) -> None:
    tasks: Counter[str] = Counter()
    for number in range(60):
        example = make_example(
            render_scene(number, SIZE), config, prompter, np.random.default_rng(number)
        )
        (sentence,) = tokenizer.decode([example.prompt.instruction])
        has_mask = bool(example.mask_channel.any())
        tasks[sentence if sentence in (ALL_REGIONS, FOREGROUND) else f'mask={has_mask}'] += 1
        if has_mask:
            assert len(example.names) <= 1
    assert set(tasks) == {ALL_REGIONS, FOREGROUND, 'mask=True', 'mask=False'}


def test_positives_and_negatives_never_meet(examples: list[Example]) -> None:
    for example in examples:
        assert not (example.is_positive & example.is_negative).any()
        assert not (example.is_positive & example.may_be_hard).any()
        assert example.is_positive[example.patches].all()
        assert len(example.patches) == len(example.masks) == len(example.names)


def test_the_padding_of_sams_frame_is_no_content(examples: list[Example]) -> None:
    rows = round(32 * SIZE[0] / SIZE[1])
    for example in examples:
        assert not example.is_content[rows:].any()
        assert not example.masks[:, rows:].any()
        assert ((example.masks >= 0) & (example.masks <= 1)).all()


def test_perfect_masks_have_hardly_any_loss() -> None:
    masks = (torch.rand(3, 16, 16) > 0.5).float()
    content = torch.ones(3, 16, 16, dtype=torch.bool)
    bce, dice, iou = mask_losses((masks - 0.5) * 40, masks, content)
    assert bce < 1e-6
    assert dice < 1e-2
    assert torch.equal(iou, torch.ones(3))
    _, worst, none = mask_losses((0.5 - masks) * 40, masks, content)
    assert worst > 0.9
    assert torch.equal(none, torch.zeros(3))


def test_what_is_not_content_counts_nowhere() -> None:
    masks, content = (torch.rand(2, 8, 8) > 0.5).float(), torch.zeros(2, 8, 8, dtype=torch.bool)
    content[:, :4] = True
    logits = torch.randn(2, 8, 8)
    changed = logits.clone()
    changed[:, 4:] = 99.0
    for one, other in zip(
        mask_losses(logits, masks, content), mask_losses(changed, masks, content), strict=True
    ):
        assert torch.equal(one, other)


def test_hard_negatives_are_the_highest_scoring_free_patches(examples: list[Example]) -> None:
    example = replace(examples[0], is_negative=torch.zeros_like(examples[0].is_negative))
    free = torch.nonzero(example.may_be_hard)
    logits = torch.full((1, len(example.is_positive)), -9.0, requires_grad=True)
    with torch.no_grad():
        logits[0, free[0]] = 5.0
    objectness_loss(logits, [example]).backward()
    assert logits.grad is not None
    assert logits.grad[0, free[0]] > 0


def test_every_objective_reaches_its_part(
    rose: Rose, examples: list[Example], prompter: Prompter
) -> None:
    compute_losses(rose, examples[:6], prompter.category()).total.backward()
    parts = {
        'patch embedding': rose.perception.vision_tower.siglip.embeddings.patch_embedding.project,
        'projector': rose.perception.projector.linear_1,
        'names': rose.perception.language_model.lm_head,
        'objectness': rose.patch_analyzer.objectness_head[0],
        'masks': rose.patch_analyzer.mask_head[0],
        'categories': rose.patch_analyzer.category_head[0],
        'sam encoder': rose.sam.image_encoder.patch_embed.proj,
        'sam decoder': rose.sam.mask_decoder.output_hypernetworks_mlps[0].layers[0],
    }
    for name, part in parts.items():
        assert part.weight.grad is not None, name
        assert part.weight.grad.abs().sum() > 0, name


def test_a_batch_without_regions_trains_objectness_only(
    rose: Rose, examples: list[Example], prompter: Prompter
) -> None:
    example = examples[0]
    grid = len(example.is_positive)
    empty = Example(
        example.lmm_pixels,
        example.mask_channel,
        example.sam_pixels,
        example.prompt,
        torch.zeros(grid, dtype=torch.bool),
        torch.ones(grid, dtype=torch.bool),
        torch.zeros(grid, dtype=torch.bool),
        torch.zeros(0, dtype=torch.long),
        example.masks[:0],
        example.is_content,
        (),
    )
    losses = compute_losses(rose, [empty], prompter.category())
    losses.total.backward()
    assert losses.loss_text == losses.loss_mask_bce == 0
    assert losses.loss_objectness > 0


def test_one_batch_can_be_learned_by_heart(
    rose: Rose, examples: list[Example], prompter: Prompter
) -> None:
    batch = [example for example in examples if len(example.names)][:2]
    optimizer = torch.optim.AdamW(rose.parameters(), 3e-3)
    first = None
    for _ in range(40):
        losses = compute_losses(rose, batch, prompter.category())
        first = first or losses
        optimizer.zero_grad()
        losses.total.backward()
        optimizer.step()
    assert losses.loss_text < 0.3 * first.loss_text
    assert losses.total < 0.5 * first.total


def test_a_resumed_run_equals_one_that_never_stopped(
    config: RoseConfig, tokenizer: RoseTokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped after the first stage and again in the second, every weight is the same."""
    monkeypatch.setitem(PRESETS, 'tiny', lambda: config)
    recipe = Recipe(preset='tiny', vision=tiny_stage(3), whole=tiny_stage(5))
    straight = run_training(recipe, tmp_path / 'straight', resume=False)

    stopped = tmp_path / 'stopped'
    real_step = Trainer._step
    for stage, step in (('vision', 2), ('whole', 3)):

        def interrupted(self, current, recipe, number, *rest, stage=stage, step=step):
            if (current.name, number) == (stage, step):
                raise KeyboardInterrupt
            return real_step(self, current, recipe, number, *rest)

        monkeypatch.setattr(Trainer, '_step', interrupted)
        monkeypatch.setattr('rose_model.training.trainer.SAVE_EVERY_S', 0.0)
        with pytest.raises(KeyboardInterrupt):
            run_training(recipe, stopped, resume=(stopped / STATE_FILE).exists())
        state = load_state(stopped)
        assert (state.stage, state.step) == (stage, step)
    monkeypatch.setattr(Trainer, '_step', real_step)
    resumed = run_training(recipe, stopped, resume=True)

    models = [
        load_pretrained(folder, torch.device('cpu'), torch.float32).rose.state_dict()
        for folder in (straight, resumed)
    ]
    assert all(torch.equal(models[0][name], models[1][name]) for name in models[0])


def test_an_existing_run_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / STATE_FILE).write_bytes(b'')
    recipe = Recipe(preset='nano', vision=tiny_stage(1), whole=tiny_stage(1))
    with pytest.raises(ConfigError, match='--resume'):
        run_training(recipe, tmp_path, resume=False)


def test_resuming_nothing_or_a_damaged_run_is_said(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match='without --resume'):
        load_state(tmp_path)
    for junk in (b'not a state', b'junk', b''):
        (tmp_path / STATE_FILE).write_bytes(junk)
        with pytest.raises(CheckpointError, match='damaged'):
            load_state(tmp_path)


def test_five_losses_in_a_row_that_are_not_finite_stop_the_run(
    rose: Rose, prompter: Prompter, tmp_path: Path
) -> None:
    with torch.no_grad():
        rose.patch_analyzer.objectness_head[2].bias.fill_(torch.nan)
    weights = rose.sam.mask_decoder.iou_token.weight.clone()
    with pytest.raises(TrainingError, match='5 times in a row'):
        Trainer(tmp_path, 0.9).fit(WholeStage(rose, prompter), tiny_stage(8, 1))
    assert torch.equal(rose.sam.mask_decoder.iou_token.weight, weights)


def test_the_log_holds_every_objective(
    rose: Rose, prompter: Prompter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr('rose_model.training.trainer.LOG_EVERY', 1)
    Trainer(tmp_path, 0.9).fit(WholeStage(rose, prompter), tiny_stage(2))
    lines = [json.loads(line) for line in (tmp_path / 'log.jsonl').read_text().splitlines()]
    assert [line['step'] for line in lines] == [1, 2]
    assert {'loss_text', 'loss_mask_bce', 'loss_mask_dice', 'loss_objectness'} <= lines[0].keys()


def test_the_learning_rate_warms_up_and_decays() -> None:
    recipe = tiny_stage(100)
    rates = [schedule(step, recipe) for step in range(100)]
    assert rates[0] == pytest.approx(0.5)
    assert max(rates) == pytest.approx(1, abs=0.01)
    assert rates[-1] < 0.03
    assert rates[2:] == sorted(rates[2:], reverse=True)


def test_defective_masks_have_the_iou_that_was_asked_for() -> None:
    mask = np.zeros((80, 100), bool)
    mask[20:60, 30:80] = True
    ious = []
    for number in range(60):
        damaged = defective_mask(mask, np.random.default_rng(number))
        assert damaged.any()
        ious.append(mask_iou(damaged, mask))
    assert np.mean([0.25 <= iou <= 1 for iou in ious]) > 0.95
    assert min(ious) < 0.55
    assert np.median(ious) < 0.9


def test_two_empty_masks_agree() -> None:
    assert mask_iou(np.zeros((3, 3), bool), np.zeros((3, 3), bool)) == 1.0


def test_void_is_neither_positive_nor_negative(config: RoseConfig, prompter: Prompter) -> None:
    scene = render_scene(4, SIZE)
    scene.index_map[:30] = VOID
    example = make_example(scene, config, prompter, np.random.default_rng(0))
    upper = torch.arange(36) < 18
    assert not (example.is_negative & upper).any()
    assert not (example.may_be_hard & upper).any()
