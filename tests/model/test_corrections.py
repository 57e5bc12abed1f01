"""Logged corrections: what a node writes is what training reads, and nothing damaged is."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rose_model.correction_record import (
    IMAGE_FILE,
    PARTIAL,
    RECORD_FILE,
    remove_correction,
    segment_records,
    write_correction,
)
from rose_model.data.corrections import LoggedCorrections
from rose_model.data.files import write_png
from rose_model.data.sample import VOID
from rose_model.errors import DataError
from rose_model.prompts.sentences import ALL_REGIONS
from rose_model.records import PointHint, RefinementCase
from rose_model.training.correction_source import correction_task
from tests.model.correction_examples import (
    CAR,
    DOG,
    IMAGE,
    OLD,
    ROAD,
    SIZE,
    VAN,
    WIDER,
    make_record,
    make_segment,
    write_examples,
)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return write_examples(tmp_path / 'log')


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
    assert sample.target is not None
    assert sample.regions[sample.target].name == 'car'
    assert np.array_equal(sample.mask(sample.target), WIDER.full_mask(SIZE))
    assert sample.given is not None
    assert np.array_equal(sample.given, CAR.full_mask(SIZE))
    assert correction_task(sample).teaches_masks


def test_what_was_missed_is_sought_by_the_words_alone(log: Path) -> None:
    sample = LoggedCorrections(log)[2]
    assert [region.name for region in sample.regions] == ['road', 'car', 'dog']
    assert sample.target is not None
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
    sample = LoggedCorrections(log)[4]
    assert [region.name for region in sample.regions] == ['car', 'dog']
    assert sample.target is not None
    assert (sample.index_map == VOID).sum() == IMAGE[..., 0].size - CAR.area
    assert sample.mask(sample.target).sum() == DOG.area


def test_what_a_deadline_left_without_a_name_is_void(log: Path) -> None:
    record = make_record(RefinementCase.MISSED)
    update = {'after': segment_records((ROAD, replace(CAR, category=''), DOG))}
    write_correction(log, 'a', record.model_copy(update=update), IMAGE)
    read = LoggedCorrections(log)
    sample = read[4]
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
    sample = LoggedCorrections(log)[4]
    assert sample.target is not None
    assert len(sample.regions) == VOID
    assert sample.regions[sample.target].name == 'dog'


def test_of_a_removal_nothing_is_known_but_that_there_is_nothing(log: Path) -> None:
    sample = LoggedCorrections(log)[3]
    assert np.array_equal(sample.image, IMAGE)
    assert sample.target is None
    assert sample.given is not None
    assert np.array_equal(sample.given, DOG.full_mask(SIZE))
    assert np.array_equal(sample.mask(0), sample.given)
    assert (sample.index_map == VOID).sum() == IMAGE[..., 0].size - DOG.area
    assert [region.name for region in sample.regions] == ['dog']
    task = correction_task(sample)
    assert (task.instruction, task.indices, task.mask) == ('Segment what moves.', (), None)


@pytest.mark.parametrize('text', ['', '  ', 'remove it'])
def test_a_removal_needs_no_words_and_no_name(log: Path, text: str) -> None:
    nameless = segment_records((ROAD, CAR, replace(DOG, category='')))
    changes = {'text': text, 'before': nameless, 'instruction': ''}
    record = make_record(RefinementCase.DELETE).model_copy(update=changes)
    write_correction(log, 'a', record, IMAGE)
    sample = LoggedCorrections(log)[4]
    assert sample.target is None
    assert sample.instruction == ALL_REGIONS


@pytest.mark.parametrize(
    ('case', 'label', 'told'),
    [
        (RefinementCase.CATEGORY, 'van', r'.*wrong, please.* It is in \[0.17, .*'),
        (RefinementCase.MASK, '', r'.*incomplete, please.* It is in \[0.17, .*'),
        (RefinementCase.MISSED, 'dog', r'You missed the dog\.'),
        (RefinementCase.MISSED, '', r'Please segment target region .* It is in \[0.20, .*'),
    ],
)
def test_where_nobody_wrote_a_sentence_a_plain_one_is_learned(
    log: Path, case: RefinementCase, label: str, told: str
) -> None:
    changes = {'text': '', 'label': label, 'points': (PointHint(1.5, 2.0, True),)}
    write_correction(log, 'a', make_record(case).model_copy(update=changes), IMAGE)
    assert re.fullmatch(told, LoggedCorrections(log)[4].instruction)


def as_format_1(entry: Path) -> None:
    """The record as it was written before labels and removals."""
    path = entry / RECORD_FILE
    content = json.loads(path.read_text())
    del content['label'], content['instruction']
    path.write_text(json.dumps(content | {'format': 1}))


def test_records_of_before_there_were_labels_and_removals_are_read_as_they_were(
    log: Path,
) -> None:
    new = [LoggedCorrections(log)[number] for number in range(len(OLD))]
    for number in range(len(OLD)):
        as_format_1(log / str(number))
    old = LoggedCorrections(log)
    assert old.faults == ()
    for number, sample in enumerate(new):
        assert old[number].instruction == sample.instruction
        assert old[number].regions == sample.regions
        assert (old[number].target, old[number].changes_mask) == (
            sample.target,
            sample.changes_mask,
        )
        assert np.array_equal(old[number].index_map, sample.index_map)


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
        (changed(format=3), 'format'),
        (changed(surprise=1), 'surprise'),
        (changed(case='opinion'), 'case'),
        (changed(scope='world'), 'scope'),
        (changed(height='40'), 'height'),
        (changed(text='   '), 'correction is empty'),
        (changed(text='a\x1b[31mb'), 'x1b'),
        (changed(instruction='a\x1b[31mb'), 'x1b'),
        (changed(label='a\nb'), 'no name'),
        (changed(case='delete'), 'was deleted and is there after it'),
        (changed(case='delete', segment_id='9'), "no segment '9' before it"),
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
    with pytest.raises(DataError, match='1 of 4 corrections') as refusal:
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
    assert sorted(path.name for path in log.iterdir()) == ['0', '2', '3']
