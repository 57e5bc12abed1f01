"""Panoptic annotations in COCO's format: a PNG file of segment ids for each image, and a JSON file
that says what each segment is.

COCO publishes ``annotations/panoptic_val2017.json`` beside ``panoptic_val2017/*.png``; Mapillary
Vistas has the same format with text for ids.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, StrictInt

from rose_model.data.coco import (
    Picture,
    PictureCheck,
    parsed,
    read_categories,
    records_of,
    without_lost_images,
)
from rose_model.data.faults import MAX_FAULTY, keep_sound
from rose_model.data.files import image_size, path_inside, read_colour_map, read_image, read_json
from rose_model.data.labelled import unique_kinds, unknown_ids
from rose_model.data.sample import LabelledRegion, Sample
from rose_model.data.segment_map import label_segments, pixel_counts
from rose_model.errors import DataError

_VOID = 0
_LARGEST_ID = 0xFFFFFF


class _Segment(BaseModel):
    model_config = ConfigDict(frozen=True, extra='ignore')

    id: StrictInt = Field(gt=_VOID, le=_LARGEST_ID)
    category_id: StrictInt
    iscrowd: Literal[0, 1] = 0


class _RawAnnotation(BaseModel):
    model_config = ConfigDict(frozen=True, extra='ignore')

    image_id: StrictInt | str
    file_name: str
    segments_info: tuple[_Segment, ...]


@dataclass(frozen=True, eq=False, slots=True)
class PanopticImage:
    """An image, its file of ids, and its segments: int64 ``[N, 3]``, id, category, crowd."""

    picture: Picture
    ids: Path
    segments: NDArray[np.int64]


class CocoPanoptic:
    """The images of a panoptic file with all their segments, in the order of its annotations.

    ``pictures`` are the images that can be used, ``faults`` one line for each other one, ``kinds``
    the categories of the file.  Of an image and of its ids header and end are checked beforehand;
    that both files hold the same segments shows when they are read.

    Raises:
        DataError: the file is no panoptic file or has no image, ids of categories are given twice,
            or too much is damaged (see ``keep_sound``).
    """

    def __init__(
        self, annotations: Path, ids: Path, images: Path, *, max_faulty: float = MAX_FAULTY
    ) -> None:
        content = read_json(annotations)
        self._images = images
        self._kinds = read_categories(annotations, content)
        self.kinds = unique_kinds(kind for kind in self._kinds.values() if kind is not None)
        self.notes = ()
        listed = records_of(annotations, content, 'images')
        pictures, picture_faults = keep_sound(
            listed, PictureCheck(images), f'images of {annotations}', max_faulty=max_faulty
        )
        by_id = {picture.id: picture for picture in pictures}
        records = without_lost_images(
            records_of(annotations, content, 'annotations'), listed, by_id
        )
        check = _AnnotationCheck(ids, by_id, self._kinds)
        self.pictures, annotation_faults = keep_sound(
            records, check, f'annotations of {annotations}', max_faulty=max_faulty
        )
        self.faults = picture_faults + annotation_faults
        if not self.pictures:
            raise DataError(f'{annotations} annotates no image; name another file.')

    @property
    def image_ids(self) -> tuple[int | str, ...]:
        """The id of each image, in the order of ``pictures``."""
        return tuple(item.picture.id for item in self.pictures)

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> Sample:
        """Image ``index``; crowds are void.

        Raises:
            DataError: a file cannot be decoded, or the ids have a segment that the JSON file
                lacks.
        """
        item = self.pictures[index]
        colours = read_colour_map(item.ids)
        ids = colours[..., 0] + 256 * colours[..., 1] + 65536 * colours[..., 2]
        known = [_VOID, *item.segments[:, 0].tolist()]
        unknown_ids(item.ids, pixel_counts(ids), known, 'take both files from one source.')
        kinds = {}
        for number, category, is_crowd in item.segments.tolist():
            kind = self._kinds[category]
            if kind is not None and not is_crowd:
                kinds[number] = kind
        labelling = label_segments(ids, kinds)
        return labelling.sample(read_image(self._images / item.picture.file_name))


class _AnnotationCheck:
    """Checks the annotation of one image after the other."""

    def __init__(
        self,
        folder: Path,
        pictures: Mapping[int | str, Picture],
        kinds: Mapping[int, LabelledRegion | None],
    ) -> None:
        self._folder, self._pictures, self._kinds = folder, pictures, kinds
        self._known: set[int | str] = set()

    def __call__(self, record: object) -> PanopticImage:
        raw = parsed(_RawAnnotation, record, 'annotation')
        try:
            return self._checked(raw)
        except DataError as error:
            reason = str(error).rstrip('.')
            raise DataError(f'Annotation of image {raw.image_id}: {reason}.') from error

    def _checked(self, raw: _RawAnnotation) -> PanopticImage:
        if raw.image_id not in self._pictures:
            raise DataError('the file does not list the image; add it')
        if raw.image_id in self._known:
            raise DataError('it is given twice; remove one')
        self._known.add(raw.image_id)
        picture = self._pictures[raw.image_id]
        rows = [(item.id, item.category_id, item.iscrowd) for item in raw.segments_info]
        if len({row[0] for row in rows}) < len(rows):
            raise DataError('two of its segments have one id; give every segment its own')
        unknown = sorted({row[1] for row in rows} - self._kinds.keys())
        if unknown:
            raise DataError(f'the file has no category {unknown[0]}; add it')
        path = path_inside(self._folder, raw.file_name)
        size = image_size(path)
        if size != picture.size:
            raise DataError(
                f'{path} has {size[0]} x {size[1]} pixels, the image {picture.height} x '
                f'{picture.width}; take both from one source'
            )
        return PanopticImage(picture, path, np.array(rows, np.int64).reshape(-1, 3))
