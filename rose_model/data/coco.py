"""Annotations in COCO's format for instances: a JSON file beside a folder of images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, StrictInt, ValidationError

from rose_model.data import coco_masks
from rose_model.data.coco_names import Category, region_kinds
from rose_model.data.faults import MAX_FAULTY, keep_sound
from rose_model.data.files import image_size, path_inside, read_image, read_json
from rose_model.data.labelled import unique_kinds
from rose_model.data.sample import LabelledRegion, Sample
from rose_model.data.segment_map import label_segments
from rose_model.errors import DataError

_VOID = 0
"""Painted where nothing is, and over it by crowds; annotations count from 1."""


class Picture(BaseModel):
    """An image of the file; sizes in pixels.  COCO's ids are numbers, those of other publishers
    of such files text.
    """

    model_config = ConfigDict(frozen=True, extra='ignore')

    id: StrictInt | str
    file_name: str
    height: int = Field(gt=0)
    width: int = Field(gt=0)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.height, self.width


class _RawAnnotation(BaseModel):
    model_config = ConfigDict(frozen=True, extra='ignore')

    id: StrictInt
    image_id: StrictInt | str
    category_id: StrictInt
    segmentation: coco_masks.Segmentation
    iscrowd: Literal[0, 1] = 0
    bbox: tuple[float, float, float, float] | None = None


@dataclass(frozen=True, slots=True)
class Annotation:
    """A checked annotation; ``counts`` are the compressed runs of its mask."""

    id: int
    image_id: int | str
    category_id: int
    is_crowd: bool
    counts: bytes
    area: int


_RecordKind = TypeVar('_RecordKind', bound=BaseModel)


class CocoInstances:
    """The images of an instances file with their annotations, in the file's order.

    ``pictures`` are the images that can be used, ``faults`` one line for each image or annotation
    that cannot.  Every annotation is checked beforehand; of an image, header and end.  Images
    without annotations are kept.  ``kinds``: the categories of the file.

    Raises:
        DataError: the file is no instances file or has no image, ids of categories are given
            twice, or too much is damaged (see ``keep_sound``).
    """

    def __init__(self, annotations: Path, images: Path, *, max_faulty: float = MAX_FAULTY) -> None:
        content = read_json(annotations)
        self._images = images
        self._kinds = read_categories(annotations, content)
        self.kinds = unique_kinds(kind for kind in self._kinds.values() if kind is not None)
        self.notes = ()
        listed = records_of(annotations, content, 'images')
        self.pictures, picture_faults = keep_sound(
            listed, PictureCheck(images), f'images of {annotations}', max_faulty=max_faulty
        )
        self._by_id = {picture.id: picture for picture in self.pictures}
        check = _AnnotationCheck(self._by_id, self._kinds)
        records = without_lost_images(
            records_of(annotations, content, 'annotations'), listed, self._by_id
        )
        sound, annotation_faults = keep_sound(
            records, check, f'annotations of {annotations}', max_faulty=max_faulty
        )
        self.faults = picture_faults + annotation_faults
        self._annotations = {annotation.id: annotation for annotation in sound}
        self._of_picture: dict[int | str, list[Annotation]] = {key: [] for key in self._by_id}
        for annotation in sound:
            self._of_picture[annotation.image_id].append(annotation)
        if not self.pictures:
            raise DataError(f'{annotations} lists no image; name another file.')

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> Sample:
        """Image ``index``; a smaller annotation lies over a larger one, a crowd is void."""
        return self._sample(self.pictures[index], self._largest_first(self.pictures[index].id))[0]

    @property
    def image_ids(self) -> tuple[int | str, ...]:
        """The id of each image, in the order of ``pictures``."""
        return tuple(picture.id for picture in self.pictures)

    def annotation(self, number: int) -> Annotation | None:
        """The annotation with that id, if the file has it and it is sound."""
        return self._annotations.get(number)

    def sample_of(self, annotation: Annotation) -> tuple[Sample, int]:
        """The image of an annotation with its whole mask on top, and the index of its region.

        Raises:
            DataError: the image cannot be decoded, or has too many regions for a map.
        """
        ordered = [
            other for other in self._largest_first(annotation.image_id) if other != annotation
        ]
        picture = self._by_id[annotation.image_id]
        sample, indices = self._sample(picture, [*ordered, annotation])
        if annotation.id not in indices:
            raise DataError(
                f'{picture.file_name} has too many regions, annotation {annotation.id} is among '
                f'the smallest; remove others.'
            )
        return sample, indices[annotation.id]

    def _largest_first(self, image_id: int | str) -> list[Annotation]:
        return sorted(self._of_picture[image_id], key=lambda item: (-item.area, item.id))

    def _sample(
        self, picture: Picture, annotations: Sequence[Annotation]
    ) -> tuple[Sample, dict[int, int]]:
        """The image with annotations painted in their order, and the region index by their id."""
        painted = np.full(picture.size, _VOID, np.int32)
        kinds = {}
        for number, annotation in enumerate(annotations, start=1):
            mask = coco_masks.decode(annotation.counts, picture.size)
            kind = None if annotation.is_crowd else self._kinds[annotation.category_id]
            painted[mask] = _VOID if kind is None else number
            if kind is not None:
                kinds[number] = kind
        labelling = label_segments(painted, kinds)
        indices = {
            annotations[number - 1].id: index for number, index in labelling.index_of.items()
        }
        return labelling.sample(read_image(self._images / picture.file_name)), indices


class PictureCheck:
    """Checks one image after the other and remembers their ids."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: set[int | str] = set()

    def __call__(self, record: object) -> Picture:
        """The image of a record.

        Raises:
            DataError: its id has been given before, or its file is not whole or of another size.
        """
        picture = parsed(Picture, record, 'image')
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
        self,
        pictures: Mapping[int | str, Picture],
        kinds: Mapping[int, LabelledRegion | None],
    ) -> None:
        self._pictures, self._kinds = pictures, kinds
        self._known: set[int] = set()

    def __call__(self, record: object) -> Annotation:
        raw = parsed(_RawAnnotation, record, 'annotation')
        try:
            return self._checked(raw)
        except DataError as error:
            raise DataError(f'Annotation {raw.id}: {error}.') from error

    def _checked(self, raw: _RawAnnotation) -> Annotation:
        if raw.id in self._known:
            raise DataError('its id is given twice; give every annotation its own')
        if raw.category_id not in self._kinds:
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


