"""What is special about each publisher's files."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from rose_model.data.ade20k import IGNORE, NOTE_PARTS, Ade20k
from rose_model.data.ade20k_full import Ade20kFull
from rose_model.data.cityscapes import Cityscapes
from rose_model.data.coco_panoptic import CocoPanoptic
from rose_model.data.coco_stuff import CocoStuff, Encoding
from rose_model.data.formats import Format, Found, find_sets
from rose_model.data.mapillary import Mapillary
from rose_model.data.sample import VOID, Sample
from rose_model.errors import DataError


def named(sample: Sample, name: str) -> list[np.ndarray]:
    return [
        sample.mask(index) for index, region in enumerate(sample.regions) if region.name == name
    ]


def change_map(path: Path, change: Any) -> None:
    with Image.open(path) as image:
        pixels = np.array(image)
    change(pixels)
    Image.fromarray(pixels).save(path)


# --- ADE20K -------------------------------------------------------------------------------------


@pytest.fixture
def ade(tmp_path: Path, scene: np.ndarray, layouts: ModuleType) -> Path:
    layouts.write_ade20k(tmp_path, scene)
    return tmp_path


def test_without_instances_touching_cars_are_one_and_the_note_says_so(
    ade: Path, scene: np.ndarray, layouts: ModuleType
) -> None:
    folder = ade / 'annotations_instance'
    folder.rename(ade / 'elsewhere')
    images = Ade20k(ade, 'training')
    assert images.notes == (NOTE_PARTS,)
    (car,) = named(images[0], 'car')
    assert np.array_equal(car, np.isin(scene, (layouts.CAR, layouts.OTHER_CAR)))


def test_a_thing_of_ade20k_that_is_no_instance_is_void(ade: Path) -> None:
    path = ade / 'annotations_instance' / 'training' / 'ADE_train_00000001.png'
    change_map(path, lambda pixels: pixels[30:45, 10:30].fill(0))
    sample = Ade20k(ade, 'training')[0]
    assert len(named(sample, 'car')) == 1
    assert (sample.index_map[30:45, 10:30] == VOID).all()


def test_the_labels_of_ade20k_are_classes_minus_one(ade: Path, scene: np.ndarray) -> None:
    labels = Ade20k(ade, 'training').labels(0)
    assert labels.dtype == np.uint8
    assert set(np.unique(labels)) == {2, 6, 12, 20, IGNORE}
    assert np.array_equal(labels == IGNORE, scene == 0)


@pytest.mark.parametrize('columns', [['Ratio'], ['Ratio', 'Train', 'Val', 'Stuff']])
def test_names_are_those_of_the_data_sets_own_file(ade: Path, columns: list[str]) -> None:
    rows = ['\t'.join(['Idx', *columns, 'Name'])]
    rows += [
        '\t'.join([f'{n} ', *['0'] * len(columns), f'Thing {n}, other']) for n in range(1, 151)
    ]
    (ade / 'objectInfo150.txt').write_text('\n'.join(rows) + '\n')
    assert named(Ade20k(ade, 'training')[0], 'thing 3')
    (ade / 'objectInfo150.txt').write_text('\n'.join(rows[:100]))
    with pytest.raises(DataError, match=r'objectInfo150.txt names 99 classes, 150 are needed'):
        Ade20k(ade, 'training')


@pytest.mark.parametrize('folder', ['annotations', 'annotations_instance'])
def test_a_class_that_ade20k_does_not_have_is_refused(ade: Path, folder: str) -> None:
    def spoil(pixels: np.ndarray) -> None:
        part = pixels[31:33, 11:13] if pixels.ndim == 2 else pixels[31:33, 11:13, 0]
        part.fill(200)

    change_map(ade / folder / 'training' / 'ADE_train_00000001.png', spoil)
    with pytest.raises(DataError, match=r'ADE_train_00000001.png has the unknown ids 200;'):
        Ade20k(ade, 'training')[0]


def test_stuff_of_the_whole_ade20k_is_one_region_a_class(
    tmp_path: Path, scene: np.ndarray, layouts: ModuleType
) -> None:
    """There every object has a number of its own, roads and skies, too."""
    layouts.write_ade20k_full(tmp_path, scene)
    path = next(tmp_path.rglob('*_seg.png'))
    change_map(path, lambda pixels: pixels[50:52, :, 2].fill(77))
    sample = Ade20kFull(tmp_path, 'training')[0]
    (road,) = named(sample, 'road')
    assert np.array_equal(road[:50], (scene == layouts.ROAD)[:50])
    assert road[50:52].all()


def test_a_class_without_a_name_in_the_whole_ade20k_is_refused(
    tmp_path: Path, scene: np.ndarray, layouts: ModuleType
) -> None:
    layouts.write_ade20k_full(tmp_path, scene)
    path = next(tmp_path.rglob('*.json'))
    content = json.loads(path.read_text('latin1'))
    content['annotation']['object'] = content['annotation']['object'][:2]
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match=r'_seg.png has the unknown ids 401, 1831; its JSON file'):
        Ade20kFull(tmp_path, 'training')[0]
    del content['annotation']['object'][0]['name_ndx']
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match=r'json: annotation.object.0.name_ndx: Field required'):
        Ade20kFull(tmp_path, 'training')


# --- COCO ---------------------------------------------------------------------------------------


@pytest.fixture
def panoptic(tmp_path: Path, scene: np.ndarray, layouts: ModuleType) -> Path:
    layouts.write_coco_panoptic(tmp_path, scene)
    return tmp_path


def read_panoptic(root: Path, **changes: Any) -> CocoPanoptic:
    path = root / 'annotations' / 'panoptic_train2017.json'
    content = json.loads(path.read_text())
    content['annotations'][0] |= changes
    path.write_text(json.dumps(content))
    return CocoPanoptic(path, path.with_suffix(''), root / 'train2017', max_faulty=0.0)


def segment(number: int, category: int = 3, **more: Any) -> dict[str, Any]:
    return {'id': number, 'category_id': category, **more}


def test_a_crowd_of_a_panoptic_file_is_void(panoptic: Path, scene: np.ndarray) -> None:
    infos = [segment(70_000 * n, iscrowd=int(n == 3)) for n in range(1, 6)]
    sample = read_panoptic(panoptic, segments_info=infos)[0]
    assert len(sample.regions) == 4
    assert (sample.index_map[scene == 3] == VOID).all()


def test_a_segment_without_a_pixel_is_lost(panoptic: Path) -> None:
    infos = [segment(70_000 * n) for n in range(1, 6)] + [segment(9, 1)]
    sample = read_panoptic(panoptic, segments_info=infos)[0]
    assert sample.lost == ('person',)


def test_a_segment_that_the_json_file_lacks_is_refused(panoptic: Path) -> None:
    images = read_panoptic(panoptic, segments_info=[segment(70_000)])
    with pytest.raises(DataError, match=r'000000000001.png has the unknown ids 140000, 210000'):
        images[0]


PANOPTIC_FAULTS = {
    'no image': ({'image_id': 9}, 'image 9: the file does not list the image'),
    'two of one id': ({'segments_info': [segment(5), segment(5)]}, 'two of its segments'),
    'unknown category': ({'segments_info': [segment(5, 77)]}, 'no category 77'),
    'id out of range': ({'segments_info': [segment(1 << 24)]}, 'segments_info: Input should be'),
    'void as a segment': ({'segments_info': [segment(0)]}, 'segments_info: Input should be'),
    'no file': ({'file_name': 'other.png'}, 'other.png is not a file'),
    'outside': ({'file_name': '../../x.png'}, 'is not a path below'),
}


@pytest.mark.parametrize('fault', PANOPTIC_FAULTS)
def test_a_damaged_panoptic_annotation_is_refused_with_its_reason(
    panoptic: Path, fault: str
) -> None:
    change, message = PANOPTIC_FAULTS[fault]
    with pytest.raises(DataError, match=message):
        read_panoptic(panoptic, **change)


def test_an_image_that_is_annotated_twice_is_refused(panoptic: Path) -> None:
    path = panoptic / 'annotations' / 'panoptic_train2017.json'
    content = json.loads(path.read_text())
    content['annotations'] *= 2
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match='image 1: it is given twice'):
        read_panoptic(panoptic)


def test_stuff_maps_alone_split_things_and_say_so(
    tmp_path: Path, scene: np.ndarray, layouts: ModuleType
) -> None:
    found = layouts.write_coco_stuff(tmp_path / 'cocostuff', scene)
    (tmp_path / 'coco' / 'annotations' / 'instances_train2017.json').unlink()
    images = found.open(0.0)
    assert 'connected parts' in images.notes[0]
    assert len(named(images[0], 'car')) == 1


@pytest.mark.parametrize('place', ['beside the maps', 'images of the publisher'])
def test_images_of_stuff_maps_are_found_where_others_have_them(
    tmp_path: Path, scene: np.ndarray, layouts: ModuleType, place: str
) -> None:
    """LISA once had images and maps in one folder; the publisher has images/ and annotations/."""
    root = tmp_path / 'cocostuff'
    layouts.write_coco_stuff(root, scene)
    (tmp_path / 'coco').rename(tmp_path / 'gone')
    image = tmp_path / 'gone' / 'train2017' / '000000000001.jpg'
    if place == 'beside the maps':
        image.rename(root / 'train2017' / image.name)
    else:
        (root / 'annotations').mkdir()
        (root / 'train2017').rename(root / 'annotations' / 'train2017')
        (root / 'images' / 'train2017').mkdir(parents=True)
        image.rename(root / 'images' / 'train2017' / image.name)
    assert find_sets(root) == [Found(Format.COCO_STUFF, root, 'train2017')]
    assert len(find_sets(root)[0].open(0.0)[0].regions) == 4


def test_pixel_maps_have_stuff_alone(
    tmp_path: Path, scene: np.ndarray, layouts: ModuleType
) -> None:
    layouts.write_image(tmp_path / 'train2017' / '000000000001.jpg')
    ids = layouts.COCO_STUFF.map(scene)
    ids[np.isin(scene, layouts.THINGS)] = 183
    folder = tmp_path / 'annotations' / 'stuff_train2017_pixelmaps'
    layouts.write_map(folder / '000000000001.png', ids)
    (found,) = find_sets(tmp_path)
    assert found.format is Format.COCO_STUFF_PIXELMAPS
    sample = found.open(0.0)[0]
    assert sorted(region.name for region in sample.regions) == ['road', 'sky']
    assert (sample.index_map[ids == 183] == VOID).all()


def test_ids_of_the_wrong_encoding_are_refused(
    tmp_path: Path, scene: np.ndarray, layouts: ModuleType
) -> None:
    """Read as the other form, every class would be the one beside it."""
    layouts.write_image(tmp_path / 'images' / '1.jpg')
    for encoding, wrong in ((Encoding.STUFF_THING_MAPS, 183), (Encoding.PIXEL_MAPS, 17)):
        ids = np.full(layouts.SIZE, 100)
        ids[:9] = wrong
        layouts.write_map(tmp_path / 'maps' / '1.png', ids)
        images = CocoStuff(tmp_path / 'maps', tmp_path / 'images', encoding)
        with pytest.raises(DataError, match=r'1.png has the unknown ids \d+;'):
            images[0]


# --- Mapillary Vistas and Cityscapes ------------------------------------------------------------


@pytest.mark.parametrize('version', ['', 'v1.2', 'v2.0'])
def test_every_version_of_mapillary_is_found(
    tmp_path: Path, scene: np.ndarray, layouts: ModuleType, version: str
) -> None:
    found = layouts.write_mapillary(tmp_path, scene, version)
    assert find_sets(tmp_path) == [found]
    assert len(found.open(0.0)[0].regions) == 5


def test_the_car_of_the_camera_is_void(
    tmp_path: Path, scene: np.ndarray, layouts: ModuleType
) -> None:
    found = layouts.write_mapillary(tmp_path, scene)
    path = tmp_path / 'training' / 'v2.0' / 'instances' / 'abc.png'
    change_map(path, lambda pixels: pixels[50:].fill(4 * 256))
    sample = found.open(0.0)[0]
    assert (sample.index_map[50:] == VOID).all()


def test_mapillary_without_instances_reads_its_labels(
    tmp_path: Path, scene: np.ndarray, layouts: ModuleType
) -> None:
    found = layouts.write_mapillary(tmp_path, scene)
    (tmp_path / 'training' / 'v2.0' / 'instances').rename(tmp_path / 'gone')
    images = found.open(0.0)
    assert images.notes
    assert len(named(images[0], 'car')) == 1
    path = tmp_path / 'training' / 'v2.0' / 'labels' / 'abc.png'
    change_map(path, lambda pixels: pixels[:3].fill(6))
    with pytest.raises(
        DataError, match=r'unknown ids 6; the configuration has the classes 0 to 5'
    ):
        found.open(0.0)[0]


def test_mapillary_needs_its_configuration(
    tmp_path: Path, scene: np.ndarray, layouts: ModuleType
) -> None:
    found = layouts.write_mapillary(tmp_path, scene)
    path = tmp_path / 'config_v2.0.json'
    path.write_text('{"labels": [{"readable": "Road"}]}')
    with pytest.raises(DataError, match=r'labels.0.instances: Field required'):
        found.open(0.0)
    path.unlink()
    with pytest.raises(DataError, match=r'config_v2.0.json is not a file'):
        Mapillary(tmp_path, 'v2.0/training')


@pytest.fixture
def cityscapes(tmp_path: Path, scene: np.ndarray, layouts: ModuleType) -> Path:
    layouts.write_cityscapes(tmp_path, scene)
    return tmp_path


def test_a_group_of_cars_is_void(cityscapes: Path, scene: np.ndarray, layouts: ModuleType) -> None:
    path = next(cityscapes.rglob('*instanceIds.png'))
    change_map(path, lambda pixels: pixels[30:45, 10:30].fill(26))
    sample = Cityscapes(cityscapes, 'train')[0]
    assert len(named(sample, 'car')) == 1
    assert (sample.index_map[scene == layouts.CAR] == VOID).all()


def write_polygons(root: Path, size: tuple[int, int], objects: list[dict[str, Any]]) -> None:
    path = next(root.rglob('*instanceIds.png'))
    content = {'imgHeight': size[0], 'imgWidth': size[1], 'objects': objects}
    name = path.name.replace('instanceIds.png', 'polygons.json')
    path.with_name(name).write_text(json.dumps(content))
    path.unlink()


def box(label: str, x1: int, y1: int, x2: int, y2: int, **more: Any) -> dict[str, Any]:
    return {'label': label, 'polygon': [[x1, y1], [x2, y1], [x2, y2], [x1, y2]], **more}


def test_polygons_are_drawn_one_over_the_other(cityscapes: Path, layouts: ModuleType) -> None:
    objects = [
        box('sky', 0, 0, 79, 59),
        box('road', 0, 30, 79, 59),
        box('car', 10, 20, 30, 40),
        box('car', 20, 20, 40, 40),
        box('cargroup', 50, 20, 60, 40),
        box('license plate', 12, 30, 14, 32),
        box('person', 60, 40, 70, 50, deleted=True),
        box('out of roi', 0, 55, 79, 59),
    ]
    write_polygons(cityscapes, layouts.SIZE, objects)
    sample = Cityscapes(cityscapes, 'train')[0]
    canvas = Image.new('L', (80, 60))
    for item, value in zip(objects, (1, 2, 3, 4, 0, None, None, 0), strict=True):
        if value is not None:
            corners = [tuple(point) for point in item['polygon']]
            ImageDraw.Draw(canvas).polygon(corners, fill=value)
    expected = np.array(canvas)
    assert [region.name for region in sample.regions] == ['road', 'sky', 'car', 'car']
    for index, value in enumerate((2, 1, 3, 4)):
        assert np.array_equal(sample.mask(index), expected == value)


def test_polygons_of_foreign_labels_and_sizes_are_refused(
    cityscapes: Path, layouts: ModuleType
) -> None:
    path = next(cityscapes.rglob('*instanceIds.png'))
    content = path.read_bytes()
    write_polygons(cityscapes, layouts.SIZE, [box('tram', 0, 0, 9, 9)])
    with pytest.raises(DataError, match="'tram' is no label of Cityscapes"):
        Cityscapes(cityscapes, 'train')[0]
    path.write_bytes(content)
    write_polygons(cityscapes, (99, 80), [])
    with pytest.raises(DataError, match='60 x 80 pixels, its labels 99 x 80'):
        Cityscapes(cityscapes, 'train')


def test_an_id_that_cityscapes_does_not_have_is_refused(cityscapes: Path) -> None:
    change_map(next(cityscapes.rglob('*instanceIds.png')), lambda pixels: pixels[:2].fill(34_001))
    with pytest.raises(DataError, match=r'instanceIds.png has the unknown ids 34;'):
        Cityscapes(cityscapes, 'train')[0]
