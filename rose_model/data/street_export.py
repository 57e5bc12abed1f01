"""Procedural streets as files of the real data sets, for their readers and for other tools.

::

    test/000001000000.png            the images, in a folder called like the split
    annotations/instances_test.json  COCO: things with whole names ("red car"), run lengths
    labels/000001000000.png          index into classes.json, 255 for pixels that do not count
    classes.json                     [{"id": 0, "name": "car", "isthing": 1}, ...]
    refer/instances.json             RefCOCO wants the instances beside its references
    refer/refs(streets).p            RefCOCO: descriptions that fit one thing

The same scenes give the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rose_model.data.coco_masks import encode_mask
from rose_model.data.files import write_png
from rose_model.data.refer import write_references
from rose_model.data.sample import VOID, Sample
from rose_model.data.street_backdrop import STUFF
from rose_model.data.street_descriptions import descriptions, distractors
from rose_model.data.streets import ALL_PAIRS, THINGS, Pairs, render_scene
from rose_model.errors import DataError

MIN_DISTRACTORS = 2
"""Where a scene has things with so many others of their noun, only they are described."""

CLASSES = (*THINGS, *STUFF)
"""Nouns by the value of the label maps: things first."""

CATEGORY_IDS = {
    f'{attribute} {noun}': number
    for number, (noun, attribute) in enumerate(
        ((noun, attribute) for noun, words in ALL_PAIRS.items() for attribute in words), start=1
    )
}
"""Ids in ``instances.json`` by whole name; the same in every export."""


@dataclass
class _Records:
    """What the JSON files and the pickle will hold."""

    split: str
    images: list[dict[str, Any]] = field(default_factory=list)
    annotations: list[dict[str, Any]] = field(default_factory=list)
    references: list[dict[str, Any]] = field(default_factory=list)
    sentences: int = 0


def export_streets(
    folder: Path,
    scenes: Iterable[int],
    size: tuple[int, int] = (288, 384),
    *,
    things: tuple[int, int] = (2, 8),
    pairs: Pairs = ALL_PAIRS,
    split: str = 'test',
) -> None:
    """Write the scenes of those numbers into a new or empty folder.

    ``size``, ``things`` and ``pairs`` are those of ``render_scene``; ``split`` names the folder of
    the images and stands in the references.  The number of a scene is the id of its image.

    Raises:
        DataError: the folder holds something already, or cannot be written.
    """
    _prepare(folder, split)
    records = _Records(split)
    for number in scenes:
        sample = render_scene(number, size, things=things, pairs=pairs)
        name = f'{number:012d}.png'
        write_png(folder / split / name, sample.image)
        write_png(folder / 'labels' / name, semantic_labels(sample))
        _add_image(records, number, name, sample)
    _write_json(folder / 'classes.json', _classes())
    instances = _instances(records)
    _write_json(folder / 'annotations' / f'instances_{split}.json', instances)
    _write_json(folder / 'refer' / 'instances.json', instances)
    write_references(folder / 'refer' / 'refs(streets).p', records.references)


def semantic_labels(sample: Sample) -> NDArray[np.uint8]:
    """Index into ``CLASSES`` for each pixel of a street, 255 where nothing counts: uint8
    ``[H, W]``.
    """
    table = np.full(VOID + 1, VOID, np.uint8)
    for index, region in enumerate(sample.regions):
        table[index] = CLASSES.index(region.noun)
    labels: NDArray[np.uint8] = table[sample.index_map]
    return labels


def _prepare(folder: Path, split: str) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise DataError(f'{folder} is not empty; name a new folder.')
        for name in (split, 'annotations', 'labels', 'refer'):
            (folder / name).mkdir()
    except OSError as error:
        raise DataError(f'cannot write {folder}: {error.strerror}; name another one.') from error


def _add_image(records: _Records, number: int, name: str, sample: Sample) -> None:
    height, width = sample.index_map.shape
    records.images.append({'id': number, 'file_name': name, 'height': height, 'width': width})
    things = [index for index, region in enumerate(sample.regions) if region.is_thing]
    ids = {}
    for index in things:
        ids[index] = len(records.annotations) + 1
        records.annotations.append(_annotation(ids[index], number, sample, index))
    crowded = [index for index in things if distractors(sample, index) >= MIN_DISTRACTORS]
    for index in crowded or things:
        _add_reference(records, records.annotations[ids[index] - 1], name, sample, index)


def _annotation(number: int, image_id: int, sample: Sample, index: int) -> dict[str, Any]:
    mask = sample.mask(index)
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    x, y = int(columns[0]), int(rows[0])
    return {
        'id': number,
        'image_id': image_id,
        'category_id': CATEGORY_IDS[sample.regions[index].name],
        'iscrowd': 0,
        'area': int(mask.sum()),
        'bbox': [x, y, int(columns[-1]) + 1 - x, int(rows[-1]) + 1 - y],
        'segmentation': encode_mask(mask),
    }


def _add_reference(
    records: _Records, annotation: dict[str, Any], name: str, sample: Sample, index: int
) -> None:
    sentences = [
        {'raw': text, 'sent': text, 'sent_id': records.sentences + number, 'tokens': text.split()}
        for number, text in enumerate(descriptions(sample, index))
    ]
    if not sentences:
        return
    records.sentences += len(sentences)
    records.references.append(
        {
            'ref_id': len(records.references),
            'ann_id': annotation['id'],
            'category_id': annotation['category_id'],
            'image_id': annotation['image_id'],
            'file_name': name,
            'split': records.split,
            'sent_ids': [sentence['sent_id'] for sentence in sentences],
            'sentences': sentences,
        }
    )


def _classes() -> list[dict[str, Any]]:
    return [
        {'id': number, 'name': name, 'isthing': int(name in THINGS)}
        for number, name in enumerate(CLASSES)
    ]


def _instances(records: _Records) -> dict[str, Any]:
    categories = [
        {'id': number, 'name': name, 'supercategory': name.split(' ', 1)[1], 'isthing': 1}
        for name, number in CATEGORY_IDS.items()
    ]
    return {
        'info': {'description': 'Procedural streets of ros2_rose'},
        'licenses': [],
        'images': records.images,
        'annotations': records.annotations,
        'categories': categories,
    }


def _write_json(path: Path, content: object) -> None:
    try:
        path.write_text(json.dumps(content) + '\n', encoding='utf-8')
    except OSError as error:
        raise DataError(
            f'cannot write {path}: {error.strerror}; choose another folder.'
        ) from error
