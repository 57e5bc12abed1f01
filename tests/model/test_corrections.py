"""Logged corrections: what a node writes is what training reads, and nothing damaged is."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rose_model.checkpoint import load_pretrained
from rose_model.config import RoseConfig
from rose_model.correction_record import (
    IMAGE_FILE,
    PARTIAL,
    RECORD_FILE,
    CorrectionRecord,
    remove_correction,
    segment_records,
    write_correction,
)
from rose_model.data.corrections import LoggedCorrections
from rose_model.data.files import write_png
from rose_model.data.sample import VOID
from rose_model.data.streets import SEEN_PAIRS, render_scene
from rose_model.errors import ConfigError, DataError
from rose_model.instructions import Prompter
from rose_model.records import PointHint, RefinementCase, RefineTarget, Segment
from rose_model.training.correction_source import correction_task, with_corrections
from rose_model.training.examples import ExampleDataset
from rose_model.training.recipe import Recipe, StageRecipe, read_recipe
from rose_model.training.run import run_training
from rose_model.training.sources import Source, streets

SIZE = (40, 60)
IMAGE = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), np.uint8)


def make_segment(
    identity: str, category: str, box: tuple[int, int, int, int], *, is_thing: bool = True
) -> Segment:
    x1, y1, x2, y2 = box
    mask = np.ones((y2 - y1, x2 - x1), bool)
    return Segment(identity, category, 0.9, 0.8, 0.7, is_thing, box, mask, 0)


ROAD = make_segment('1', 'road', (0, 0, 60, 40), is_thing=False)
CAR = make_segment('2', 'car', (10, 10, 30, 20))
VAN = replace(CAR, category='van', revision=1)
WIDER = make_segment('2', 'car', (10, 10, 40, 20))
DOG = make_segment('3', 'dog', (12, 12, 18, 18))

CASES = {
    RefinementCase.CATEGORY: ('this is a van', '2', (ROAD, CAR), (ROAD, VAN)),
    RefinementCase.MASK: ('include the whole car', '2', (ROAD, CAR), (ROAD, WIDER)),
    RefinementCase.MISSED: (' you missed the dog ', '3', (ROAD, CAR), (ROAD, CAR, DOG)),
}


def make_record(case: RefinementCase) -> CorrectionRecord:
    text, identity, before, after = CASES[case]
    return CorrectionRecord(
        height=SIZE[0],
        width=SIZE[1],
        camera='front',
        stamp_ns=7,
        model='nano@0',
        text=text,
        case=case,
        target=RefineTarget.AUTO,
        scope='frame',
        points=(PointHint(1.5, 2.0, True),),
        segment_id=identity,
        before=segment_records(before),
        after=segment_records(after),
    )


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """An example of each case, in the order of ``CASES``."""
    folder = tmp_path / 'log'
    folder.mkdir()
    for number, case in enumerate(CASES):
        write_correction(folder, f'{number}', make_record(case), IMAGE)
    return folder


# --- what is read -------------------------------------------------------------------------------


def test_a_corrected_label_is_the_name_of_its_region(log: Path) -> None:
    sample = LoggedCorrections(log)[0]
    assert np.array_equal(sample.image, IMAGE)
    assert [region.name for region in sample.regions] == ['road', 'van']
    assert sample.target == 1
    assert np.array_equal(sample.mask(1), VAN.full_mask(SIZE))
    assert sample.given is not None
    assert np.array_equal(sample.given, CAR.full_mask(SIZE))
    # As the model was told it: with the box of the segment.
    assert sample.instruction == 'this is a van It is in [0.17, 0.25, 0.50, 0.50].'
    assert not correction_task(sample).teaches_masks


def test_a_corrected_mask_is_taught_and_keeps_its_name(log: Path) -> None:
    sample = LoggedCorrections(log)[1]
    assert sample.regions[sample.target].name == 'car'
    assert np.array_equal(sample.mask(sample.target), WIDER.full_mask(SIZE))
    assert sample.given is not None
    assert np.array_equal(sample.given, CAR.full_mask(SIZE))
    assert correction_task(sample).teaches_masks


def test_what_was_missed_is_sought_by_the_words_alone(log: Path) -> None:
    sample = LoggedCorrections(log)[2]
    assert [region.name for region in sample.regions] == ['road', 'car', 'dog']
    assert np.array_equal(sample.mask(sample.target), DOG.full_mask(SIZE))
    assert (sample.instruction, sample.given) == ('you missed the dog', None)
    task = correction_task(sample)
    assert (task.mask, task.teaches_masks, task.indices) == (None, True, (2,))


def test_what_nobody_sees_is_no_region_and_what_nobody_named_is_void(log: Path) -> None:
    hidden, cover = (
        make_segment('4', 'cat', (13, 13, 15, 15)),
        make_segment('5', 'bus', DOG.box_xyxy),
    )
    record = make_record(RefinementCase.MISSED)
    segments = segment_records((CAR, hidden, cover, DOG))
    write_correction(log, 'a', record.model_copy(update={'after': segments}), IMAGE)
    sample = LoggedCorrections(log)[3]
    assert [region.name for region in sample.regions] == ['car', 'dog']
    assert (sample.index_map == VOID).sum() == IMAGE[..., 0].size - CAR.area
    assert sample.mask(sample.target).sum() == DOG.area


def test_what_a_deadline_left_without_a_name_is_void(log: Path) -> None:
    record = make_record(RefinementCase.MISSED)
    update = {'after': segment_records((ROAD, replace(CAR, category=''), DOG))}
    write_correction(log, 'a', record.model_copy(update=update), IMAGE)
    read = LoggedCorrections(log)
    sample = read[3]
    assert [region.name for region in sample.regions] == ['road', 'dog']
    assert (sample.index_map == VOID).sum() == CAR.area - DOG.area
    assert '' not in read.names


def test_more_regions_than_a_sample_holds_leave_the_corrected_one(log: Path) -> None:
    specks = tuple(
        make_segment(
            f's{number}', 'speck', (number % 60, number // 60, number % 60 + 1, number // 60 + 1)
        )
        for number in range(300)
    )
    record = make_record(RefinementCase.MISSED)
    update = {'after': segment_records((*specks, DOG))}
    write_correction(log, 'a', record.model_copy(update=update), IMAGE)
    sample = LoggedCorrections(log)[3]
    assert len(sample.regions) == VOID
    assert sample.regions[sample.target].name == 'dog'


# --- what is not --------------------------------------------------------------------------------


@pytest.mark.parametrize('content', ['nothing', 'no folder', 'half an example'])
def test_a_folder_without_corrections_is_refused(tmp_path: Path, content: str) -> None:
    folder = tmp_path / 'log'
    if content != 'no folder':
        folder.mkdir()
    if content == 'half an example':
        (folder / f'1{PARTIAL}').mkdir()
        (folder / 'notes.txt').write_text('of no interest')
    with pytest.raises(DataError, match='correction_log'):
        LoggedCorrections(folder)


def changed(**values: Any) -> Callable[[Path], None]:
    def change(entry: Path) -> None:
        path = entry / RECORD_FILE
        path.write_text(json.dumps(json.loads(path.read_text()) | values))

    return change


def changed_segment(**values: Any) -> Callable[[Path], None]:
    def change(entry: Path) -> None:
        path = entry / RECORD_FILE
        content = json.loads(path.read_text())
        content['after'][1] |= values
        path.write_text(json.dumps(content))

    return change


def cut(entry: Path) -> None:
    path = entry / RECORD_FILE
    path.write_bytes(path.read_bytes()[:-20])


def cut_image(entry: Path) -> None:
    path = entry / IMAGE_FILE
    path.write_bytes(path.read_bytes()[:-20])


@pytest.mark.parametrize(
    ('damage', 'told'),
    [
        (cut, 'is no correction'),
        (lambda entry: (entry / RECORD_FILE).unlink(), 'cannot be read: No such file'),
        (lambda entry: (entry / IMAGE_FILE).unlink(), 'is not a file'),
        (cut_image, 'is cut off'),
        (lambda entry: write_png(entry / IMAGE_FILE, IMAGE[1:]), 'has 39 x 60 pixels'),
        (changed(format=2), 'format'),
        (changed(surprise=1), 'surprise'),
        (changed(case='opinion'), 'case'),
        (changed(scope='world'), 'scope'),
        (changed(height='40'), 'height'),
        (changed(text='   '), 'correction is empty'),
        (changed(text='a\x1b[31mb'), 'x1b'),
        (changed(segment_id='9'), "no segment '9' with a name after it"),
        (changed(before=[]), "no segment '2' before it"),
        (changed(image='../../secret.png'), 'not a path below'),
        (changed(image='/etc/passwd'), 'not a path below'),
        (changed_segment(id='1'), 'the same id'),
        (changed_segment(category=''), "no segment '2' with a name after it"),
        (changed_segment(category='x' * 65), 'no printable one'),
        (changed_segment(category='a\nb'), 'no printable one'),
        (changed_segment(box_xyxy=[0, 0, 61, 1]), 'has the box'),
        (changed_segment(counts=[1, 2]), 'add up to 3'),
        (changed_segment(counts=[-1, 201]), 'greater than or equal to 0'),
    ],
)
def test_a_damaged_example_is_named_with_its_reason(
    log: Path, damage: Callable[[Path], None], told: str
) -> None:
    damage(log / '0')
    with pytest.raises(DataError, match='1 of 3 corrections') as refusal:
        LoggedCorrections(log)
    assert str(log / '0') in str(refusal.value)
    assert told in str(refusal.value)


def test_an_example_that_lies_elsewhere_is_refused(log: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / 'elsewhere'
    (log / '0').rename(elsewhere)
    (log / '0').symlink_to(elsewhere)
    with pytest.raises(DataError, match='leads out of'):
        LoggedCorrections(log)
    (log / '0').unlink()
    secret = tmp_path / 'secret.png'
    write_png(secret, IMAGE)
    (log / '1' / IMAGE_FILE).unlink()
    (log / '1' / IMAGE_FILE).symlink_to(secret)
    with pytest.raises(DataError, match='leads out of'):
        LoggedCorrections(log)


def test_one_damaged_example_in_a_hundred_is_left_out_and_reported(tmp_path: Path) -> None:
    for number in range(100):
        write_correction(tmp_path, f'{number}', make_record(RefinementCase.MASK), IMAGE)
    cut(tmp_path / '7')
    read = LoggedCorrections(tmp_path)
    assert len(read) == 99
    assert len(read.faults) == 1
    with pytest.raises(DataError, match='none may be'):
        LoggedCorrections(tmp_path, max_faulty=0)


# --- what is written ----------------------------------------------------------------------------


def test_a_full_disk_leaves_nothing_half_written(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(path: Path, content: bytes) -> None:
        path.write_bytes(content[:10])
        raise OSError(28, 'No space left on device')

    before = sorted(path.name for path in log.iterdir())
    monkeypatch.setattr('rose_model.correction_record._write', fill)
    with pytest.raises(OSError, match='No space'):
        write_correction(log, 'x', make_record(RefinementCase.MASK), IMAGE)
    assert sorted(path.name for path in log.iterdir()) == before


def test_a_correction_that_was_taken_back_is_removed(log: Path) -> None:
    assert remove_correction(log, '1')
    assert not remove_correction(log, '1')
    assert sorted(path.name for path in log.iterdir()) == ['0', '2']


# --- training -----------------------------------------------------------------------------------


@pytest.fixture
def source(log: Path) -> Source:
    base = replace(streets(), read=lambda number: render_scene(number, SIZE, pairs=SEEN_PAIRS))
    return with_corrections(base, log)


def test_every_second_sample_is_a_correction_and_each_comes_once_a_round(
    log: Path, source: Source
) -> None:
    street = source.read(4)
    assert np.array_equal(street.image, render_scene(4, SIZE, pairs=SEEN_PAIRS).image)
    for first in (1, 7):
        asked = set()
        for number in range(first, first + 6, 2):
            sample = source.read(number)
            [task] = source.tasks(number, sample, np.random.default_rng(0))
            asked.add(task.instruction)
        assert len(asked) == 3
    assert {'van', 'dog', 'road', 'black bus'} <= set(source.vocabulary)


def test_a_correction_is_one_question_about_one_region(
    config: RoseConfig, prompter: Prompter, source: Source
) -> None:
    dataset = ExampleDataset(source, 1, 5, config, prompter)
    questions = {}
    for index in (0, 2, 4):
        [question] = dataset[index].questions
        assert question.is_selective
        questions[question.names] = question
    assert {names: len(q.masked) for names, q in questions.items()} == {
        ('van',): 0,
        ('car',): 1,
        ('dog',): 1,
    }
    given = {names: q.mask_channel is not None for names, q in questions.items()}
    assert given == {('van',): True, ('car',): True, ('dog',): False}


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