def read_categories(path: Path, content: dict[str, Any]) -> dict[int, LabelledRegion | None]:
    """What a region of each category of a file is, by id; ``None`` for one that counts as void.

    Raises:
        DataError: there is no list of categories, a category is damaged, or two have one id.
    """
    records = records_of(path, content, 'categories')
    categories = [parsed(Category, record, 'category') for record in records]
    if len({category.id for category in categories}) < len(categories):
        raise DataError(f'{path} gives an id to two categories; give every one its own.')
    return region_kinds(categories)


def records_of(path: Path, content: dict[str, Any], key: str) -> list[Any]:
    """A list in a file of COCO's format.

    Raises:
        DataError: the file has none of that name.
    """
    records = content.get(key)
    if not isinstance(records, list):
        raise DataError(f"{path} has no list {key!r}; name a file in COCO's format for instances.")
    return records


def without_lost_images(
    annotations: Sequence[Any], images: Sequence[Any], sound: Mapping[int | str, Picture]
) -> list[Any]:
    """The annotations but those of a listed image that is left out: they are no faults of their
    own.
    """
    left_out = {_key(record, 'id') for record in images} - sound.keys() - {None}
    return [record for record in annotations if _key(record, 'image_id') not in left_out]


def parsed(kind: type[_RecordKind], record: object, what: str) -> _RecordKind:
    """A checked record of a file.

    Raises:
        DataError: names the record and the first key that is wrong.
    """
    try:
        return kind.model_validate(record)
    except ValidationError as error:
        first = error.errors()[0]
        place = '.'.join(str(part) for part in first['loc'][:1]) or 'record'
        raise DataError(
            f'{what.capitalize()} {_key(record, "id")}: {place}: {first["msg"]}; correct it.'
        ) from error


def _key(record: object, key: str) -> int | str | None:
    value = record.get(key) if isinstance(record, dict) else None
    return value if isinstance(value, int | str) else None
