"""COCO instances: all three forms of masks, crowds, overlaps, and every fault with its reason."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from rose_model.data.coco import CocoInstances
from rose_model.data.coco_masks import RunLengths, compress, decode, encode_mask
from rose_model.data.coco_names import Category, region_kinds
from rose_model.data.sample import VOID
from rose_model.errors import DataError

SIZE = (20, 30)
CATEGORIES = [{'id': 3, 'name': 'car'}, {'id': 7, 'name': 'wall-brick-merged', 'isthing': 0}]


def box_mask(top: int, left: int, bottom: int, right: int) -> np.ndarray:
    mask = np.zeros(SIZE, bool)
    mask[top:bottom, left:right] = True
    return mask


def annotation(number: int, mask: np.ndarray, **changes: Any) -> dict[str, Any]:
    record = {
        'id': number,
        'image_id': 1,
        'category_id': 3,
        'iscrowd': 0,
        'segmentation': encode_mask(mask),
    }
    return {**record, **changes}


def write_set(root: Path, annotations: list[Any], **changes: Any) -> Path:
    (root / 'images').mkdir(exist_ok=True)
    Image.fromarray(np.full((*SIZE, 3), 70, np.uint8)).save(root / 'images' / 'one.png')
    picture = {'id': 1, 'file_name': 'one.png', 'height': SIZE[0], 'width': SIZE[1]}
    content = {'images': [picture], 'annotations': annotations, 'categories': CATEGORIES}
    path = root / 'instances.json'
    path.write_text(json.dumps({**content, **changes}))
    return path


def read(root: Path, annotations: list[Any], **changes: Any) -> CocoInstances:
    return CocoInstances(write_set(root, annotations, **changes), root / 'images')


def plain_runs(mask: np.ndarray) -> list[int]:
    pixels = mask.ravel(order='F')
    borders = np.flatnonzero(np.diff(pixels)) + 1
    edges = [0, *([0] if pixels[0] else []), *borders.tolist(), pixels.size]
    return np.diff(edges).tolist()


def test_polygons_and_both_forms_of_runs_give_the_same_mask(tmp_path: Path) -> None:
    mask = box_mask(4, 6, 12, 20)
    polygon = [[6.0, 4.0, 20.0, 4.0, 20.0, 12.0, 6.0, 12.0]]
    plain = {'size': list(SIZE), 'counts': plain_runs(mask)}
    for segmentation in (polygon, plain, encode_mask(mask), [encode_mask(mask)]):
        sample = read(tmp_path, [annotation(1, mask, segmentation=segmentation)])[0]
        assert np.array_equal(sample.mask(0), mask)
        assert sample.image.shape == (*SIZE, 3)


def test_the_parts_of_an_annotation_are_united(tmp_path: Path) -> None:
    parts = [
        [2.0, 2.0, 8.0, 2.0, 8.0, 8.0, 2.0, 8.0],
        [6.0, 6.0, 14.0, 6.0, 14.0, 12.0, 6.0, 12.0],
    ]
    united = box_mask(2, 2, 8, 8) | box_mask(6, 6, 12, 14)
    sample = read(tmp_path, [annotation(1, united, segmentation=parts)])[0]
    assert np.array_equal(sample.mask(0), united)


def test_random_masks_survive_their_coding() -> None:
    rng = np.random.default_rng(0)
    for share in (0.0, 0.01, 0.3, 0.99, 1.0):
        mask = rng.random((37, 53)) < share
        for runs in (encode_mask(mask), {'size': [37, 53], 'counts': plain_runs(mask)}):
            counts = compress(RunLengths.model_validate(runs), (37, 53))
            assert np.array_equal(decode(counts, (37, 53)), mask)


def test_a_smaller_annotation_lies_over_a_larger_one(tmp_path: Path) -> None:
    small, large = box_mask(5, 5, 8, 8), box_mask(0, 0, 15, 15)
    for order in ((small, large), (large, small)):
        sample = read(tmp_path, [annotation(n, mask) for n, mask in enumerate(order)])[0]
        masks = [sample.mask(index) for index in range(2)]
        assert any(np.array_equal(mask, small) for mask in masks)
        assert any(np.array_equal(mask, large & ~small) for mask in masks)


def test_an_annotation_that_is_covered_gives_no_region_and_is_told(tmp_path: Path) -> None:
    left, right, whole = box_mask(0, 0, 9, 10), box_mask(0, 10, 9, 19), box_mask(0, 0, 9, 19)
    sample = read(tmp_path, [annotation(n, mask) for n, mask in enumerate((whole, left, right))])[
        0
    ]
    assert len(sample.regions) == 2
    assert sample.lost == ('car',)


def test_a_crowd_is_void_but_things_in_it_are_not(tmp_path: Path) -> None:
    crowd, thing = box_mask(0, 0, 10, 20), box_mask(2, 2, 6, 6)
    sample = read(tmp_path, [annotation(1, crowd, iscrowd=1), annotation(2, thing)])[0]
    assert len(sample.regions) == 1
    assert np.array_equal(sample.mask(0), thing)
    assert (sample.index_map[crowd & ~thing] == VOID).all()


def test_an_image_without_annotations_is_void(tmp_path: Path) -> None:
    sample = read(tmp_path, [])[0]
    assert sample.regions == ()
    assert (sample.index_map == VOID).all()


def test_names_and_kinds_come_from_the_categories(tmp_path: Path) -> None:
    categories = [
        {'id': 3, 'name': 'red car', 'supercategory': 'car'},
        {'id': 7, 'name': 'sky-other-merged', 'isthing': 0},
    ]
    records = [annotation(1, box_mask(0, 0, 5, 5)), annotation(2, box_mask(9, 9, 19, 19))]
    records[1]['category_id'] = 7
    regions = {r.name: r for r in read(tmp_path, records, categories=categories)[0].regions}
    assert (regions['red car'].noun, regions['red car'].attribute) == ('car', 'red')
    assert regions['red car'].is_thing
    assert not regions['sky'].is_thing


def test_of_256_visible_annotations_the_smallest_is_lost(tmp_path: Path) -> None:
    def pixel(number: int) -> np.ndarray:
        mask = np.zeros(SIZE, bool)
        mask[divmod(number, SIZE[1])] = True
        return mask

    records = [annotation(number, pixel(number)) for number in range(255)]
    assert len(read(tmp_path, records)[0].regions) == 255
    large = box_mask(15, 0, 20, 30)
    sample = read(tmp_path, [annotation(400, large), *records])[0]
    assert len(sample.regions) == 255
    assert sample.lost == ('car',)
    assert np.array_equal(sample.mask(0), large)
    assert (sample.index_map == VOID).sum() == sample.index_map.size - large.sum() - 254


def test_stuff_of_one_kind_is_one_region(tmp_path: Path) -> None:
    left, right = box_mask(0, 0, 9, 9), box_mask(0, 20, 9, 29)
    records = [annotation(n, mask, category_id=7) for n, mask in enumerate((left, right))]
    sample = read(tmp_path, records)[0]
    assert len(sample.regions) == 1
    assert np.array_equal(sample.mask(0), left | right)


def test_cocos_own_names_become_plain_words() -> None:
    names = {
        1: 'person',
        90: 'toothbrush',
        175: 'wall-stone',
        187: 'sky-other-merged',
        112: 'door-stuff',
        180: 'window-blind',
        183: 'other',
    }
    kinds = region_kinds([Category(id=number, name=name) for number, name in names.items()])
    assert kinds.pop(183) is None
    assert {number: kind.name for number, kind in kinds.items() if kind is not None} == {
        1: 'person',
        90: 'toothbrush',
        175: 'stone wall',
        187: 'sky',
        112: 'door',
        180: 'window blind',
    }
    assert [number for number, kind in kinds.items() if kind and kind.is_thing] == [1, 90]


MASK = box_mask(2, 2, 6, 6)
FAULTS = {
    'polygon of two points': ({'segmentation': [[1.0, 1.0, 5.0, 5.0]]}, 'polygon has 4 numbers'),
    'odd polygon': ({'segmentation': [[1.0, 1.0, 5.0, 5.0, 2.0, 4.0, 1.0]]}, 'has 7 numbers'),
    'no polygon': ({'segmentation': []}, 'segmentation is empty'),
    'polygon far outside': (
        {'segmentation': [[1.0, 1.0, 1e9, 5.0, 2.0, 4.0]]},
        'coordinate 1000000000.0 in an image of 20 x 30',
    ),
    'not a number': ({'segmentation': [[1.0, float('nan'), 9.0, 5.0, 2.0, 4.0]]}, 'nan'),
    'short runs': ({'segmentation': {'size': [20, 30], 'counts': [5, 5]}}, 'add up to 10 pixels'),
    'long runs': ({'segmentation': {'size': [20, 30], 'counts': [5, 900]}}, 'add up to 905'),
    'short compressed runs': (
        {'segmentation': {'size': [20, 30], 'counts': encode_mask(MASK)['counts'][:-3]}},
        'pixels, the image has 600',
    ),
    'half a number': ({'segmentation': {'size': [20, 30], 'counts': 'o'}}, 'middle of a number'),
    'foreign letters': ({'segmentation': {'size': [20, 30], 'counts': 'é!'}}, "hold 'é'"),
    'endless number': ({'segmentation': {'size': [20, 30], 'counts': 'o' * 40}}, "hold 'o'"),
    'negative runs': ({'segmentation': {'size': [20, 30], 'counts': [-5, 605]}}, 'segmentation'),
    'size of the mask': (
        {'segmentation': {'size': [30, 20], 'counts': [600]}},
        'mask has 30 x 20 pixels, the image 20 x 30',
    ),
    'empty mask': ({'segmentation': {'size': [20, 30], 'counts': [600]}}, 'has no pixel'),
    'box outside': ({'bbox': [25.0, 2.0, 9.0, 4.0]}, r'bbox \[25.0, 2.0, 9.0, 4.0\] leaves'),
    'unknown category': ({'category_id': 99}, 'no category 99'),
    'unknown image': ({'image_id': 99}, 'no image 99'),
    'id that is text': ({'id': 'seven'}, 'Annotation seven: id'),
    'no segmentation': ({'segmentation': None}, 'Annotation 7: segmentation'),
}


@pytest.mark.parametrize('fault', FAULTS)
def test_a_damaged_annotation_is_refused_with_its_reason(tmp_path: Path, fault: str) -> None:
    change, message = FAULTS[fault]
    with pytest.raises(DataError, match=message):
        read(tmp_path, [annotation(7, MASK, **change)])


def test_keys_that_are_missing_are_named(tmp_path: Path) -> None:
    for key in ('image_id', 'category_id', 'segmentation'):
        record = annotation(7, MASK)
        del record[key]
        with pytest.raises(DataError, match=f'Annotation 7: {key}: Field required'):
            read(tmp_path, [record])


def test_ids_given_twice_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match='Annotation 7: its id is given twice'):
        read(tmp_path, [annotation(7, MASK), annotation(7, MASK)])
    with pytest.raises(DataError, match='an id to two categories'):
        read(tmp_path, [], categories=[CATEGORIES[0], CATEGORIES[0]])
    picture = {'id': 1, 'file_name': 'one.png', 'height': SIZE[0], 'width': SIZE[1]}
    with pytest.raises(DataError, match='Image 1 is listed twice'):
        read(tmp_path, [], images=[picture, picture])


def test_one_fault_in_a_hundred_is_left_out_and_reported(tmp_path: Path) -> None:
    records = [annotation(number, MASK) for number in range(99)]
    records.insert(40, annotation(500, MASK, category_id=99))
    coco = read(tmp_path, records)
    assert coco.faults == ('Annotation 500: the file has no category 99; add it.',)
    assert coco.annotation(500) is None
    with pytest.raises(DataError, match=r'1 of 100 annotations .* none may be'):
        CocoInstances(tmp_path / 'instances.json', tmp_path / 'images', max_faulty=0)


def test_strict_lists_every_fault(tmp_path: Path) -> None:
    path = write_set(tmp_path, [annotation(n, MASK, category_id=90 + n) for n in range(3)])
    with pytest.raises(DataError, match=r'category 90[^$]*category 91[^$]*category 92'):
        CocoInstances(path, tmp_path / 'images', max_faulty=0)


def test_annotations_of_an_image_that_is_left_out_are_no_faults(tmp_path: Path) -> None:
    pictures = [
        {'id': n, 'file_name': 'one.png', 'height': SIZE[0], 'width': SIZE[1]} for n in range(200)
    ]
    pictures[50]['file_name'] = 'missing.png'
    coco = read(tmp_path, [annotation(1, MASK, image_id=50)], images=pictures)
    assert len(coco) == 199
    assert len(coco.faults) == 1
    assert 'missing.png is not a file' in coco.faults[0]


@pytest.mark.parametrize('name', ['/etc/hostname', '../secret.png', 'a/../../secret.png', ''])
def test_file_names_that_leave_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    Image.fromarray(np.zeros((*SIZE, 3), np.uint8)).save(tmp_path / 'secret.png')
    picture = {'id': 1, 'file_name': name, 'height': SIZE[0], 'width': SIZE[1]}
    with pytest.raises(DataError, match='is not a path below'):
        read(tmp_path, [], images=[picture])


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    path = write_set(tmp_path, [])
    Image.fromarray(np.zeros((*SIZE, 3), np.uint8)).save(tmp_path / 'secret.png')
    (tmp_path / 'images' / 'one.png').unlink()
    (tmp_path / 'images' / 'one.png').symlink_to(tmp_path / 'secret.png')
    with pytest.raises(DataError, match='leads out of'):
        CocoInstances(path, tmp_path / 'images')


def test_a_linked_folder_of_images_is_read(tmp_path: Path) -> None:
    path = write_set(tmp_path, [annotation(1, MASK)])
    (tmp_path / 'elsewhere').symlink_to(tmp_path / 'images')
    assert len(CocoInstances(path, tmp_path / 'elsewhere')[0].regions) == 1


def test_an_image_of_another_size_is_refused(tmp_path: Path) -> None:
    picture = {'id': 1, 'file_name': 'one.png', 'height': 20, 'width': 31}
    with pytest.raises(
        DataError, match=r'one.png has 20 x 30 pixels, its annotations say 20 x 31'
    ):
        read(tmp_path, [], images=[picture])


def test_a_jpeg_of_two_views_is_read(tmp_path: Path) -> None:
    """Phones write them; Pillow calls them by another name than JPEG."""
    path = write_set(tmp_path, [annotation(1, MASK)])
    view = Image.fromarray(np.full((*SIZE, 3), 70, np.uint8))
    view.save(tmp_path / 'images' / 'one.png', 'MPO', save_all=True, append_images=[view])
    assert CocoInstances(path, tmp_path / 'images')[0].image.shape == (*SIZE, 3)


def test_a_copy_for_another_process_gives_the_same(tmp_path: Path) -> None:
    coco = read(tmp_path, [annotation(1, MASK), annotation(2, box_mask(0, 9, 9, 19))])
    copy = pickle.loads(pickle.dumps(coco))  # noqa: S301 - as workers of a loader are given it
    assert copy.pictures == coco.pictures
    assert np.array_equal(copy[0].index_map, coco[0].index_map)
    assert copy[0].regions == coco[0].regions


def test_other_files_are_no_instances(tmp_path: Path) -> None:
    path = tmp_path / 'instances.json'
    for content, message in (
        ('{', 'not a readable JSON file'),
        ('[]', 'holds a list'),
        ('{"images": []}', "no list 'categories'"),
        ('{"images": [], "annotations": [], "categories": []}', 'lists no image'),
    ):
        path.write_text(content)
        with pytest.raises(DataError, match=message):
            CocoInstances(path, tmp_path)


def test_the_real_sample_is_read_as_pycocotools_reads_it(test_data: Path) -> None:
    folder = test_data / 'formats' / 'coco'
    file = folder / 'annotations' / 'instances_val2017.json'
    coco, reference = CocoInstances(file, folder / 'val2017', max_faulty=0), COCO(file)
    sample = coco[0]
    assert {r.name for r in sample.regions} == {'person', 'sports ball', 'tree', 'sky', 'grass'}
    assert {r.name for r in sample.regions if not r.is_thing} == {'tree', 'sky', 'grass'}
    masks = [sample.mask(index) for index in range(len(sample.regions))]
    for record in reference.dataset['annotations']:
        mask = reference.annToMask(record) == 1
        if record['iscrowd']:
            assert (sample.index_map[mask] == VOID).all()
        else:  # made from a panoptic map: nothing overlaps
            assert any(np.array_equal(mask, other) for other in masks)
    assert len(masks) == 17
