"""Images that a benchmark measures on are left out of training."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from rose_model.cli.main import app
from rose_model.data.exclusion import excluding, read_excluded
from rose_model.data.formats import Format, open_images
from rose_model.data.refer import Referring, write_references
from rose_model.errors import ConfigError, DataError
from rose_model.training.recipe import Recipe, StageRecipe, read_recipe
from rose_model.training.recipe_source import open_source
from rose_model.training.run import run_training


@pytest.fixture
def tree(tmp_path: Path, scene: np.ndarray, layouts: ModuleType) -> Path:
    """COCO in three formats with the images 1 and 2, and references that learn from 1 and measure
    on 2.
    """
    layouts.write_coco(tmp_path / 'coco', scene)
    layouts.write_coco_panoptic(tmp_path / 'coco-panoptic', scene)
    layouts.write_coco_stuff(tmp_path / 'cocostuff', scene)
    layouts.write_refer(tmp_path / 'refcoco', scene)
    for name, kind in (('coco', 'instances'), ('coco-panoptic', 'panoptic')):
        path = tmp_path / name / 'annotations' / f'{kind}_train2017.json'
        content = json.loads(path.read_text())
        again = json.loads(path.read_text().replace('000000000001', '000000000002'))
        again['images'][0]['id'] = 2
        for annotation in again['annotations']:
            annotation['image_id'] = 2
            if 'id' in annotation:
                annotation['id'] += 100
        content['images'] += again['images']
        content['annotations'] += again['annotations']
        path.write_text(json.dumps(content))
    for picture in sorted(tmp_path.rglob('000000000001.*')):
        second = picture.with_name(picture.name.replace('1', '2'))
        second.write_bytes(picture.read_bytes())
    references = [reference(1, 1, 'train', 4), reference(2, 2, 'testA', 104)]
    write_references(tmp_path / 'refcoco' / 'refs(umd).p', references)
    path = tmp_path / 'refcoco' / 'instances.json'
    path.write_text((tmp_path / 'coco' / 'annotations' / 'instances_train2017.json').read_text())
    return tmp_path


def reference(number: int, image: int, split: str, annotation: int) -> dict[str, Any]:
    return {
        'ref_id': number,
        'ann_id': annotation,
        'image_id': image,
        'split': split,
        'sentences': [{'sent': 'right car'}],
    }


def held_out(tree: Path) -> Path:
    return tree / 'refcoco' / 'refs(umd).p'


def stage(part: dict[str, Any]) -> StageRecipe:
    settings = {'steps': 3, 'batch_size': 8, 'learning_rate': 1e-3, 'warmup_steps': 1}
    return StageRecipe.model_validate({**settings, 'data': [part]})


SETS = {
    'coco': 'coco',
    'coco-panoptic': 'coco-panoptic',
    'coco-stuff': 'cocostuff',
}


def test_of_references_all_images_but_those_of_train_are_excluded(tree: Path) -> None:
    assert read_excluded([held_out(tree)]) == {2}
    assert read_excluded([]) == frozenset()


def test_a_text_file_names_ids_as_well(tree: Path) -> None:
    path = tree / 'ids.txt'
    path.write_text('7\n2\n')
    assert read_excluded([path, held_out(tree)]) == {2, 7}


@pytest.mark.parametrize('format_', SETS)
def test_a_measured_image_is_never_read_in_training(tree: Path, format_: str) -> None:
    root = tree / SETS[format_]
    images = open_images(Format(format_), root, 'train2017', 0.0)
    assert tuple(images.image_ids) == (1, 2)
    kept = excluding(images, read_excluded([held_out(tree)]), format_)
    assert (len(kept), kept.lost) == (1, 1)
    assert kept[0].regions == images[0].regions
    assert kept.notes[-1] == '1 of 2 images are excluded: a benchmark measures on them'
    assert (kept.kinds, kept.faults) == (images.kinds, images.faults)


@pytest.mark.parametrize('format_', SETS)
def test_the_recipes_key_excludes_them_and_the_log_says_how_many(
    tree: Path, format_: str, caplog: pytest.LogCaptureFixture
) -> None:
    part = {'format': format_, 'root': str(tree / SETS[format_]), 'split': 'train2017'}
    with caplog.at_level(logging.INFO):
        source = open_source(stage({**part, 'exclude_images': [str(held_out(tree))]}))
    assert '1 of 2 images are excluded' in caplog.text
    for number in range(6):
        source.read(number)


def test_expressions_about_a_measured_image_are_left_out(tree: Path) -> None:
    """What one set learns from, another one measures on."""
    write_references(
        tree / 'refcoco' / 'refs(unc).p',
        [reference(1, 1, 'train', 4), reference(2, 2, 'train', 104)],
    )
    root, excluded = tree / 'refcoco', read_excluded([held_out(tree)])
    assert len(Referring(root, tree / 'coco' / 'train2017', 'train', 'unc')) == 2
    left = Referring(root, tree / 'coco' / 'train2017', 'train', 'unc', excluded=excluded)
    assert (len(left), left.lost) == (1, 1)


def test_nothing_left_is_an_error_that_says_why(tree: Path) -> None:
    images = open_images(Format.COCO, tree / 'coco', 'train2017', 0.0)
    with pytest.raises(DataError, match='All 2 images are excluded'):
        excluding(images, frozenset({1, 2}), 'coco')
    with pytest.raises(DataError, match='about excluded images'):
        Referring(
            tree / 'refcoco',
            tree / 'coco' / 'train2017',
            'testA',
            'umd',
            excluded=frozenset({2}),
        )


def test_a_format_without_cocos_ids_refuses_the_key(tmp_path: Path) -> None:
    part = {'format': 'ade20k', 'root': 'x', 'split': 'training', 'exclude_images': ['refs(a).p']}
    with pytest.raises(ValueError, match='exclude_images is for images of COCO'):
        stage(part)


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (None, r'refs\(unc\)\.p is not a file'),
        ([], 'names no image'),
        ([{'split': 'val'}], 'without split or image_id'),
    ],
)
def test_a_missing_or_empty_file_stops_a_run_before_any_work(
    tmp_path: Path, content: list[dict[str, Any]] | None, message: str
) -> None:
    path = tmp_path / 'refs(unc).p'
    if content is not None:
        write_references(path, content)
    part = {'format': 'coco', 'root': 'no', 'split': 'train2017', 'exclude_images': [str(path)]}
    recipe = Recipe(start='no/such/weights', whole=stage(part))
    with pytest.raises(DataError, match=message):
        run_training(recipe, tmp_path / 'run', resume=False)
    assert not (tmp_path / 'run').exists()


def test_ids_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    path = tmp_path / 'ids.txt'
    path.write_text('000000000009.jpg')
    with pytest.raises(DataError, match='no list of ids'):
        read_excluded([path])


def test_the_check_says_how_many_are_excluded(tree: Path) -> None:
    result = CliRunner().invoke(
        app, ['data', 'check', str(tree / 'coco'), '--exclude', str(held_out(tree))]
    )
    assert result.exit_code == 0, result.output
    assert '1 of 2 images are excluded' in result.output


def test_the_plan_says_what_is_excluded_or_that_the_file_is_missing(tree: Path) -> None:
    recipe = tree / 'mine.yaml'
    recipe.write_text(
        'start: nano\nwhole:\n  steps: 3\n  batch_size: 8\n  learning_rate: 0.001\n'
        '  warmup_steps: 1\n  data:\n    - {format: coco, root: x, split: train2017, '
        f'exclude_images: ["{held_out(tree)}"]}}\n'
    )
    result = CliRunner().invoke(app, ['plan', str(recipe), '--preset', 'nano', '--gpus', '1'])
    assert '1 images are excluded' in result.output
    held_out(tree).unlink()
    result = CliRunner().invoke(app, ['plan', str(recipe), '--preset', 'nano', '--gpus', '1'])
    assert 'training would stop' in result.output


def test_the_recipe_of_the_paper_learns_from_no_image_that_its_tables_measure_on() -> None:
    data = read_recipe('paper').whole.data
    assert isinstance(data, tuple)
    for part in data:
        on_coco = 'coco' in str(part.root)
        assert bool(part.exclude_images) == on_coco, part
        if on_coco:
            named = {str(path) for path in part.exclude_images}
            assert named == {
                f'dataset/refer_seg/{name}'
                for name in ('refcoco/refs(unc).p', 'refcoco+/refs(unc).p', 'refcocog/refs(umd).p')
            }


def test_an_unknown_key_beside_it_is_still_refused(tmp_path: Path) -> None:
    path = tmp_path / 'mine.yaml'
    path.write_text(
        'start: nano\nwhole: {steps: 3, batch_size: 8, learning_rate: 0.1, warmup_steps: 1, '
        'data: [{format: coco, root: x, split: y, exclude_image: []}]}'
    )
    with pytest.raises(ConfigError, match=r'unknown key .*exclude_image'):
        read_recipe(path)
