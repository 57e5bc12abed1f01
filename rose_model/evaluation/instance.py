"""Average precision of things by COCO's rules, with and without names (``pycocotools``)."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from rose_model.data.sample import VOID
from rose_model.evaluation.bootstrap import percentile_interval, resample_weights
from rose_model.evaluation.figures import Figure, Figures
from rose_model.evaluation.frames import Frame
from rose_model.records import Segment

MOST_DETECTIONS = 100
_RECALLS = np.linspace(0, 1, 101)
_ROWS_AT_ONCE = 100
"""Resamples that are worked on together: arrays stay at a few MB."""

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
                    'segmentation': _encode(segment.full_mask(size)),
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
                'segmentation': _encode(mask),
                'area': int(mask.sum()),
                'iscrowd': int(crowd),
            }
        )

    def _number(self, name: str) -> int:
        return self._names.setdefault(name, len(self._names) + 1)

    def figures(self) -> Figures:
        """The four figures, with intervals over images."""
        agnostic = self._evaluate(use_names=False)
        named = self._evaluate(use_names=True)
        return {
            'ap': self._precision(agnostic, slice(None)),
            'ap50': self._precision(agnostic, slice(0, 1)),
            'ar100': self._recall(agnostic),
            'named_ap50': self._precision(named, slice(0, 1)),
        }

    def _evaluate(self, *, use_names: bool) -> COCOeval:
        """COCO's evaluation of everything noted; the record of a detection has no ``bbox``, which
        would decide its size.
        """
        truth, predicted = self._truth, self._predicted
        if not use_names:  # a crowd stands there once for every name
            truth, predicted = _under_one_name(truth), _under_one_name(predicted)
        names = sorted({item['category_id'] for item in truth if not item['iscrowd']})
        with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints its progress
            evaluator = COCOeval(
                self._coco(truth, names), self._coco(_with_areas(predicted), names), iouType='segm'
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

    def _precision(self, evaluator: COCOeval, thresholds: slice) -> Figure:
        """Mean of the precision over recalls, thresholds, and names that occur."""
        precision = evaluator.eval['precision'][thresholds]
        tables = _tables(evaluator, len(self._sizes))
        rows = range(len(evaluator.params.iouThrs))[thresholds]
        return self._figure(precision, [_drawn_precision(table, rows) for table in tables], tables)

    def _recall(self, evaluator: COCOeval) -> Figure:
        tables = _tables(evaluator, len(self._sizes))
        drawn = [_drawn_recall(table) for table in tables]
        return self._figure(evaluator.eval['recall'], drawn, tables)

    def _figure(
        self, values: NDArray[np.float64], drawn: list[NDArray[np.float64]], tables: list[_Table]
    ) -> Figure:
        things = int(sum(table.truths.sum() for table in tables))
        present = values[values > -1]
        value = float(present.mean()) if present.size else float('nan')
        if not things:
            return Figure(value, float('nan'), float('nan'), 0)
        resampled = np.stack(drawn)
        counted = np.isfinite(resampled)
        sums = np.where(counted, resampled, 0).sum(axis=0)
        means = sums / np.maximum(1, counted.sum(axis=0))
        return Figure(value, *percentile_interval(means), things)


@dataclass(frozen=True, eq=False)
class _Table:
    """The detections of one name, best score first, over all images.

    ``image``: int64 ``[D]``; ``right`` and ``wrong``: bool ``[T, D]`` by IoU threshold, neither
    where a detection is ignored; ``truths``: int64 ``[images]``, things to be found.
    """

    image: NDArray[np.int64]
    right: NDArray[np.bool_]
    wrong: NDArray[np.bool_]
    truths: NDArray[np.int64]


def _tables(evaluator: COCOeval, images: int) -> list[_Table]:
    """One table for every name that occurs in the ground truth."""
    thresholds = len(evaluator.params.iouThrs)
    tables = []
    for first in range(0, len(evaluator.evalImgs), max(1, images)):
        results = [item for item in evaluator.evalImgs[first : first + images] if item]
        truths = np.zeros(images, np.int64)
        for item in results:
            truths[item['image_id']] = int((np.asarray(item['gtIgnore']) == 0).sum())
        if not truths.sum():
            continue
        scores = np.concatenate([np.asarray(item['dtScores'], float) for item in results])
        order = np.argsort(-scores, kind='mergesort')  # as COCOeval.accumulate
        image = np.concatenate(
            [np.full(len(item['dtScores']), item['image_id'], np.int64) for item in results]
        )
        matches = np.concatenate(
            [np.reshape(item['dtMatches'], (thresholds, -1)) for item in results], axis=1
        )
        ignored = np.concatenate(
            [np.reshape(item['dtIgnore'], (thresholds, -1)) for item in results], axis=1
        )
        counts = (ignored == 0)[:, order]
        hit = (matches > 0)[:, order]
        tables.append(_Table(image[order], hit & counts, ~hit & counts, truths))
    return tables


def average_precision(
    table: _Table, row: int, weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """COCO's precision at 101 recalls, float64 ``[R]``, where image i counts ``weights[r, i]``
    times; NaN where a resample has no thing of the name.
    """
    drawn = weights[:, table.image]
    right = np.cumsum(drawn * table.right[row], axis=1)
    wrong = np.cumsum(drawn * table.wrong[row], axis=1)
    total = weights @ table.truths
    recall = right / np.maximum(1, total)[:, None]
    precision = right / np.maximum(np.spacing(1), right + wrong)
    best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    reached = np.searchsorted(_RECALLS, recall, side='right')
    steps = np.diff(reached, axis=1, prepend=0)
    return np.where(total > 0, (best * steps).sum(axis=1) / len(_RECALLS), np.nan)


def _drawn_precision(table: _Table, rows: range) -> NDArray[np.float64]:
    """Mean of the average precision over IoU thresholds in each resample, ``[R]``."""
    weights = resample_weights(len(table.truths))
    parts = np.array_split(weights, max(1, len(weights) // _ROWS_AT_ONCE))
    drawn: NDArray[np.float64] = np.concatenate(
        [np.mean([average_precision(table, row, part) for row in rows], axis=0) for part in parts]
    )
    return drawn


def _drawn_recall(table: _Table) -> NDArray[np.float64]:
    """Mean of the recall over IoU thresholds in each resample, ``[R]``."""
    weights = resample_weights(len(table.truths))
    hits = np.zeros(len(table.truths))
    np.add.at(hits, table.image, table.right.mean(axis=0))
    total = weights @ table.truths
    drawn = np.full(len(weights), np.nan)
    np.divide(weights @ hits, total, out=drawn, where=total > 0)
    return drawn


def _encode(mask: NDArray[np.bool_]) -> dict[str, Any]:
    """A mask as COCO's compressed runs, which go down the columns."""
    encoded: dict[str, Any] = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    return encoded


def _under_one_name(annotations: list[Annotation]) -> list[Annotation]:
    """The annotations with one category; a crowd that was there for several names only once."""
    seen: set[tuple[int, bytes]] = set()
    kept = []
    for annotation in annotations:
        if annotation.get('iscrowd'):
            key = (annotation['image_id'], annotation['segmentation']['counts'])
            if key in seen:
                continue
            seen.add(key)
        kept.append({**annotation, 'category_id': 1})
    return kept


def _with_areas(predicted: list[Annotation]) -> list[Annotation]:
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
