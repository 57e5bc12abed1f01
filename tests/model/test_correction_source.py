"""Training on logged corrections: it asks what was said, and of the rest nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from rose_model.checkpoint import load_pretrained
from rose_model.config import RoseConfig
from rose_model.correction_record import (
    segment_records,
    write_correction,
)
from rose_model.data.corrections import CorrectedSample, LoggedCorrections
from rose_model.data.streets import SEEN_PAIRS, render_scene
from rose_model.errors import ConfigError
from rose_model.instructions import Prompter
from rose_model.records import RefinementCase
from rose_model.training.correction_source import correction_task, with_corrections
from rose_model.training.examples import ExampleDataset, make_example
from rose_model.training.losses import objectness_losses
from rose_model.training.question import Question
from rose_model.training.recipe import Recipe, StageRecipe, read_recipe
from rose_model.training.run import run_training
from rose_model.training.sources import Source, streets
from rose_model.training.targets import assign_patches
from tests.model.correction_examples import (
    CAR,
    IMAGE,
    ROAD,
    SIZE,
    make_record,
    make_segment,
    write_examples,
)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return write_examples(tmp_path / 'log')


@pytest.fixture
def source(log: Path) -> Source:
    base = replace(streets(), read=lambda number: render_scene(number, SIZE, pairs=SEEN_PAIRS))
    return with_corrections(base, log)


def test_every_second_sample_is_a_correction_and_each_comes_once_a_round(
    log: Path, source: Source
) -> None:
    street = source.read(4)
    assert np.array_equal(street.image, render_scene(4, SIZE, pairs=SEEN_PAIRS).image)
    for first in (1, 9):
        asked = set()
        for number in range(first, first + 8, 2):
            sample = source.read(number)
            [task] = source.tasks(number, sample, np.random.default_rng(0))
            asked.add(task.instruction)
        assert len(asked) == 4
    assert {'van', 'dog', 'road', 'black bus'} <= set(source.vocabulary)


def test_a_correction_is_one_question_about_one_region(
    config: RoseConfig, prompter: Prompter, source: Source
) -> None:
    dataset = ExampleDataset(source, 1, 7, config, prompter)
    questions = {}
    for index in (0, 2, 4, 6):
        [question] = dataset[index].questions
        assert question.is_selective
        questions[question.names] = question
    assert {names: len(q.masked) for names, q in questions.items()} == {
        ('van',): 0,
        ('car',): 1,
        ('dog',): 1,
        (): 0,
    }
    given = {names: q.mask_channel is not None for names, q in questions.items()}
    assert given == {('van',): True, ('car',): True, ('dog',): False, (): False}


def test_where_a_segment_was_removed_nothing_answers_and_elsewhere_nothing_is_learned(
    config: RoseConfig, prompter: Prompter, log: Path
) -> None:
    sample = LoggedCorrections(log)[3]
    question = question_of(sample, config, prompter)
    grid = config.vision.grid_size
    alone = assign_patches(sample, (0,), config.super_patch, grid).region_of_patch == 0
    inside = sample.under_patch_centres(grid) == 0
    negative = question.is_negative.numpy()
    assert alone.any()
    assert negative[alone].all()  # those that found it
    assert not (negative & ~alone & ~inside).any()
    assert not (question.may_be_hard.numpy() & ~inside).any()
    assert not question.is_positive.any()
    assert question.response == ()
    assert len(question.patches) == len(question.masked) == 0


@pytest.mark.parametrize('side', [1, 3, 40])
@pytest.mark.parametrize('corner', [(0, 0), (57, 0), (0, 37), (57, 37), (29, 19), (11, 7)])
def test_of_a_removed_speck_something_is_learned_too(
    config: RoseConfig, prompter: Prompter, log: Path, side: int, corner: tuple[int, int]
) -> None:
    """It may lie under the centre of no patch; a question without any target has no loss."""
    x, y = corner
    box = (x, y, min(60, x + side), min(40, y + side))
    speck = make_segment('3', 'dog', box)
    update = {'before': segment_records((ROAD, CAR, speck))}
    record = make_record(RefinementCase.DELETE).model_copy(update=update)
    write_correction(log, 'a', record, IMAGE)
    question = question_of(LoggedCorrections(log)[4], config, prompter)
    assert question.is_negative.any()
    entropy, ranking = objectness_losses(torch.zeros(1, config.vision.grid_size**2), [question])
    assert torch.isfinite(entropy).all()
    assert ranking.item() == 0


def question_of(sample: CorrectedSample, config: RoseConfig, prompter: Prompter) -> Question:
    rng = np.random.default_rng(0)
    task = correction_task(sample)
    example = make_example(sample, [task], config, prompter, rng, max_masks=8, kept_patches=9)
    [question] = example.questions
    return question


def test_a_recipe_names_the_folder_for_the_whole_model_alone(log: Path, tmp_path: Path) -> None:
    stage = f'{{steps: 9, batch_size: 1, learning_rate: 0.1, warmup_steps: 1, corrections: {log}}}'
    path = tmp_path / 'mine.yaml'
    path.write_text(f'start: nano\nwhole: {stage}')
    recipe = read_recipe(path)
    assert recipe.whole.corrections == log
    path.write_text(recipe.dump())
    assert read_recipe(path) == recipe
    for name in ('vision', 'sam', 'words'):
        path.write_text(f'start: nano\n{name}: {stage}\nwhole: {stage}')
        with pytest.raises(ConfigError, match=f'stage whole, not in {name}'):
            read_recipe(path)


def test_a_training_run_reads_the_folder(log: Path, rose_folder: Path, tmp_path: Path) -> None:
    whole = StageRecipe(steps=2, batch_size=2, learning_rate=1e-3, warmup_steps=1, corrections=log)
    recipe = Recipe(start=str(rose_folder), name='tiny-corrected', whole=whole)
    trained = run_training(recipe, tmp_path / 'run', resume=False)
    assert trained.is_dir()
    cpu, float32 = torch.device('cpu'), torch.float32
    assert load_pretrained(trained, cpu, float32).rose.config.name == 'tiny-corrected'
