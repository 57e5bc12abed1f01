"""Annotations in COCO's format for instances: a JSON file beside a folder of images."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, StrictInt, ValidationError

from rose_model.data import coco_masks
from rose_model.data.faults import keep_sound
from rose_model.data.files import image_size, path_inside, read_image, read_json
from rose_model.data.sample import VOID, LabelledRegion, Sample
from rose_model.errors import DataError

_FIRST_STUFF_ID = 92
"""COCO's own categories are things up to ``toothbrush``, 90, and stuff from here on."""


class _Record(BaseModel):
    """A part of the file; keys that nobody here needs are left alone."""

    model_config = ConfigDict(frozen=True, extra='ignore')

    id: StrictInt


class Category(_Record):
    """A class of the file."""

    name: str = Field(min_length=1)
    supercategory: str = ''
    isthing: bool | None = None


class Picture(_Record):
    """An image of the file; sizes in pixels."""

    file_name: str
    height: int = Field(gt=0)
    width: int = Field(gt=0)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.height, self.width


class _RawAnnotation(_Record):
    image_id: StrictInt
    category_id: StrictInt
    segmentation: coco_masks.Segmentation
    iscrowd: Literal[0, 1] = 0
    bbox: tuple[float, float, float, float] | None = None


@dataclass(frozen=True, slots=True)
class Annotation:
    """A checked annotation; ``counts`` are the compressed runs of its mask."""

    id: int
    image_id: int
    category_id: int
    is_crowd: bool
    counts: bytes
    area: int


_RecordKind = TypeVar('_RecordKind', bound=_Record)


class CocoInstances:
    """The images of an instances file with their annotations, in the file's order.

    ``pictures`` are the images that can be used, ``faults`` one line for each image or annotation
    that cannot.  Every annotation is checked beforehand; of an image, header and end.  Images
    without annotations are kept.

    Raises:
        DataError: the file is no instances file or has no image, ids of categories are given
            twice, or too much is damaged (see ``keep_sound``).
    """

    def __init__(self, annotations: Path, images: Path, *, strict: bool = False) -> None:
        content = read_json(annotations)
        self._images = images
        self._regions = _regions(annotations, _listed(annotations, content, 'categories'))
        listed = _listed(annotations, content, 'images')
        self.pictures, picture_faults = keep_sound(
            listed, _PictureCheck(images), f'images of {annotations}', strict=strict
        )
        self._by_id = {picture.id: picture for picture in self.pictures}
        check = _AnnotationCheck(self._by_id, self._regions)
        # What belongs to an image that is left out already is no fault of its own.
        left_out = {_number(record, 'id') for record in listed} - self._by_id.keys() - {None}
        records = [
            record
            for record in _listed(annotations, content, 'annotations')
            if _number(record, 'image_id') not in left_out
        ]
        sound, annotation_faults = keep_sound(
            records, check, f'annotations of {annotations}', strict=strict
        )
        self.faults = picture_faults + annotation_faults
        self._annotations = {annotation.id: annotation for annotation in sound}
        self._of_picture: dict[int, list[Annotation]] = {key: [] for key in self._by_id}
        for annotation in sound:
            self._of_picture[annotation.image_id].append(annotation)
        if not self.pictures:
            raise DataError(f'{annotations} lists no image; name another file.')

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> Sample:
        """Image ``index``; a smaller annotation lies over a larger one, a crowd is void."""
        return self._sample(self.pictures[index], self._largest_first(self.pictures[index].id))[0]

    def annotation(self, number: int) -> Annotation | None:
        """The annotation with that id, if the file has it and it is sound."""
        return self._annotations.get(number)

    def sample_of(self, annotation: Annotation) -> tuple[Sample, int]:
        """The image of an annotation with its whole mask on top, and the index of its region."""
        ordered = [
            other for other in self._largest_first(annotation.image_id) if other != annotation
        ]
        sample, indices = self._sample(self._by_id[annotation.image_id], [*ordered, annotation])
        return sample, indices[annotation.id]

    def _largest_first(self, image_id: int) -> list[Annotation]:
        return sorted(self._of_picture[image_id], key=lambda item: (-item.area, item.id))

    def _sample(
        self, picture: Picture, annotations: Sequence[Annotation]
    ) -> tuple[Sample, dict[int, int]]:
        """The image with annotations painted in their order, and the region index by their id."""
        painted = np.full(picture.size, -1, np.int64)
        for number, annotation in enumerate(annotations):
            mask = coco_masks.decode(annotation.counts, picture.size)
            painted[mask] = -1 if annotation.is_crowd else number
        seen = [number for number in np.unique(painted).tolist() if number >= 0]
        if len(seen) > VOID:
            raise DataError(
                f'{picture.file_name} has {len(seen)} visible annotations, at most {VOID} may be; '
                'remove the smallest.'
            )
        # One entry more for -1: void.
        table = np.full(len(annotations) + 1, VOID, np.uint8)
        table[seen] = np.arange(len(seen))
        image = read_image(self._images / picture.file_name)
        regions = tuple(self._regions[annotations[number].category_id] for number in seen)
        indices = {annotations[number].id: index for index, number in enumerate(seen)}
        return Sample(image, table[painted], regions), indices


