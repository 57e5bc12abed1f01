"""Mask AP as COCO defines it: ``pycocotools`` judges, on the annotations of the file itself."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from rose_model.data.coco import Annotation, CocoInstances
from rose_model.data.coco_masks import decode, encode_mask
from rose_model.data.files import read_json
from rose_model.evaluation.figures import Figure, Figures
from rose_model.evaluation.instance import with_areas
from rose_model.evaluation.resampled_precision import (
    detection_tables,
    mean_of_present,
    precision_figure,
    recall_figure,
)
from rose_model.evaluation.vocabulary import Vocabulary
from rose_model.records import Segment

_ALL, _SMALL, _MEDIUM, _LARGE = range(4)
"""Places of COCO's ranges of areas: all, below 32 x 32 pixels, up to 96 x 96, above."""


@dataclass(frozen=True)
class TrueInstance:
    """A thing to be found: the number of its class, and its mask as COCO's compressed runs."""

    number: int
    runs: dict[str, Any]

    @property
    def mask(self) -> NDArray[np.bool_]:
        """The mask, bool ``[H, W]``."""
        height, width = self.runs['size']
        return decode(self.runs['counts'], (height, width))


class CocoTruth:
    """What is to be found: the sound annotations of an instances file, and its classes.

    Sizes are judged by the area that the file states.  Images are numbered by their place among
    those that can be used, annotations anew from 1: ``COCOeval`` takes a match with the id 0 for
    none.

    Raises:
        DataError: the file has no categories that can be told apart.
    """

    def __init__(self, annotations: Path, data: CocoInstances) -> None:
        content = read_json(annotations)
        categories = content['categories']
        self.vocabulary = Vocabulary([(item['name'],) for item in categories])
        self.category_ids = [int(item['id']) for item in categories]
        self._class_of = {number: index for index, number in enumerate(self.category_ids)}
        sizes = [picture.size for picture in data.pictures]
        place = {picture.id: number for number, picture in enumerate(data.pictures)}
        records: list[dict[str, Any]] = []
        for sound, area in _sound(content['annotations'], data):
            image = place[sound.image_id]
            records.append(_record(sound, image, sizes[image], area, len(records) + 1))
        self.coco = _dataset(
            [{'id': n, 'height': size[0], 'width': size[1]} for n, size in enumerate(sizes)],
            records,
            self.category_ids,
        )

    def instances(self, image: int) -> list[TrueInstance]:
        """What is to be found in an image, crowds left out."""
        return [
            TrueInstance(self._class_of[item['category_id']], item['segmentation'])
            for item in self.coco.imgToAnns[image]
            if not item['iscrowd']
        ]


def _sound(
    annotations: Sequence[object], data: CocoInstances
) -> Iterator[tuple[Annotation, object]]:
    """The annotations that the reader found sound, with the area that the file states."""
    for item in annotations:
        if isinstance(item, dict) and isinstance(item.get('id'), int):
            annotation = data.annotation(item['id'])
            if annotation is not None:
                yield annotation, item.get('area')


def _record(
    sound: Annotation, image: int, size: tuple[int, int], stated_area: object, number: int
) -> dict[str, Any]:
    return {
        'id': number,
        'image_id': image,
        'category_id': sound.category_id,
        'iscrowd': int(sound.is_crowd),
        'area': stated_area if isinstance(stated_area, int | float) else sound.area,
        'segmentation': {'size': list(size), 'counts': sound.counts},
    }


class CocoAp:
    """AP of one set of answers; the score of a detection is its objectness (paper, Sec. 4.2).

    Each answer may have a class by each of several rules; what has none by a rule is nothing that
    COCO could be told, and is left out there.
    """

    def __init__(self, truth: CocoTruth) -> None:
        self._truth = truth
        self._images: list[int] = []
        # Without boxes: COCOeval would take a detection's size from them.
        self._detections: list[dict[str, Any]] = []
        self._classes: dict[str, list[int]] = {}

    def add(
        self,
        image: int,
        size: tuple[int, int],
        segments: Sequence[Segment],
        classes: Mapping[str, Sequence[int]],
    ) -> None:
        """The segments of an image of ``size = (H, W)``, and by each rule the numbers of their
        classes, negative ones for none; the rules are the same for every image.
        """
        self._images.append(image)
        for segment in segments:
            coded = encode_mask(segment.full_mask(size))
            self._detections.append(
                {'image_id': image, 'segmentation': coded, 'score': segment.objectness}
            )
        for rule, numbers in classes.items():
            self._classes.setdefault(rule, []).extend(numbers)

    def figures(self, rule: str | None, suffix: str = '') -> Figures:
        """``coco_ap``, ``coco_ap50``, ``coco_ap75``, ``coco_ap_small``, ``coco_ap_medium``,
        ``coco_ap_large`` and ``coco_ar100`` by a rule, each with that suffix.

        ``rule``: ``None`` where classes do not matter.  The figures by size have no interval.
        """
        evaluator = self._evaluate(rule)
        tables = detection_tables(evaluator)
        figures = {
            'coco_ap': precision_figure(evaluator, tables, slice(None)),
            'coco_ap50': precision_figure(evaluator, tables, slice(0, 1)),
            'coco_ap75': precision_figure(evaluator, tables, slice(5, 6)),
            'coco_ap_small': _by_size(evaluator, _SMALL),
            'coco_ap_medium': _by_size(evaluator, _MEDIUM),
            'coco_ap_large': _by_size(evaluator, _LARGE),
            'coco_ar100': recall_figure(evaluator, tables),
        }
        return {f'{key}{suffix}': figure for key, figure in figures.items()}

    def _evaluate(self, rule: str | None) -> COCOeval:
        """COCO's own evaluation, with its own parameters, on the images that were added."""
        truth = self._truth
        numbers = [0] * len(self._detections) if rule is None else self._classes.get(rule, [])
        found = [
            {**detection, 'category_id': truth.category_ids[number]}
            for detection, number in zip(self._detections, numbers, strict=True)
            if number >= 0
        ]
        with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints its progress
            detections = _dataset(
                truth.coco.dataset['images'], with_areas(found), truth.category_ids
            )
            evaluator = COCOeval(truth.coco, detections, iouType='segm')
            evaluator.params.imgIds = sorted(self._images)
            evaluator.params.useCats = int(rule is not None)
            evaluator.evaluate()
            evaluator.accumulate()
        return evaluator


def _by_size(evaluator: COCOeval, area: int) -> Figure:
    precision = evaluator.eval['precision'][:, :, :, area, -1]
    categories = evaluator.params.catIds
    results = evaluator.evalImgs
    images, areas = len(evaluator.params.imgIds), len(evaluator.params.areaRng)
    count = 0
    for number in range(len(categories)):
        first = (number * areas + area) * images
        count += sum(
            int((np.asarray(item['gtIgnore']) == 0).sum())
            for item in results[first : first + images]
            if item
        )
    return Figure(mean_of_present(precision), float('nan'), float('nan'), count)


def _dataset(
    images: list[dict[str, Any]], annotations: list[dict[str, Any]], categories: Sequence[int]
) -> COCO:
    coco = COCO()
    coco.dataset = {
        'images': images,
        'annotations': annotations,
        'categories': [{'id': number} for number in categories],
    }
    with contextlib.redirect_stdout(io.StringIO()):
        coco.createIndex()
    return coco
