"""Mixtures of data sets: rates are exact, nothing is left out, a number always means the same."""

from __future__ import annotations

import logging
import signal
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from rose_model.checkpoint import load_pretrained
from rose_model.config import RoseConfig
from rose_model.data.formats import Format, open_images
from rose_model.data.refer import Referring
from rose_model.data.sample import VOID, LabelledRegion, Sample
from rose_model.dense_wording import dense_instruction
from rose_model.errors import ConfigError, DataError
from rose_model.instructions import ALL_REGIONS, FOREGROUND, REFERRINGS, Prompter
from rose_model.training.examples import ExampleDataset
from rose_model.training.labelled_source import LEAST_SHARE, labelled, referring
from rose_model.training.mixture import mixture
from rose_model.training.recipe import Recipe, StageRecipe, read_recipe
from rose_model.training.recipe_source import open_source
from rose_model.training.run import run_training
from rose_model.training.sources import Source, streets
from rose_model.training.stop_signal import StoppedError
from rose_model.training.tasks import Task
from rose_model.training.trainer import Trainer


class Numbered:
    """Labelled images that show their own number; some of them are damaged."""

    def __init__(self, length: int, *, stuff: bool = True, damaged: frozenset[int] = frozenset()):
        self.length, self.damaged = length, damaged
        self.kinds = (LabelledRegion('car', '', True),)
        if stuff:
            self.kinds += (LabelledRegion('wall', 'brick', False),)
        self.faults = self.notes = ()
        self.reads: Counter[int] = Counter()

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Sample:
        self.reads[index] += 1
        if index in self.damaged:
            raise DataError(f'image {index} is damaged.')
        image = np.full((32, 32, 3), index, np.uint8)
        regions = np.zeros((32, 32), np.uint8)
        regions[16:] = len(self.kinds) - 1
        return Sample(image, regions, self.kinds)


def number_of(sample: Sample) -> int:
    return int(sample.image[0, 0, 0])


def named(name: str, length: int = 100) -> Source:
    """A source whose samples and questions tell where they come from."""

    def read(number: int) -> Sample:
        image = np.full((4, 4, 3), number % 256, np.uint8)
        regions = (LabelledRegion(name, '', True),)
        return Sample(image, np.zeros((4, 4), np.uint8), regions)

    def tasks(number: int, sample: Sample, rng: np.random.Generator) -> tuple[Task, ...]:
        return (Task(f'{name} {number}', (0,), False),)

    return Source(read, tasks, (name,), (name,), (), (), max_masks=length)


# --- rates --------------------------------------------------------------------------------------


@pytest.mark.parametrize('rates', [(1,), (9, 3, 3, 1), (2, 5)])
def test_every_round_has_each_source_at_its_rate(rates: tuple[int, ...]) -> None:
    mixed = mixture([(named(f's{n}'), rate) for n, rate in enumerate(rates)])
    total = sum(rates)
    orders = set()
    for turn in range(4):
        names = [mixed.read(turn * total + slot).regions[0].name for slot in range(total)]
        assert Counter(names) == {f's{n}': rate for n, rate in enumerate(rates)}
        orders.add(tuple(names))
    assert len(orders) > 1 or len(rates) == 1


def test_the_samples_of_a_source_follow_each_other_without_a_gap() -> None:
    mixed = mixture([(named('a'), 3), (named('b'), 2)])
    seen: dict[str, list[int]] = {'a': [], 'b': []}
    for number in range(50):
        sample = mixed.read(number)
        seen[sample.regions[0].name].append(number_of(sample))
    assert sorted(seen['a']) == list(range(30))
    assert sorted(seen['b']) == list(range(20))


def test_questions_are_those_of_the_samples_own_source() -> None:
    mixed = mixture([(named('a'), 3), (named('b'), 2)])
    for number in range(20):
        sample = mixed.read(number)
        (task,) = mixed.tasks(number, sample, np.random.default_rng(0))
        assert task.instruction == f'{sample.regions[0].name} {number_of(sample)}'


def test_a_mixture_knows_the_names_of_all() -> None:
    mixed = mixture([(named('a', 5), 1), (named('b', 9), 1), (streets(), 1)])
    assert {'a', 'b', 'red bus', 'road'} <= set(mixed.vocabulary)
    assert {'a', 'b', 'bus', 'road'} <= set(mixed.nouns)
    assert (mixed.max_masks, mixed.kept_patches) == (9, None)
    assert mixture([(streets(), 1)]).kept_patches == streets().kept_patches


# --- labelled images ----------------------------------------------------------------------------


def test_every_image_comes_once_a_round() -> None:
    source = labelled(Numbered(7), 1)
    for first in (0, 7, 14):
        numbers = [number_of(source.read(number)) for number in range(first, first + 7)]
        assert sorted(numbers) == list(range(7))


