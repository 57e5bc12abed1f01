"""One small scene, written in the layout of each publisher: two cars that touch, a person, sky,
road, and a strip that nobody has labelled.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from rose_model.data.class_names import read_table
from rose_model.data.coco_masks import encode_mask
from rose_model.data.formats import Format, Found
from rose_model.data.refer import write_references

SIZE = (60, 80)
NOTHING, SKY, ROAD, CAR, OTHER_CAR, PERSON = range(6)
NAMES = {SKY: 'sky', ROAD: 'road', CAR: 'car', OTHER_CAR: 'car', PERSON: 'person'}
THINGS = (CAR, OTHER_CAR, PERSON)


@dataclass(frozen=True)
class Names:
    """What the classes of the scene are called by a publisher, and their numbers."""

    sky: int
    road: int
    car: int
    person: int

    def of(self, segment: int) -> int:
        return int(getattr(self, NAMES[segment]))

    def map(self, segments: np.ndarray, void: int = 0) -> np.ndarray:
        classes = np.full(segments.shape, void)
        for segment in NAMES:
            classes[segments == segment] = self.of(segment)
        return classes


ADE = Names(sky=3, road=7, car=21, person=13)
ADE_THINGS = Names(sky=0, road=0, car=9, person=4)
ADE_FULL = Names(sky=2420, road=2131, car=401, person=1831)
COCO = Names(sky=187, road=149, car=3, person=1)
COCO_STUFF = Names(sky=157, road=149, car=3, person=1)
MAPILLARY = Names(sky=2, road=0, car=1, person=3)
CITYSCAPES = Names(sky=23, road=7, car=26, person=24)

COCO_CATEGORIES = [
    {'id': 1, 'name': 'person', 'isthing': 1, 'supercategory': 'person'},
    {'id': 3, 'name': 'car', 'isthing': 1, 'supercategory': 'vehicle'},
    {'id': 90, 'name': 'toothbrush', 'isthing': 1, 'supercategory': 'indoor'},
    {'id': 149, 'name': 'road', 'isthing': 0, 'supercategory': 'ground'},
    {'id': 187, 'name': 'sky-other-merged', 'isthing': 0, 'supercategory': 'solid'},
]
MAPILLARY_CONFIG = {
    'labels': [
        {'name': 'construction--flat--road', 'readable': 'Road', 'instances': False},
        {'name': 'object--vehicle--car', 'readable': 'Car', 'instances': True},
        {'name': 'nature--sky', 'readable': 'Sky', 'instances': False},
        {'name': 'human--person', 'readable': 'Person', 'instances': True},
        {'name': 'void--ego-vehicle', 'readable': 'Ego Vehicle', 'instances': False},
        {
            'name': 'void--unlabeled',
            'readable': 'Unlabeled',
            'instances': False,
            'evaluate': False,
        },
    ]
}
UNLABELLED = 5


def make_scene() -> np.ndarray:
    """The segment of each pixel, one of the numbers above."""
    segments = np.full(SIZE, ROAD)
    segments[:25] = SKY
    segments[30:45, 10:30] = CAR
    segments[30:45, 30:50] = OTHER_CAR
    segments[20:50, 60:68] = PERSON
    segments[56:] = NOTHING
    return segments


def write_image(path: Path, size: tuple[int, int] = SIZE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    Image.fromarray(pixels).save(path)


def write_map(path: Path, values: np.ndarray, dtype: Any = np.uint8) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values.astype(dtype)).save(path)


def write_json(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def colours(ids: np.ndarray) -> np.ndarray:
    return np.stack([ids % 256, ids // 256 % 256, ids // 65536], -1)


def write_ade20k(root: Path, segments: np.ndarray, name: str = 'ADE_train_00000001') -> Found:
    write_image(root / 'images' / 'training' / f'{name}.jpg')
    write_map(root / 'annotations' / 'training' / f'{name}.png', ADE.map(segments))
    red = ADE_THINGS.map(segments)
    green = np.where(np.isin(segments, THINGS), segments, 0)
    instances = np.stack([red, green, np.zeros_like(red)], -1)
    write_map(root / 'annotations_instance' / 'training' / f'{name}.png', instances)
    return Found(Format.ADE20K, root, 'training')


def write_ade20k_full(root: Path, segments: np.ndarray, name: str = 'ADE_train_1') -> Found:
    folder = root / 'images' / 'ADE' / 'training' / 'urban' / 'street'
    write_image(folder / f'{name}.jpg')
    classes = ADE_FULL.map(segments)
    red, green = classes // 256 * 10, classes % 256
    write_map(folder / f'{name}_seg.png', np.stack([red, green, segments * 5], -1))
    names = {row['names'].split(',')[0]: row['names'] for row in read_table('ade20k_150')}
    objects = [
        {'id': n, 'name': names[NAMES[n]], 'name_ndx': ADE_FULL.of(n), 'raw_name': 'caf\xe9'}
        for n in NAMES
    ]
    path = folder / f'{name}.json'
    path.write_text(json.dumps({'annotation': {'object': objects}}, ensure_ascii=False), 'latin1')
    return Found(Format.ADE20K_FULL, root, 'training')


def coco_content(segments: np.ndarray, names: Names, kept: tuple[int, ...]) -> dict[str, Any]:
    annotations = [
        {
            'id': n,
            'image_id': 1,
            'category_id': names.of(n),
            'iscrowd': 0,
            'segmentation': encode_mask(segments == n),
        }
        for n in kept
        if (segments == n).any()
    ]
    picture = {
        'id': 1,
        'file_name': '000000000001.jpg',
        'height': segments.shape[0],
        'width': segments.shape[1],
    }
    return {'images': [picture], 'annotations': annotations, 'categories': COCO_CATEGORIES}


def write_coco(root: Path, segments: np.ndarray) -> Found:
    write_image(root / 'train2017' / '000000000001.jpg')
    content = coco_content(segments, COCO, tuple(NAMES))
    write_json(root / 'annotations' / 'instances_train2017.json', content)
    return Found(Format.COCO, root, 'train2017')


def panoptic_content(segments: np.ndarray, names: Names, image_id: int | str) -> dict[str, Any]:
    content = coco_content(segments, COCO, tuple(NAMES))
    content['images'][0]['id'] = image_id
    infos = [
        {'id': 70_000 * n, 'category_id': names.of(n), 'iscrowd': 0, 'area': int(mask.sum())}
        for n in NAMES
        if (mask := segments == n).any()
    ]
    name = content['images'][0]['file_name'].replace('.jpg', '.png')
    annotation = {'image_id': image_id, 'file_name': name, 'segments_info': infos}
    return {**content, 'annotations': [annotation]}


def write_coco_panoptic(root: Path, segments: np.ndarray) -> Found:
    write_image(root / 'train2017' / '000000000001.jpg')
    folder = root / 'annotations'
    write_json(folder / 'panoptic_train2017.json', panoptic_content(segments, COCO, 1))
    ids = folder / 'panoptic_train2017' / '000000000001.png'
    write_map(ids, colours(segments * 70_000))
    return Found(Format.COCO_PANOPTIC, root, 'train2017')


def write_coco_stuff(root: Path, segments: np.ndarray) -> Found:
    """With COCO's instances beside it, as in LISA's tree."""
    coco = root.with_name('coco')
    write_image(coco / 'train2017' / '000000000001.jpg')
    things = coco_content(segments, COCO, THINGS)
    write_json(coco / 'annotations' / 'instances_train2017.json', things)
    labels = COCO_STUFF.map(segments, void=256) - 1
    write_map(root / 'train2017' / '000000000001.png', labels)
    return Found(Format.COCO_STUFF, root, 'train2017')


def write_mapillary(root: Path, segments: np.ndarray, version: str = 'v2.0') -> Found:
    name = f'config_{version}.json' if version else 'config.json'
    write_json(root / name, MAPILLARY_CONFIG)
    write_image(root / 'training' / 'images' / 'abc.jpg')
    classes = MAPILLARY.map(segments, void=UNLABELLED)
    number = np.where(np.isin(segments, THINGS), segments, 0)
    folder = root / 'training' / version
    write_map(folder / 'labels' / 'abc.png', classes)
    write_map(folder / 'instances' / 'abc.png', classes * 256 + number, np.uint16)
    return Found(Format.MAPILLARY, root, f'{version}/training' if version else 'training')


def write_mapillary_panoptic(root: Path, segments: np.ndarray) -> Found:
    content = panoptic_content(segments, COCO, 'abc')
    content['images'][0]['file_name'] = 'abc.jpg'
    content['annotations'][0]['file_name'] = 'abc.png'
    write_image(root / 'training' / 'images' / 'abc.jpg')
    folder = root / 'training' / 'v2.0' / 'panoptic'
    write_json(folder / 'panoptic_2020.json', content)
    write_map(folder / 'abc.png', colours(segments * 70_000))
    return Found(Format.MAPILLARY_PANOPTIC, root, 'v2.0/training')


def write_cityscapes(root: Path, segments: np.ndarray) -> Found:
    stem = 'aachen_000000_000019'
    write_image(root / 'leftImg8bit' / 'train' / 'aachen' / f'{stem}_leftImg8bit.png')
    classes = CITYSCAPES.map(segments)
    folder = root / 'gtFine' / 'train' / 'aachen'
    write_map(folder / f'{stem}_gtFine_labelIds.png', classes)
    number = np.where(segments == OTHER_CAR, 1, 0)
    instances = np.where(np.isin(segments, THINGS), classes * 1000 + number, classes)
    write_map(folder / f'{stem}_gtFine_instanceIds.png', instances, np.uint16)
    return Found(Format.CITYSCAPES, root, 'train')


def write_refer(root: Path, segments: np.ndarray) -> Found:
    """``root`` is ``refer_seg/refcoco`` or another one beside the folder of images."""
    images = 'images/saiapr_tc-12' if 'clef' in root.name else 'images/mscoco/images/train2014'
    write_image(root.parent / images / '000000000001.jpg')
    write_json(root / 'instances.json', coco_content(segments, COCO, tuple(NAMES)))
    references = [
        {
            'ref_id': number,
            'ann_id': segment,
            'category_id': 3,
            'image_id': 1,
            'file_name': 'COCO_train2014_1.jpg',
            'split': split,
            'sent_ids': [number],
            'sentences': [{'raw': said, 'sent': said, 'sent_id': number, 'tokens': said.split()}],
        }
        for number, (segment, split, said) in enumerate(
            ((CAR, 'train', 'left car'), (OTHER_CAR, 'train', 'right car'), (PERSON, 'val', 'man'))
        )
    ]
    write_references(root / 'refs(unc).p', references)
    return Found(Format.REFER, root, 'unc')


Writer = Callable[[Path, np.ndarray], Found]
WRITERS: dict[str, Writer] = {
    'ade20k': write_ade20k,
    'ADE20K_2021_17_01': write_ade20k_full,
    'coco': write_coco,
    'coco-panoptic': write_coco_panoptic,
    'cocostuff': write_coco_stuff,
    'mapillary': write_mapillary,
    'mapillary-panoptic': write_mapillary_panoptic,
    'cityscapes': write_cityscapes,
    'refcoco': write_refer,
    'refclef': write_refer,
}
"""By the name of the folder that they write."""
