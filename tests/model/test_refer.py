"""References in RefCOCO's format: one example a sentence, and nothing but plain data unpickled."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from rose_model.data.coco import CocoInstances
from rose_model.data.coco_masks import encode_mask
from rose_model.data.plain_pickle import read_plain_pickle
from rose_model.data.refer import Referring, write_references
from rose_model.errors import DataError

SIZE = (20, 30)


def box_mask(top: int, left: int, bottom: int, right: int) -> np.ndarray:
    mask = np.zeros(SIZE, bool)
    mask[top:bottom, left:right] = True
    return mask


BIG, SMALL, CROWD = box_mask(0, 0, 16, 16), box_mask(4, 4, 8, 8), box_mask(0, 20, 9, 29)


def reference(number: int, annotation: int, *sentences: str, split: str = 'val') -> dict[str, Any]:
    return {
        'ref_id': number,
        'ann_id': annotation,
        'category_id': 1,
        'image_id': 1,
        'file_name': '../../COCO_train2014_000000000001_1.jpg',
        'split': split,
        'sent_ids': list(range(len(sentences))),
        'sentences': [
            {'raw': text.title(), 'sent': text, 'sent_id': n, 'tokens': text.split()}
            for n, text in enumerate(sentences)
        ],
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Image.fromarray(np.full((*SIZE, 3), 70, np.uint8)).save(tmp_path / 'one.png')
    annotations = [
        {
            'id': number,
            'image_id': 1,
            'category_id': 1,
            'iscrowd': int(mask is CROWD),
            'segmentation': encode_mask(mask),
        }
        for number, mask in enumerate((BIG, SMALL, CROWD), start=1)
    ]
    content = {
        'images': [{'id': 1, 'file_name': 'one.png', 'height': SIZE[0], 'width': SIZE[1]}],
        'annotations': annotations,
        'categories': [{'id': 1, 'name': 'person'}],
    }
    (tmp_path / 'instances.json').write_text(json.dumps(content))
    return tmp_path


def read(folder: Path, references: list[Any], split: str = 'val') -> Referring:
    write_references(folder / 'refs(unc).p', references)
    return Referring(folder, folder, split, 'unc')


def test_every_sentence_is_an_example(folder: Path) -> None:
    refer = read(folder, [reference(5, 1, 'man in black', 'left man'), reference(6, 2, 'child')])
    assert [refer[index].sentence for index in range(len(refer))] == [
        'man in black',
        'left man',
        'child',
    ]
    assert [refer[index].ref_id for index in range(len(refer))] == [5, 5, 6]


def test_the_mask_of_the_referred_is_whole_even_under_a_smaller_annotation(folder: Path) -> None:
    refer = read(folder, [reference(5, 1, 'man'), reference(6, 2, 'child')])
    for index, mask in ((0, BIG), (1, SMALL)):
        example = refer[index]
        assert np.array_equal(example.sample.mask(example.index), mask)
        assert example.sample.regions[example.index].name == 'person'


@pytest.mark.parametrize(
    ('wanted', 'found'),
    [
        ('train', ['a']),
        ('val', ['b']),
        ('testA', ['c', 'e']),
        ('testB', ['d', 'e']),
        ('test', ['c', 'd', 'e']),
    ],
)
def test_splits_are_chosen_as_in_the_refer_api(
    folder: Path, wanted: str, found: list[str]
) -> None:
    splits = ('train', 'val', 'testA', 'testB', 'testAB')
    references = [
        reference(number, 1, 'abcde'[number], split=split) for number, split in enumerate(splits)
    ]
    refer = read(folder, references, wanted)
    assert [refer[index].sentence for index in range(len(refer))] == found


def test_a_split_without_references_is_refused(folder: Path) -> None:
    with pytest.raises(DataError, match="no reference of split 'testC'; it has: val"):
        read(folder, [reference(1, 1, 'man')], 'testC')
    with pytest.raises(DataError, match="no reference of split 'val'"):
        read(folder, [])


class Program:
    """What a pickle of an attacker holds: a call that happens while it is read."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.canary),)