def test_where_only_things_are_labelled_nobody_asks_for_all_regions() -> None:
    for stuff, told in ((False, {FOREGROUND}), (True, {ALL_REGIONS, FOREGROUND})):
        source = labelled(Numbered(3, stuff=stuff), 1)
        asked = set()
        for number in range(60):
            rng = np.random.default_rng(number)
            task = source.tasks(number, source.read(number), rng)[0]
            asked.add(FOREGROUND if task.is_selective else ALL_REGIONS)
            assert dense_instruction(task.instruction) in {
                None,
                FOREGROUND if task.is_selective else ALL_REGIONS,
            }
        assert asked == told


def test_names_nouns_and_attributes_are_told_apart() -> None:
    source = labelled(Numbered(3), 1)
    assert source.vocabulary == ('car', 'brick wall')
    assert (source.nouns, source.attributes) == (('car', 'wall'), ('brick',))
    assert source.common_nouns == ('wall',)


def test_another_image_takes_the_place_of_a_damaged_one_always_the_same(
    caplog: pytest.LogCaptureFixture,
) -> None:
    images = Numbered(50, damaged=frozenset({3, 30}))
    with caplog.at_level(logging.WARNING):
        numbers = [number_of(labelled(images, 1).read(number)) for number in range(50)]
    assert len(numbers) == 50
    assert not {3, 30} & set(numbers)
    assert 'image 3 is damaged. Another sample takes its place.' in caplog.text
    again = [number_of(labelled(images, 1).read(number)) for number in range(50)]
    assert again == numbers
    strict = labelled(Numbered(1, damaged=frozenset({0})), 1, strict=True)
    with pytest.raises(DataError, match='image 0 is damaged'):
        strict.read(0)


def test_a_set_that_is_damaged_throughout_ends_the_run() -> None:
    source = labelled(Numbered(5, damaged=frozenset(range(5))), 1)
    with pytest.raises(DataError, match='8 samples in a row cannot be read; run rose data check'):
        source.read(0)


def test_large_photographs_are_made_smaller_and_specks_are_void() -> None:
    class Large(Numbered):
        def __getitem__(self, index: int) -> Sample:
            index_map = np.zeros((2000, 1000), np.uint8)
            index_map[1000:] = 1
            index_map[0:5, 0:5] = 2
            assert LEAST_SHARE * index_map.size > 25
            kinds = (*self.kinds, LabelledRegion('fly', '', True))
            return Sample(np.zeros((2000, 1000, 3), np.uint8), index_map, kinds)

    sample = labelled(Large(1), 1).read(0)
    assert sample.index_map.shape == (1024, 512)
    assert sample.image.shape == (1024, 512, 3)
    assert [region.name for region in sample.regions] == ['car', 'brick wall']
    assert sample.lost == ('fly',)
    assert sample.index_map[0, 0] == VOID


def test_an_expression_is_asked_and_half_of_the_time_its_mask_is_mended(
    tmp_path: Path, scene: np.ndarray, layouts: ModuleType
) -> None:
    found = layouts.write_refer(tmp_path / 'refcoco', scene)
    source = referring(Referring(found.root, None, 'train', 'unc'))
    with_mask = 0
    starts = {sentence.split('{')[0] for sentence in REFERRINGS}
    for number in range(100):
        sample = source.read(number)
        tasks = source.tasks(number, sample, np.random.default_rng(number))
        assert any(tasks[0].instruction.startswith(start) for start in starts)
        side = 'left' if 'left car' in tasks[0].instruction else 'right'
        segment = layouts.CAR if side == 'left' else layouts.OTHER_CAR
        for task in tasks:
            for index in task.indices:  # a complaint that makes no sense has none
                assert np.array_equal(sample.mask(index), scene == segment)
        with_mask += len(tasks) - 1
    assert 30 < with_mask < 70


# --- recipes ------------------------------------------------------------------------------------


@pytest.fixture
def data(tmp_path: Path, scene: np.ndarray, layouts: ModuleType) -> list[dict[str, Any]]:
    """The list of a recipe: all kinds of supervision, and streets."""
    dataset = tmp_path / 'dataset'
    layouts.write_ade20k(dataset / 'ade20k', scene)
    layouts.write_coco_stuff(dataset / 'cocostuff', scene)
    layouts.write_mapillary(dataset / 'mapillary', scene)
    layouts.write_refer(dataset / 'refer_seg' / 'refcoco', scene)
    return [
        {'format': 'ade20k', 'root': str(dataset / 'ade20k'), 'split': 'training', 'rate': 2},
        {'format': 'coco', 'root': str(dataset / 'coco'), 'split': 'train2017'},
        {'format': 'coco-stuff', 'root': str(dataset / 'cocostuff'), 'split': 'train2017'},
        {'format': 'mapillary', 'root': str(dataset / 'mapillary'), 'split': 'v2.0/training'},
        {
            'format': 'refer',
            'root': str(dataset / 'refer_seg' / 'refcoco'),
            'split': 'unc/train',
        },
        {'format': 'streets', 'rate': 2},
    ]


