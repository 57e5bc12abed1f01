"""Recipes of training: checked key by key before anything is built."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from rose_model.cli.main import app
from rose_model.errors import ConfigError
from rose_model.training.recipe import read_recipe, shipped_recipes


def test_shipped_recipes_are_valid_and_survive_a_round_trip(tmp_path: Path) -> None:
    assert shipped_recipes() == [
        'camvid',
        'corrections',
        'lora',
        'nano',
        'nano-further',
        'overfit',
        'paper',
    ]
    for name in shipped_recipes():
        recipe = read_recipe(name)
        (tmp_path / 'recipe.yaml').write_text(recipe.dump())
        assert read_recipe(tmp_path / 'recipe.yaml') == recipe


def test_the_paper_recipe_has_the_papers_numbers() -> None:
    recipe = read_recipe('paper')
    whole = recipe.whole
    assert (whole.learning_rate, whole.steps, whole.warmup_steps) == (3e-3, 50_000, 1500)
    assert (whole.micro_batch, whole.parts(8)) == (2, 10)
    assert recipe.lora is not None
    assert (recipe.lora.targets, recipe.lora.alpha, recipe.lora.tables) == ('all', 32, 'whole')


@pytest.mark.parametrize(
    ('content', 'told'),
    [
        ('preset: nano\nwhole: {stepz: 3}', "unknown key 'whole.stepz'"),
        ('preset: nano\nwhole: {steps: 0}', 'whole.steps: .*greater than 0.*got 0'),
        ('preset: nano', 'whole: Field required'),
        ('preset: nano\nstart: nano\n{whole}', 'either preset or start'),
        ('{whole}', 'either preset or start'),
        ('preset: nano\nwords: {camvid}\n{whole}', 'words learns from streets and nothing'),
        ('preset: nano\nwhole: {rootless}', 'root is the folder of camvid'),
        ('preset: [', 'is not YAML'),
        ('', 'valid dictionary'),
    ],
)
def test_a_faulty_recipe_is_refused_by_its_key(tmp_path: Path, content: str, told: str) -> None:
    stage = '{steps: 9, batch_size: 1, learning_rate: 0.1, warmup_steps: 1}'
    path = tmp_path / 'mine.yaml'
    path.write_text(
        content.replace('{whole}', f'whole: {stage}')
        .replace('{stage}', stage)
        .replace('{camvid}', stage.replace('}', ', data: camvid, root: here}'))
        .replace('{rootless}', stage.replace('}', ', data: camvid}'))
    )
    with pytest.raises(ConfigError, match=rf'(?s)mine\.yaml.*{told}'):
        read_recipe(path)


def test_all_stages_but_words_can_learn_from_photographs(tmp_path: Path) -> None:
    stage = '{steps: 9, batch_size: 1, learning_rate: 0.1, warmup_steps: 1, data: camvid, root: x}'
    path = tmp_path / 'mine.yaml'
    path.write_text(f'start: nano\nvision: {stage}\nsam: {stage}\nwhole: {stage}')
    recipe = read_recipe(path)
    assert {recipe.vision.data, recipe.sam.data, recipe.whole.data} == {'camvid'}


def test_an_unknown_recipe_is_said() -> None:
    result = CliRunner().invoke(app, ['train', 'nanno'])
    assert result.exit_code == 2
    assert 'No recipe nanno' in result.output
