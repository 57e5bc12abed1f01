"""Average precision of things by COCO's rules, with and without names (``pycocotools``)."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from rose_model.data.coco_masks import encode_mask
from rose_model.data.sample import VOID
from rose_model.evaluation.figures import Figures
from rose_model.evaluation.frames import Frame
from rose_model.evaluation.resampled_precision import (
    detection_tables,
    precision_figure,
    recall_figure,
)
from rose_model.records import Segment

MOST_DETECTIONS = 100

Annotation = dict[str, Any]


class InstanceAp:
    """``ap``, ``ap50`` and ``ar100`` of things whatever their names, ``named_ap50`` by full names.

    Scores are the objectness.  Small things and unlabelled pixels are a crowd in COCO's sense,
    under whatever name: who misses them loses nothing, and a prediction on them is neither right
    nor wrong.  ``named_ap50`` is the mean over the names of large things in the ground truth.
    """

    def __init__(self) -> None:
        self._truth: list[Annotation] = []
        self._predicted: list[Annotation] = []
        self._names: dict[str, int] = {}
        self._sizes: list[tuple[int, int]] = []

    def add(self, frame: Frame) -> None:
        """Note the things of one frame, predicted and true."""
        predicted = frame.predicted(is_thing=True)
        size = frame.segmentation.original_size
        for segment in predicted:
            self._predicted.append(
                {
                    'image_id': len(self._sizes),
                    'category_id': self._number(segment.category),
                    'segmentation': encode_mask(segment.full_mask(size)),
                    'score': segment.objectness,
                }
            )
        self._add_truth(frame, predicted)
        self._sizes.append(size)

    def _add_truth(self, frame: Frame, predicted: list[Segment]) -> None:
        crowds = [frame.sample.index_map == VOID]
        for index, region in enumerate(frame.sample.regions):
            if not region.is_thing:
                continue
            if frame.is_large(index):
                self._annotate(frame.sample.mask(index), self._number(region.name), crowd=False)
            else:
                crowds.append(frame.sample.mask(index))
        names = {self._number(segment.category) for segment in predicted}
        for crowd in crowds:
            for name in names if crowd.any() else ():
                self._annotate(crowd, name, crowd=True)

    def _annotate(self, mask: NDArray[np.bool_], name: int, *, crowd: bool) -> None:
        self._truth.append(
            {
                'id': len(self._truth) + 1,  # COCOeval takes the id 0 for "not matched"
                'image_id': len(self._sizes),
                'category_id': name,
                'segmentation': encode_mask(mask),
                'area': int(mask.sum()),
                'iscrowd': int(crowd),
            }
        )

    def _number(self, name: str) -> int:
        return self._names.setdefault(name, len(self._names) + 1)

    def figures(self) -> Figures:
        """The four figures, with intervals over images."""
        agnostic = self.evaluation()
        named = self.evaluation(use_names=True)
        tables = detection_tables(agnostic)
        return {
            'ap': precision_figure(agnostic, tables, slice(None)),
            'ap50': precision_figure(agnostic, tables, slice(0, 1)),
            'ar100': recall_figure(agnostic, tables),
            'named_ap50': precision_figure(named, detection_tables(named), slice(0, 1)),
        }

    def evaluation(self, *, use_names: bool = False) -> COCOeval:
        """COCO's evaluation of everything noted; the record of a detection has no ``bbox``, which
        would decide its size.
        """
        truth, predicted = self._truth, self._predicted
        if not use_names:  # a crowd stands there once for every name
            truth, predicted = _under_one_name(truth), _under_one_name(predicted)
        names = sorted({item['category_id'] for item in truth if not item['iscrowd']})
        with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints its progress
            evaluator = COCOeval(
                self._coco(truth, names), self._coco(with_areas(predicted), names), iouType='segm'
            )
            evaluator.params.imgIds = list(range(len(self._sizes)))
            evaluator.params.areaRng, evaluator.params.areaRngLbl = [[0, 1e10]], ['all']
            evaluator.params.maxDets = [MOST_DETECTIONS]
            evaluator.evaluate()
            evaluator.accumulate()
        return evaluator

    def _coco(self, annotations: list[Annotation], names: list[int]) -> COCO:
        coco = COCO()
        coco.dataset = {
            'images': [
                {'id': image, 'height': height, 'width': width}
                for image, (height, width) in enumerate(self._sizes)
            ],
            'annotations': [dict(item) for item in annotations if item['category_id'] in names],
            'categories': [{'id': name} for name in names],
        }
        coco.createIndex()
        return coco


def _under_one_name(annotations: list[Annotation]) -> list[Annotation]:
    """The annotations with one category; a crowd that was there for several names only once."""
    seen: set[tuple[int, str]] = set()
    kept = []
    for annotation in annotations:
        if annotation.get('iscrowd'):
            key = (annotation['image_id'], annotation['segmentation']['counts'])
            if key in seen:
                continue
            seen.add(key)
        kept.append({**annotation, 'category_id': 1})
    return kept


def with_areas(predicted: list[Annotation]) -> list[Annotation]:
    """Detections as ``COCO.loadRes`` completes them, which cannot do it for an empty list."""
    return [
        {
            **detection,
            'id': number,
            'area': int(coco_mask.area(detection['segmentation'])),
            'iscrowd': 0,
        }
        for number, detection in enumerate(predicted, 1)
    ]