def stage(data: Any, **changes: Any) -> StageRecipe:
    settings = {'steps': 3, 'batch_size': 8, 'learning_rate': 1e-3, 'warmup_steps': 1}
    return StageRecipe.model_validate({**settings, 'data': data, **changes})


def test_a_recipe_with_data_sets_survives_a_round_trip(
    tmp_path: Path, data: list[dict[str, Any]]
) -> None:
    recipe = Recipe(start='nano', whole=stage(data))
    (tmp_path / 'mine.yaml').write_text(recipe.dump())
    assert read_recipe(tmp_path / 'mine.yaml') == recipe


@pytest.mark.parametrize(
    ('part', 'told'),
    [
        ('{format: ade21k, root: x, split: y}', r'whole\.data\.list\.0\.format.*ade21k'),
        ('{format: coco, root: x, split: y, rate: 0}', r'whole\.data\.list\.0\.rate.*got 0'),
        ('{format: coco, root: x, split: y, weight: 1}', r'unknown key .*weight'),
        ('{format: coco, root: x}', 'streets have neither root nor split'),
        ('{format: streets, root: x, split: y}', 'streets have neither root nor split'),
        ('', r'at least 1 item'),
    ],
)
def test_a_faulty_part_is_refused_by_its_key(tmp_path: Path, part: str, told: str) -> None:
    numbers = 'steps: 9, batch_size: 1, learning_rate: 0.1, warmup_steps: 1'
    path = tmp_path / 'mine.yaml'
    path.write_text(f'start: nano\nwhole: {{{numbers}, data: [{part}]}}')
    with pytest.raises(ConfigError, match=rf'(?s){told}'):
        read_recipe(path)


def test_expressions_need_both_parts_of_their_split(data: list[dict[str, Any]]) -> None:
    with pytest.raises(DataError, match='has two parts, as unc/train'):
        open_source(stage([{**data[4], 'split': 'unc'}]))


def test_strict_refuses_what_is_else_left_out(
    data: list[dict[str, Any]], layouts: ModuleType, scene: np.ndarray
) -> None:
    root = Path(data[0]['root'])
    for number in range(2, 102):
        layouts.write_ade20k(root, scene, f'ADE_train_{number:08d}')
    (root / 'images' / 'training' / 'ADE_train_00000005.jpg').write_bytes(b'')
    open_source(stage(data[:1]))
    with pytest.raises(DataError, match=r'1 of 101 images .* none may be'):
        open_source(stage(data[:1], strict=True))
    assert len(open_images(Format.ADE20K, root, 'training', 0.01)) == 100


def test_examples_come_in_one_order_with_and_without_workers(
    data: list[dict[str, Any]], config: RoseConfig, prompter: Prompter
) -> None:
    source = open_source(stage(data))
    dataset = ExampleDataset(source, 0, 24, config, prompter)

    def told(workers: int) -> list[Any]:
        loader = DataLoader(dataset, batch_size=4, num_workers=workers, collate_fn=list)
        return [
            (example.lmm_pixels.sum().item(), [q.names for q in example.questions])
            for batch in loader
            for example in batch
        ]

    assert told(0) == told(2) == told(3)


class StopAfter:
    """Asks a run to stop after so many steps."""

    def __init__(self, steps: int) -> None:
        self.left, self.number = steps, int(signal.SIGTERM)

    def __bool__(self) -> bool:
        self.left -= 1
        return self.left < 0


@pytest.mark.slow
def test_a_run_on_a_mixture_resumes_exactly(
    data: list[dict[str, Any]],
    rose_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recipe = Recipe(start=str(rose_folder), whole=stage(data), ema_decay=0.0)
    straight = run_training(recipe, tmp_path / 'straight', resume=False)
    real_fit = Trainer.fit

    def fit(self: Trainer, *arguments: Any) -> None:
        self._stop = StopAfter(1)
        real_fit(self, *arguments)

    monkeypatch.setattr(Trainer, 'fit', fit)
    with pytest.raises(StoppedError):
        run_training(recipe, tmp_path / 'stopped', resume=False)
    monkeypatch.setattr(Trainer, 'fit', real_fit)
    resumed = run_training(recipe, tmp_path / 'stopped', resume=True)
    models = [
        load_pretrained(folder, torch.device('cpu'), torch.float32).rose.state_dict()
        for folder in (straight, resumed)
    ]
    assert all(torch.equal(models[0][name], models[1][name]) for name in models[0])
