"""Average precision and recall in each resample of the bootstrap, from ``COCOeval``'s matches."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pycocotools.cocoeval import COCOeval

from rose_model.evaluation.bootstrap import interval_of_mean, resample_weights
from rose_model.evaluation.figures import Figure

_RECALLS = np.linspace(0, 1, 101)
_ROUNDING = 1e-9
"""Sums of weights that are no whole numbers differ in their last digits: a recall of 1 stays 1."""
_ROWS_AT_ONCE = 100
"""Resamples that are worked on together: arrays stay at a few MB."""


@dataclass(frozen=True, eq=False)
class DetectionTable:
    """The detections of one name, best score first, over all images.

    ``image``: int64 ``[D]``; ``right`` and ``wrong``: bool ``[T, D]`` by IoU threshold, neither
    where a detection is ignored; ``truths``: int64 ``[images]``, things to be found.
    """

    image: NDArray[np.int64]
    right: NDArray[np.bool_]
    wrong: NDArray[np.bool_]
    truths: NDArray[np.int64]


_Measured = Callable[[DetectionTable, NDArray[np.float64]], NDArray[np.float64]]
"""A figure of one name, ``[R]``, by the weights of the images, ``[R, images]``."""


def detection_tables(evaluator: COCOeval) -> list[DetectionTable]:
    """One table for every name that occurs in the ground truth, for things of all areas."""
    thresholds, images = len(evaluator.params.iouThrs), len(evaluator.params.imgIds)
    place = {image_id: number for number, image_id in enumerate(evaluator.params.imgIds)}
    tables = []
    # Results lie there by name, then area, then image; the first area is all of them.
    for first in range(0, len(evaluator.evalImgs), max(1, images * len(evaluator.params.areaRng))):
        results = [item for item in evaluator.evalImgs[first : first + images] if item]
        truths = np.zeros(images, np.int64)
        for item in results:
            truths[place[item['image_id']]] = int((np.asarray(item['gtIgnore']) == 0).sum())
        if not truths.sum():
            continue
        scores = np.concatenate([np.asarray(item['dtScores'], float) for item in results])
        order = np.argsort(-scores, kind='mergesort')  # as COCOeval.accumulate
        image = np.concatenate(
            [np.full(len(item['dtScores']), place[item['image_id']]) for item in results]
        )
        matches = np.concatenate(
            [np.reshape(item['dtMatches'], (thresholds, -1)) for item in results], axis=1
        )
        ignored = np.concatenate(
            [np.reshape(item['dtIgnore'], (thresholds, -1)) for item in results], axis=1
        )
        counts = (ignored == 0)[:, order]
        hit = (matches > 0)[:, order]
        tables.append(DetectionTable(image[order], hit & counts, ~hit & counts, truths))
    return tables


def average_precision(
    table: DetectionTable, row: int, weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """COCO's precision at 101 recalls, float64 ``[R]``, where image i counts ``weights[r, i]``
    times; some image with a thing of the name counts in each.
    """
    drawn = weights[:, table.image]
    right = np.cumsum(drawn * table.right[row], axis=1)
    wrong = np.cumsum(drawn * table.wrong[row], axis=1)
    recall = right / (weights @ table.truths)[:, None]
    precision = right / np.maximum(np.spacing(1), right + wrong)
    best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    reached = np.searchsorted(_RECALLS, recall + _ROUNDING, side='right')
    steps = np.diff(reached, axis=1, prepend=0)
    area: NDArray[np.float64] = (best * steps).sum(axis=1) / len(_RECALLS)
    return area


def mean_precision(
    table: DetectionTable, rows: range, weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Mean of the average precision over IoU thresholds, ``[R]``, by ``weights[R, images]``."""
    parts = np.array_split(weights, max(1, len(weights) // _ROWS_AT_ONCE))
    mean: NDArray[np.float64] = np.concatenate(
        [np.mean([average_precision(table, row, part) for row in rows], axis=0) for part in parts]
    )
    return mean


def mean_recall(table: DetectionTable, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of the recall over IoU thresholds, ``[R]``, by ``weights[R, images]``."""
    hits = np.zeros(len(table.truths))
    np.add.at(hits, table.image, table.right.mean(axis=0))
    recall: NDArray[np.float64] = (weights @ hits) / (weights @ table.truths)
    return recall


def precision_figure(
    evaluator: COCOeval, tables: Sequence[DetectionTable], thresholds: slice
) -> Figure:
    """Mean of the precision over recalls, IoU thresholds and names that occur, for all areas."""
    rows = range(len(evaluator.params.iouThrs))[thresholds]
    precision = evaluator.eval['precision'][thresholds, :, :, 0, -1]
    return _figure(precision, tables, lambda table, weights: mean_precision(table, rows, weights))


def recall_figure(evaluator: COCOeval, tables: Sequence[DetectionTable]) -> Figure:
    """Mean of the highest recall over IoU thresholds and names that occur, for all areas."""
    recall = evaluator.eval['recall'][:, :, 0, -1]
    return _figure(recall, tables, mean_recall)


def mean_of_present(values: NDArray[np.float64]) -> float:
    """The mean without COCO's -1, which says that there is nothing to be found; else NaN."""
    present = values[values > -1]
    return float(present.mean()) if present.size else math.nan


def _figure(
    values: NDArray[np.float64], tables: Sequence[DetectionTable], measured: _Measured
) -> Figure:
    """COCO's own mean of ``values``; its interval by what is measured of each name."""
    if not tables:
        return Figure(mean_of_present(values), math.nan, math.nan, 0)
    weights = resample_weights(len(tables[0].truths))
    once = np.ones_like(weights[:1])
    of_names = np.concatenate([measured(table, once) for table in tables])
    drawn = np.stack([measured(table, weights) for table in tables], axis=1)
    images = np.array([np.count_nonzero(table.truths) for table in tables])
    things = int(sum(table.truths.sum() for table in tables))
    interval = interval_of_mean(of_names, drawn, images)
    return Figure(mean_of_present(values), *interval, things)
