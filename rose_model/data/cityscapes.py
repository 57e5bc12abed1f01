"""Cityscapes with its fine annotations.

::

    leftImg8bit/train/aachen/aachen_000000_000019_leftImg8bit.png
    gtFine/train/aachen/aachen_000000_000019_gtFine_instanceIds.png   16-bit: the id of a class, or
                                                                      of a thing 1000 * id + number
    gtFine/train/aachen/aachen_000000_000019_gtFine_polygons.json     what those were drawn from

``labelIds`` are the same without instances and are not needed.  Terms of use: see the data set's
page; they allow no commercial use.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rose_model.data.class_names import read_table
from rose_model.data.faults import MAX_FAULTY, keep_sound
from rose_model.data.files import image_size, read_image, read_json, read_wide_label_map
from rose_model.data.labelled import LabelledFile, by_stem, unique_kinds, unknown_ids
from rose_model.data.sample import LabelledRegion, Sample
from rose_model.data.segment_map import label_segments, pixel_counts
from rose_model.errors import DataError

SPLITS = ('train', 'val', 'test')
_IMAGE, _INSTANCES, _POLYGONS = '_leftImg8bit', '_gtFine_instanceIds', '_gtFine_polygons'
_INSTANCE = 1000
_GROUP = 'group'


class _Object(BaseModel):
    model_config = ConfigDict(frozen=True, extra='ignore')

    label: str
    polygon: tuple[tuple[float, float], ...] = Field(min_length=2)
    deleted: bool = False


class _Polygons(BaseModel):
    model_config = ConfigDict(frozen=True, extra='ignore')

    height: int = Field(alias='imgHeight', gt=0)
    width: int = Field(alias='imgWidth', gt=0)
    objects: tuple[_Object, ...]


class Cityscapes:
    """The images of a split, in the order of their names.

    ``faults`` has one line for each that cannot be used; header, end and size are checked
    beforehand, what is in the maps shows when they are read.  Where an image has polygons and no
    map of instances, they are drawn as the publishers do.  Groups of things whose members nobody
    told apart are void, as is what the publishers call so.

    Raises:
        DataError: there is no image, or too much is damaged (see ``keep_sound``).
    """

    def __init__(self, root: Path, split: str, *, max_faulty: float = MAX_FAULTY) -> None:
        images = by_stem((root / 'leftImg8bit' / split).glob(f'*/*{_IMAGE}.png'), _IMAGE)
        labels = (root / 'gtFine' / split).glob
        self._labels = by_stem(labels(f'*/*{_POLYGONS}.json'), _POLYGONS)
        self._labels |= by_stem(labels(f'*/*{_INSTANCES}.png'), _INSTANCES)
        self._images = images
        names = sorted(images.keys() | self._labels.keys())
        if not names:
            raise DataError(
                f'{root} has no images of split {split}; name the folder that has leftImg8bit and '
                f'gtFine in it.'
            )
        self._ids = {row['name']: int(row['id']) for row in read_table('cityscapes')}
        self._kinds, self._things = _classes()
        self.kinds = unique_kinds(self._kinds.values())
        self.notes = ()
        self.files, self.faults = keep_sound(
            names, self._checked, f'images of Cityscapes, split {split}', max_faulty=max_faulty
        )

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Sample:
        """Each stuff class of image ``index`` as one region, and its things.

        Raises:
            DataError: a file cannot be decoded, or has a class that Cityscapes does not have.
        """
        file = self.files[index]
        if file.labels.suffix == '.json':
            segments = draw_polygons(_read_polygons(file.labels), self._ids, self._things)
        else:
            segments = read_wide_label_map(file.labels)
        present = pixel_counts(segments)
        cure = 'Cityscapes has the ids 0 to 33, of things times 1000 and a number more.'
        unknown_ids(file.labels, {_class_of(n) for n in present}, self._ids.values(), cure)
        kinds = {
            number: self._kinds[_class_of(number)]
            for number in present
            if _class_of(number) in self._kinds
            and (number >= _INSTANCE) == (_class_of(number) in self._things)
        }
        return label_segments(segments, kinds).sample(read_image(file.image))

    def _checked(self, name: str) -> LabelledFile:
        if name not in self._labels:
            raise DataError(f'{self._images[name]} has no annotation; complete the data set.')
        if name not in self._images:
            raise DataError(f'{self._labels[name]} has no image; complete the data set.')
        image, labels = self._images[name], self._labels[name]
        size = image_size(image)
        if labels.suffix == '.json':
            polygons = _read_polygons(labels)
            labelled = (polygons.height, polygons.width)
        else:
            labelled = image_size(labels)
        if size != labelled:
            raise DataError(
                f'{image} has {size[0]} x {size[1]} pixels, its labels {labelled[0]} x '
                f'{labelled[1]}; take both from one source.'
            )
        return LabelledFile(name, image, labels)


def draw_polygons(
    polygons: _Polygons, ids: dict[str, int], things: frozenset[int]
) -> NDArray[np.int32]:
    """The map of instances of an image's polygons, as the publishers draw it: later ones lie over
    earlier ones, ``cargroup`` is a group of cars, and what has no id is left out.

    Raises:
        DataError: a label is none of Cityscapes.
    """
    canvas = Image.new('I', (polygons.width, polygons.height), ids['unlabeled'])
    draw = ImageDraw.Draw(canvas)
    count: Counter[int] = Counter()
    for item in polygons.objects:
        is_group = item.label not in ids and item.label.endswith(_GROUP)
        label = item.label.removesuffix(_GROUP) if is_group else item.label
        if item.deleted or label == 'license plate':
            continue
        if label not in ids:
            raise DataError(f'{item.label!r} is no label of Cityscapes; correct the polygons.')
        number = ids[label]
        if number in things and not is_group:
            number = number * _INSTANCE + count[number]
            count[ids[label]] += 1
        draw.polygon(list(item.polygon), fill=number)
    return np.array(canvas, np.int32)


def splits(root: Path) -> tuple[str, ...]:
    """The splits of Cityscapes in a folder; none where it is something else."""
    return tuple(
        split
        for split in SPLITS
        if (root / 'leftImg8bit' / split).is_dir() and (root / 'gtFine' / split).is_dir()
    )


def _classes() -> tuple[dict[int, LabelledRegion], frozenset[int]]:
    """What each class is that is not void, by id, and the ids of things."""
    rows = [row for row in read_table('cityscapes') if row['kind'] != 'void']
    things = frozenset(int(row['id']) for row in rows if row['kind'] == 'thing')
    # Several poles side by side, "polegroup", are stuff as a pole is.
    names = {int(row['id']): row['name'].removesuffix(_GROUP) for row in rows}
    return {n: LabelledRegion(name, '', n in things) for n, name in names.items()}, things


def _class_of(number: int) -> int:
    return number // _INSTANCE if number >= _INSTANCE else number


def _read_polygons(path: Path) -> _Polygons:
    try:
        return _Polygons.model_validate(read_json(path))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = '.'.join(map(str, first['loc']))
        raise DataError(f'{path}: {place}: {first["msg"]}; take it from its source.') from error