class _PictureCheck:
    """Checks one image after the other and remembers their ids."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: set[int] = set()

    def __call__(self, record: object) -> Picture:
        picture = _parsed(Picture, record, 'image')
        if picture.id in self._known:
            raise DataError(f'Image {picture.id} is listed twice; give every image its own id.')
        self._known.add(picture.id)
        size = image_size(path_inside(self._folder, picture.file_name))
        if size != picture.size:
            raise DataError(
                f'{self._folder / picture.file_name} has {size[0]} x {size[1]} pixels, its '
                f'annotations say {picture.height} x {picture.width}; take both from one source.'
            )
        return picture


class _AnnotationCheck:
    """Checks one annotation after the other and remembers their ids."""

    def __init__(
        self, pictures: Mapping[int, Picture], regions: Mapping[int, LabelledRegion]
    ) -> None:
        self._pictures, self._regions = pictures, regions
        self._known: set[int] = set()

    def __call__(self, record: object) -> Annotation:
        raw = _parsed(_RawAnnotation, record, 'annotation')
        try:
            return self._checked(raw)
        except DataError as error:
            raise DataError(f'Annotation {raw.id}: {error}.') from error

    def _checked(self, raw: _RawAnnotation) -> Annotation:
        if raw.id in self._known:
            raise DataError('its id is given twice; give every annotation its own')
        if raw.category_id not in self._regions:
            raise DataError(f'the file has no category {raw.category_id}; add it')
        if raw.image_id not in self._pictures:
            raise DataError(f'the file has no image {raw.image_id}; add it')
        self._known.add(raw.id)
        size = self._pictures[raw.image_id].size
        _check_box(raw.bbox, size)
        counts = coco_masks.compress(raw.segmentation, size)
        area = coco_masks.area(counts, size)
        if not area:
            raise DataError('its mask has no pixel; remove it')
        is_crowd = raw.iscrowd == 1
        return Annotation(raw.id, raw.image_id, raw.category_id, is_crowd, counts, area)


def _check_box(box: tuple[float, float, float, float] | None, size: tuple[int, int]) -> None:
    """``box`` is x, y, width, height in pixels; many writers leave it out."""
    if box is None:
        return
    x, y, width, height = box
    margin = coco_masks.MARGIN
    ends_inside = x + width <= size[1] + margin and y + height <= size[0] + margin
    if not (min(x, y) >= -margin and min(width, height) >= 0 and ends_inside):
        raise DataError(
            f'its bbox {list(box)} leaves the image of {size[0]} x {size[1]} pixels; correct it'
        )


def _regions(path: Path, records: Sequence[object]) -> dict[int, LabelledRegion]:
    """What a region of each category is called; the keys are their ids."""
    categories = [_parsed(Category, record, 'category') for record in records]
    by_id = {category.id: category for category in categories}
    if len(by_id) < len(categories):
        raise DataError(f'{path} gives an id to two categories; give every one its own.')
    is_cocos_own = 90 in by_id and by_id[90].name == 'toothbrush'
    return {
        category.id: _region(category, is_stuff=is_cocos_own and category.id >= _FIRST_STUFF_ID)
        for category in categories
    }


def _region(category: Category, *, is_stuff: bool) -> LabelledRegion:
    """``isthing`` decides where the file has it; names lose what only orders COCO's list
    (``sky-other-merged``).  Where a name ends with its supercategory, as in exported streets
    (``red car`` under ``car``), the rest is the attribute.
    """
    is_thing = not is_stuff if category.isthing is None else category.isthing
    name = re.sub(r'(-other|-merged|-stuff)+$', '', category.name)
    attribute = name.removesuffix(f' {category.supercategory}')
    if category.supercategory and attribute != name:
        return LabelledRegion(category.supercategory, attribute, is_thing)
    return LabelledRegion(name, '', is_thing)


def _listed(path: Path, content: dict[str, Any], key: str) -> list[Any]:
    records = content.get(key)
    if not isinstance(records, list):
        raise DataError(f"{path} has no list {key!r}; name a file in COCO's format for instances.")
    return records


def _parsed(kind: type[_RecordKind], record: object, what: str) -> _RecordKind:
    try:
        return kind.model_validate(record)
    except ValidationError as error:
        first = error.errors()[0]
        place = '.'.join(str(part) for part in first['loc'][:1]) or 'record'
        raise DataError(
            f'{what.capitalize()} {_number(record, "id")}: {place}: {first["msg"]}; correct it.'
        ) from error


def _number(record: object, key: str) -> int | None:
    number = record.get(key) if isinstance(record, dict) else None
    return number if isinstance(number, int) else None
