"""Exported streets are what the readers of real data sets give back."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pycocotools.coco import COCO
from typer.testing import CliRunner

from rose_model.cli.data import SPLITS
from rose_model.cli.main import app
from rose_model.data.coco import CocoInstances
from rose_model.data.files import read_image, read_label_map
from rose_model.data.refer import Referring
from rose_model.data.sample import VOID, LabelledRegion, Sample
from rose_model.data.street_backdrop import STUFF
from rose_model.data.street_descriptions import descriptions, distractors
from rose_model.data.street_export import CATEGORY_IDS, CLASSES, MIN_DISTRACTORS, export_streets
from rose_model.data.streets import ALL_PAIRS, HELD_OUT, SEEN_PAIRS, THINGS, render_scene
from rose_model.errors import DataError

SIZE = (96, 128)
SCENES = range(30, 38)


@pytest.fixture(scope='module')
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('streets') / 'new'
    export_streets(folder, SCENES, SIZE, things=(4, 9), split='val')
    return folder


def scene(number: int) -> Sample:
    return render_scene(number, SIZE, things=(4, 9))


def thing_masks(sample: Sample) -> list[tuple[LabelledRegion, np.ndarray]]:
    pairs = [
        (region, sample.mask(index))
        for index, region in enumerate(sample.regions)
        if region.is_thing
    ]
    return sorted(pairs, key=lambda pair: pair[1].tobytes())


def test_the_coco_reader_gives_the_same_images_masks_and_names(exported: Path) -> None:
    coco = CocoInstances(
        exported / 'annotations' / 'instances_val.json', exported / 'val', max_faulty=0
    )
    assert [picture.id for picture in coco.pictures] == list(SCENES)
    for index, number in enumerate(SCENES):
        written, read = scene(number), coco[index]
        assert np.array_equal(read.image, written.image)
        for (was, mask), (region, other) in zip(
            thing_masks(written), thing_masks(read), strict=True
        ):
            assert np.array_equal(mask, other)
            assert (region.noun, region.attribute) == (was.noun, was.attribute)


def test_pycocotools_reads_the_same_file(exported: Path) -> None:
    reference = COCO(exported / 'annotations' / 'instances_val.json')
    for number in SCENES:
        records = reference.loadAnns(reference.getAnnIds(imgIds=[number]))
        masks = {(reference.annToMask(record) == 1).tobytes() for record in records}
        assert masks == {mask.tobytes() for _, mask in thing_masks(scene(number))}
        for record in records:
            mask = reference.annToMask(record)
            x, y, width, height = record['bbox']
            assert mask[y : y + height, x : x + width].sum() == mask.sum() == record['area']


def test_label_maps_hold_the_noun_of_each_pixel(exported: Path) -> None:
    classes = json.loads((exported / 'classes.json').read_text())
    assert [entry['name'] for entry in classes] == list(CLASSES)
    assert {entry['name'] for entry in classes if not entry['isthing']} == set(STUFF)
    for number in SCENES:
        written = scene(number)
        labels = read_label_map(exported / 'labels' / f'{number:012d}.png')
        assert np.array_equal(labels == 255, written.index_map == VOID)
        for index, region in enumerate(written.regions):
            assert {CLASSES[label] for label in np.unique(labels[written.mask(index)])} == {
                region.noun
            }


def test_the_referring_reader_gives_descriptions_with_their_masks(exported: Path) -> None:
    refer = Referring(exported / 'refer', exported / 'val', 'val', 'streets', max_faulty=0)
    images = {number: scene(number).image.tobytes() for number in SCENES}
    read: dict[int, set[tuple[str, bytes]]] = {number: set() for number in SCENES}
    for index in range(len(refer)):
        example = refer[index]
        number = next(n for n, image in images.items() if image == example.sample.image.tobytes())
        mask = example.sample.mask(example.index)
        read[number].add((example.sentence, mask.tobytes()))
    for number in SCENES:
        assert read[number] == expected_descriptions(scene(number))
    assert any(read.values())


def expected_descriptions(sample: Sample) -> set[tuple[str, bytes]]:
    things = [index for index, region in enumerate(sample.regions) if region.is_thing]
    crowded = [index for index in things if distractors(sample, index) >= MIN_DISTRACTORS]
    return {
        (text, sample.mask(index).tobytes())
        for index in crowded or things
        for text in descriptions(sample, index)
    }


def test_some_scenes_have_two_distractors_and_only_their_things_are_described(
    exported: Path,
) -> None:
    refer = Referring(exported / 'refer', exported / 'val', 'val', 'streets')
    counts = [distractors(refer[index].sample, refer[index].index) for index in range(len(refer))]
    assert max(counts) >= MIN_DISTRACTORS


def test_the_same_scenes_give_the_same_bytes(exported: Path, tmp_path: Path) -> None:
    export_streets(tmp_path / 'again', SCENES, SIZE, things=(4, 9), split='val')
    files = sorted(path.relative_to(exported) for path in exported.rglob('*') if path.is_file())
    assert len(files) == 2 * len(SCENES) + 4
    for file in files:
        assert (tmp_path / 'again' / file).read_bytes() == (exported / file).read_bytes()


def test_streets_without_things_have_no_annotations(tmp_path: Path) -> None:
    folder = tmp_path / 'empty'
    export_streets(folder, range(2), SIZE, things=(0, 0))
    coco = CocoInstances(folder / 'annotations' / 'instances_test.json', folder / 'test')
    assert [coco[index].regions for index in range(len(coco))] == [(), ()]
    with pytest.raises(DataError, match='no reference of split'):
        Referring(folder / 'refer', folder / 'test', 'test', 'streets')


def test_category_ids_cover_every_pair_once() -> None:
    names = {f'{word} {noun}' for noun, words in ALL_PAIRS.items() for word in words}
    assert set(CATEGORY_IDS) == names
    assert sorted(CATEGORY_IDS.values()) == list(range(1, len(names) + 1))
    assert len(CLASSES) == len(set(CLASSES)) == len(THINGS) + len(STUFF) < 255


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / 'mine.txt').write_text('mine')
    with pytest.raises(DataError, match='is not empty; name a new folder'):
        export_streets(tmp_path, range(1), SIZE)
    assert [path.name for path in tmp_path.iterdir()] == ['mine.txt']


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / 'file').write_text('mine')
    with pytest.raises(DataError, match=r'cannot write .*file'):
        export_streets(tmp_path / 'file', range(1), SIZE)


def test_the_command_writes_a_set_that_can_be_read(tmp_path: Path) -> None:
    out = tmp_path / 'out'
    result = CliRunner().invoke(app, ['data', 'streets', str(out), '--scenes', '2'])
    assert result.exit_code == 0, result.output
    coco = CocoInstances(out / 'annotations' / 'instances_test.json', out / 'test')
    first = SPLITS['test'][0]
    assert [picture.id for picture in coco.pictures] == [first, first + 1]
    image = read_image(out / 'test' / f'{first:012d}.png')
    assert np.array_equal(image, render_scene(first).image)


def test_an_unknown_split_is_a_usage_error(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ['data', 'streets', str(tmp_path / 'x'), '--split', 'tset'])
    assert result.exit_code == 2
    assert not (tmp_path / 'x').exists()


def test_training_streets_show_no_held_out_pair() -> None:
    assert SPLITS['train'][1] is SEEN_PAIRS
    for word, noun in HELD_OUT:
        assert word not in SEEN_PAIRS[noun]
