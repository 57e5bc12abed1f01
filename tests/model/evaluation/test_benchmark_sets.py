"""Data sets as the benchmarks see them, and what of Table 2 is found below a folder."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rose_model.data.ade20k import Ade20k
from rose_model.data.plain_pickle import read_plain_pickle
from rose_model.data.refer import References, write_references
from rose_model.data.sample import VOID
from rose_model.data.street_export import CLASSES, export_streets
from rose_model.errors import DataError
from rose_model.evaluation.referring_benchmark import ReferringSplit, reference_splits
from rose_model.evaluation.semantic_sets import IGNORE, Ade20kImages, LabelMaps, as_semantic
from rose_model.evaluation.table2 import EXPECTED, find_benchmarks, missing
from rose_model.evaluation.vocabulary import Vocabulary


@pytest.fixture(scope='module')
def streets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('sets') / 'streets'
    export_streets(folder, range(1_000_000, 1_000_003), (96, 128))
    return folder


def test_exported_streets_are_three_benchmarks(streets: Path) -> None:
    found = find_benchmarks(streets.parent)
    assert [(item.name, item.key) for item in found] == [
        ('streets test labels', 'miou'),
        ('streets test', 'coco_ap'),
        ('streets refer test', 'refer_ciou'),
    ]
    assert [item.items for item in found[:2]] == [3, 3]
    assert missing(found) == list(EXPECTED)


def test_the_columns_of_table_2_come_first_and_training_is_left_out(
    streets: Path, tmp_path: Path
) -> None:
    """RefCOCO's references in the field's tree: val, testA, testB, and train, which is no test."""
    export_streets(tmp_path / 'x', range(1_000_000, 1_000_008), (96, 128))
    _as_refcoco(tmp_path / 'x' / 'refer', tmp_path / 'tree' / 'refcoco')
    (tmp_path / 'tree' / 'images' / 'mscoco' / 'images').mkdir(parents=True)
    images = tmp_path / 'tree' / 'images' / 'mscoco' / 'images' / 'train2014'
    os.symlink(tmp_path / 'x' / 'test', images)
    names = [item.name for item in find_benchmarks(tmp_path)]
    assert names[:3] == ['RefCOCO val', 'RefCOCO testA', 'RefCOCO testB']
    assert set(names[3:]) == {'x test labels', 'x test', 'x refer test'}
    assert 'RefCOCO+ val' in missing(find_benchmarks(tmp_path))


def _as_refcoco(exported: Path, folder: Path) -> None:
    folder.mkdir(parents=True)
    records = read_plain_pickle(exported / 'refs(streets).p')
    for number, record in enumerate(records):
        record['split'] = ('val', 'testA', 'testB', 'train')[number % 4]
    write_references(folder / 'refs(unc).p', records)
    (folder / 'instances.json').write_bytes((exported / 'instances.json').read_bytes())


def test_an_empty_folder_has_no_data_set(tmp_path: Path) -> None:
    with pytest.raises(DataError, match='no data set'):
        find_benchmarks(tmp_path)


def test_sentences_of_one_image_follow_each_other(streets: Path) -> None:
    references = References(streets / 'refer', None, 'streets')
    split = ReferringSplit(references, 'test')
    images = [split.image_of(number) for number in range(len(split))]
    assert images == sorted(images)
    assert len(split) == sum(len(item.sentences) for item in references.all)
    assert reference_splits(references) == ['test']
    example = split[0]
    assert example.sample.mask(example.index).any()
    with pytest.raises(DataError, match="no split 'val'; it has: test"):
        ReferringSplit(references, 'val')


def test_label_maps_know_their_classes(streets: Path) -> None:
    maps = LabelMaps(streets, 'test')
    assert [names[0] for names in maps.classes] == list(CLASSES)
    assert len(maps) == 3
    assert maps.image(0).shape[:2] == maps.labels(0).shape == (96, 128)
    assert set(np.unique(maps.labels(0)).tolist()) <= {*range(len(CLASSES)), VOID}


@pytest.mark.parametrize('content', ['{', '{}', '[1]', '[{"id": 1, "name": "car"}]'])
def test_a_damaged_list_of_classes_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / 'classes.json').write_text(content)
    with pytest.raises(DataError, match=r'classes\.json'):
        LabelMaps(tmp_path, 'test')


def test_any_labelled_images_have_classes_by_the_names_of_their_regions(sample) -> None:
    class One:
        kinds = (*sample.regions, sample.regions[0])
        faults = notes = ()

        def __len__(self) -> int:
            return 1

        def __getitem__(self, index: int):
            return sample

    data = as_semantic(One())
    names = ['red car', 'blue car', 'white dog', 'road', 'sky']
    assert list(data.classes) == [(name,) for name in names]
    assert (data.labels(0)[2:6, :4] == 0).all()
    assert (data.labels(0)[6:, 8:] == IGNORE).all()


def test_ade20k_has_150_classes_with_synonyms(tmp_path: Path) -> None:
    for folder in ('images/validation', 'annotations/validation'):
        (tmp_path / folder).mkdir(parents=True)
    Image.new('RGB', (6, 4)).save(tmp_path / 'images/validation/ADE_val_00000001.jpg')
    labels = np.zeros((4, 6), np.uint8)
    labels[0], labels[1] = 1, 150
    Image.fromarray(labels).save(tmp_path / 'annotations/validation/ADE_val_00000001.png')
    data = as_semantic(Ade20k(tmp_path, 'validation'))
    assert isinstance(data, Ade20kImages)
    vocabulary = Vocabulary(data.classes)
    assert len(vocabulary) == 150
    assert vocabulary.strict('edifice') == vocabulary.strict('building') == 1
    numbers = data.labels(0)
    assert (numbers[0] == 0).all()
    assert (numbers[1] == 149).all()
    assert (numbers[2:] >= 150).all()  # nothing is labelled there


def test_the_real_sample_of_ade20k_is_found() -> None:
    root = os.environ.get('ROSE_TEST_DATA')
    if root is None:
        pytest.skip('set ROSE_TEST_DATA to the folder with real images')
    found = {item.name: item for item in find_benchmarks(Path(root) / 'formats')}
    assert found['ADE20k validation'].items == 2
    assert found['COCO val2017'].items == 1