@pytest.mark.parametrize('protocol', range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_with_a_program_is_refused_and_nothing_runs(folder: Path, protocol: int) -> None:
    canary = folder / 'canary'
    content = pickle.dumps([{'ref_id': Program(canary)}], protocol=protocol)
    (folder / 'refs(unc).p').write_bytes(content)
    with pytest.raises(DataError, match=r'it names (posix|os).mkdir, and only plain data'):
        Referring(folder, folder, 'val', 'unc')
    assert not canary.exists()
    pickle.loads(content)  # noqa: S301 - the control: this pickle does run
    assert canary.exists()


@pytest.mark.parametrize(
    'content',
    [
        b'cos\nsystem\n(S"true"\ntR.',  # global and reduce
        b'(ios\nsystem\nS"true"\n.',  # inst
        b'(cos\nsystem\nS"true"\no.',  # obj
        b'\x80\x02cbuiltins\nobject\n)\x81.',  # newobj
        b'\x80\x04\x8c\x02os\x8c\x06system\x93.',  # stack global
        b'\x80\x02\x82\x01.',  # a registered extension
        b'Pname\n.',  # a persistent object
        b'\x80\x04]\x94',  # cut off
        b'not a pickle',
        b'',
    ],
)
def test_nothing_but_plain_data_is_unpickled(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / 'refs(unc).p'
    path.write_bytes(content)
    with pytest.raises(DataError, match='is not a pickle of plain data'):
        read_plain_pickle(path)


def test_byte_strings_of_python_2_are_read(tmp_path: Path) -> None:
    path = tmp_path / 'refs(unc).p'
    path.write_bytes(b"(lp0\n(dp1\nS'sent'\np2\nS'caf\\xe9'\np3\nsS'id'\np4\nL7L\nsa.")
    assert read_plain_pickle(path) == [{'sent': 'café', 'id': 7}]


def test_a_missing_file_is_named(folder: Path) -> None:
    with pytest.raises(DataError, match=r'refs\(unc\).p is not a pickle .*No such file'):
        Referring(folder, folder, 'val', 'unc')


def test_references_to_nothing_are_refused(folder: Path) -> None:
    lost = reference(5, 99, 'man')
    elsewhere = {**reference(6, 1, 'man'), 'image_id': 2}
    for record, message in (
        (lost, 'Reference 5: image 1 has no annotation 99'),
        (elsewhere, 'Reference 6: image 2 has no annotation 1'),
        (reference(7, 3, 'people'), 'annotation 3 is a crowd'),
        (reference(8, 1), 'A reference: sentences'),
        (reference(9, 1, ''), 'A reference: sentences.0.sent'),
        ({'ref_id': 1}, 'A reference: ann_id: Field required'),
        ('text', 'A reference'),
    ):
        with pytest.raises(DataError, match=message):
            read(folder, [record])


def test_a_pickle_of_something_else_is_refused(folder: Path) -> None:
    (folder / 'refs(unc).p').write_bytes(pickle.dumps({'a': 1}))
    with pytest.raises(DataError, match='holds a dict; references are a list'):
        Referring(folder, folder, 'val', 'unc')


def test_one_lost_reference_in_a_hundred_is_left_out_and_reported(folder: Path) -> None:
    references = [reference(number, 1, f'man {number}') for number in range(99)]
    refer = read(folder, [*references, reference(99, 77, 'nobody')])
    assert len(refer) == 99
    assert len(refer.faults) == 1
    with pytest.raises(DataError, match=r'1 of 100 references .* none may be'):
        Referring(folder, folder, 'val', 'unc', max_faulty=0)


def test_real_expressions_over_the_real_image_are_read_back(
    test_data: Path, tmp_path: Path
) -> None:
    """No small refs pickle is published, so one is made of the published expressions."""
    formats = test_data / 'formats'
    sample = json.loads((formats / 'refer' / 'sample_expressions_testA.json').read_text())
    file = formats / 'coco' / 'annotations' / 'instances_val2017.json'
    (tmp_path / 'instances.json').write_bytes(file.read_bytes())
    images = formats / 'coco' / 'val2017'
    coco = CocoInstances(file, images)
    picture = coco.pictures[0].id
    people = [
        record['id']
        for record in json.loads(file.read_text())['annotations']
        if record['category_id'] == 1 and not record['iscrowd']
    ]
    references = [
        {**reference(n, people[n % len(people)], said['sent'], split='testA'), 'image_id': picture}
        for n, said in enumerate(sample['predictions'])
    ]
    write_references(tmp_path / 'refs(unc).p', references)
    refer = Referring(tmp_path, images, 'testA', 'unc', max_faulty=0)
    assert len(refer) == len(sample['predictions']) == 1984
    for index in (0, 7, 1983):
        example = refer[index]
        assert example.sentence == sample['predictions'][index]['sent']
        annotation = coco.annotation(people[index % len(people)])
        assert annotation is not None
        assert example.sample.mask(example.index).sum() == annotation.area
