"""The publishers' own samples: ids, areas and names agree between the formats of one image."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rose_model.data.ade20k import Ade20k
from rose_model.data.ade20k_full import Ade20kFull
from rose_model.data.cityscapes import Cityscapes
from rose_model.data.class_names import plain_name, read_table
from rose_model.data.coco import CocoInstances
from rose_model.data.coco_names import Category, coco_stuff_kinds, region_kinds
from rose_model.data.coco_panoptic import CocoPanoptic
from rose_model.data.coco_stuff import CocoStuff
from rose_model.data.mapillary import Mapillary
from rose_model.data.sample import VOID, Sample
from rose_model.errors import DataError


@pytest.fixture(scope='module')
def formats(test_data: Path) -> Path:
    return test_data / 'formats'


def masks(sample: Sample) -> Counter[tuple[str, bool, bytes]]:
    return Counter(
        (region.name, region.is_thing, sample.mask(index).tobytes())
        for index, region in enumerate(sample.regions)
    )


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.array(image).astype(np.int64)


def test_coco_instances_and_panoptic_are_the_same_regions(formats: Path) -> None:
    folder = formats / 'coco'
    annotations, images = folder / 'annotations', folder / 'val2017'
    instances = CocoInstances(annotations / 'instances_val2017.json', images, max_faulty=0)[0]
    json_file = annotations / 'panoptic_val2017.json'
    panoptic = CocoPanoptic(json_file, json_file.with_suffix(''), images, max_faulty=0)[0]
    assert masks(panoptic) == masks(instances)
    assert np.array_equal(panoptic.index_map == VOID, instances.index_map == VOID)
    assert np.array_equal(panoptic.image, instances.image)
    assert panoptic.lost == instances.lost == ()


def test_panoptic_areas_are_those_that_the_file_gives(formats: Path) -> None:
    json_file = formats / 'coco' / 'annotations' / 'panoptic_val2017.json'
    images = CocoPanoptic(json_file, json_file.with_suffix(''), formats / 'coco' / 'val2017')
    (annotation,) = json.loads(json_file.read_text())['annotations']
    told = [info['area'] for info in annotation['segments_info'] if not info['iscrowd']]
    sample = images[0]
    areas = [int(sample.mask(index).sum()) for index in range(len(sample.regions))]
    assert sorted(areas) == sorted(told)


def test_cocos_lists_of_categories_agree(formats: Path) -> None:
    """Things, stuff of the challenge, panoptic: where an id is in two lists, so is its name."""
    folder = formats / 'coco' / 'annotations'
    panoptic = {
        item['id']: item
        for item in json.loads((folder / 'panoptic_val2017.json').read_text())['categories']
    }
    stuff_file = formats / 'cocostuff' / 'annotations' / 'stuff_examples.json'
    stuff = {item['id']: item for item in json.loads(stuff_file.read_text())['categories']}
    kinds = coco_stuff_kinds()
    lines = (formats / 'cocostuff' / 'labels.txt').read_text().splitlines()
    assert [row['name'] for row in read_table('coco_stuff')] == [
        line.split(': ')[1].strip() for line in lines[1:]
    ]
    assert {n: kind.is_thing for n, kind in kinds.items() if n in panoptic} == {
        n: bool(item['isthing']) for n, item in panoptic.items() if n in kinds
    }
    assert {n for n, kind in kinds.items() if not kind.is_thing} == set(stuff) - {183}
    both = region_kinds([Category.model_validate(item) for item in panoptic.values()])
    shared = kinds.keys() & both.keys()
    assert len(shared) > 100
    assert {n: kinds[n] for n in shared} == {n: both[n] for n in shared}


def test_the_example_result_of_cocostuff_is_no_map_of_classes(
    formats: Path, tmp_path: Path
) -> None:
    """The publisher's example is a result with ids that are not shifted; read as a map every class
    would be the one beside it.
    """
    (tmp_path / 'images').mkdir()
    Image.new('RGB', (640, 480)).save(tmp_path / 'images' / '000000000934.jpg')
    images = CocoStuff(formats / 'cocostuff' / 'train2017', tmp_path / 'images')
    with pytest.raises(DataError, match=r'unknown ids 183, 184; .* minus one, 0 to 181 and 255'):
        images[0]


def test_the_stuff_json_of_coco_is_stuff(formats: Path, tmp_path: Path) -> None:
    file = formats / 'cocostuff' / 'annotations' / 'stuff_examples.json'
    content = json.loads(file.read_text())
    for picture in content['images']:
        size = (picture['width'], picture['height'])
        Image.new('RGB', size).save(tmp_path / picture['file_name'])
    images = CocoInstances(file, tmp_path, max_faulty=0)
    names = {item['id']: item['name'] for item in content['categories']}
    kinds = coco_stuff_kinds()
    for index, picture in enumerate(images.pictures):
        sample = images[index]
        assert not any(region.is_thing for region in sample.regions)
        told = {a['category_id']: a for a in content['annotations'] if a['image_id'] == picture.id}
        areas = {r.name: int(sample.mask(n).sum()) for n, r in enumerate(sample.regions)}
        assert areas == {
            kinds[n].name: int(annotation['area'])
            for n, annotation in told.items()
            if names[n] != 'other'
        }


def test_ade20k_regions_are_the_classes_of_its_maps(formats: Path) -> None:
    images = Ade20k(formats / 'ade20k', 'validation', max_faulty=0)
    names = {int(row['id']): plain_name(row['names']) for row in read_table('ade20k_150')}
    assert len(images) == 2
    for index, file in enumerate(images.files):
        classes = pixels(file.labels)
        sample = images[index]
        areas = {region.name: int(sample.mask(n).sum()) for n, region in enumerate(sample.regions)}
        expected = {names[n]: int((classes == n).sum()) for n in np.unique(classes) if n}
        assert areas == expected
        assert np.array_equal(sample.index_map == VOID, classes == 0)
        assert np.array_equal(images.labels(index), np.where(classes, classes - 1, 255))


def test_the_whole_ade20k_is_what_its_instance_files_show(formats: Path) -> None:
    """255 in the file of an object is what is visible of it; two of the 85 objects leave out up to
    174 pixels that the map of the image gives them.
    """
    images = Ade20kFull(formats / 'ade20k_full' / 'ADE20K_2021_17_01', 'training', max_faulty=0)
    equal = compared = 0
    for index, image in enumerate(images.files):
        sample = images[index]
        content = json.loads(image.with_suffix('.json').read_text('latin1'))
        matched = np.zeros(sample.index_map.shape, bool)
        for item in content['annotation']['object']:
            if item['parts']['part_level']:
                continue
            mask = pixels(image.parent / item['instance_mask']) == 255
            (region,) = np.unique(sample.index_map[mask]).tolist()
            assert sample.regions[region].name == plain_name(item['name'])
            matched |= sample.mask(region)
            if sample.regions[region].is_thing:
                compared += 1
                equal += bool(np.array_equal(sample.mask(region), mask))
                assert mask.sum() > 0.96 * sample.mask(region).sum()
        assert np.array_equal(matched, sample.index_map != VOID)
    assert (len(images), compared - equal) == (2, 2)


def test_cityscapes_regions_are_its_label_ids(formats: Path) -> None:
    images = Cityscapes(formats / 'cityscapes', 'val', max_faulty=0)
    (file,) = images.files
    ids = pixels(file.labels.with_name(file.name + '_gtFine_labelIds.png'))
    sample = images[0]
    names = {row['name']: int(row['id']) for row in read_table('cityscapes')}
    for index, region in enumerate(sample.regions):
        assert set(np.unique(ids[sample.mask(index)])) == {names[region.name]}
    void = [int(row['id']) for row in read_table('cityscapes') if row['kind'] == 'void']
    assert np.array_equal(sample.index_map == VOID, np.isin(ids, void))
    things = Counter(region.name for region in sample.regions if region.is_thing)
    assert things == {'person': 4, 'car': 3}
    # What counts in the publisher's figures is not void here.  The maps of this sample were made
    # smaller each for itself, so that they differ at edges.
    trained = pixels(file.labels.with_name(file.name + '_gtFine_labelTrainIds.png')) != 255
    assert (sample.index_map[trained] == VOID).mean() < 0.001


def test_both_versions_of_a_mapillary_sample_are_the_same_regions(
    formats: Path, tmp_path: Path
) -> None:
    """The sample comes without its folders and its configuration; only the three classes that it
    holds are named here.
    """
    classes = {'v1.2': {17: 'Building', 44: 'Street Light', 45: 'Pole'}}
    classes['v2.0'] = {27: 'Building', 84: 'Street Light', 85: 'Pole'}
    samples = []
    for version, names in classes.items():
        labels = [
            {'name': f'a--{n}', 'readable': names.get(n, f'Other {n}'), 'instances': False}
            for n in range(124)
        ]
        (tmp_path / f'config_{version}.json').write_text(json.dumps({'labels': labels}))
        folder = tmp_path / 'training' / version
        folder.mkdir(parents=True)
        (folder / 'labels').symlink_to(formats / 'mapillary' / version)
        images = tmp_path / 'training' / 'images'
        if not images.exists():
            images.symlink_to(formats / 'mapillary' / 'images')
        samples.append(Mapillary(tmp_path, f'{version}/training', max_faulty=0)[0])
    assert masks(samples[0]) == masks(samples[1])
    assert sorted(r.name for r in samples[0].regions) == ['building', 'pole', 'street light']
