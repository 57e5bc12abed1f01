"""Differences of average precision on the same images, resample by resample."""

from __future__ import annotations

import math

import numpy as np
from pycocotools.cocoeval import COCOeval

from rose_model.evaluation.bootstrap import percentile_interval, resample_weights
from rose_model.evaluation.figures import Figure
from rose_model.evaluation.resampled_precision import (
    detection_tables,
    mean_of_present,
    mean_precision,
)


def precision_gain(before: COCOeval, after: COCOeval, thresholds: slice) -> Figure:
    """Return how much average precision without names rose.

    Both share their images and the ground truth, so that most of what differs between images
    cancels: the interval is narrower than those of the two figures.

    Args:
        before: An evaluation whose detections have one name.
        after: Another of the same images, in the same order.
        thresholds: Which IoU thresholds are averaged.

    Returns:
        The difference in [-1, 1] over the true things, with the interval of the difference; NaN
        without any thing.
    """
    value = _precision(after, thresholds) - _precision(before, thresholds)
    tables = (*detection_tables(before), *detection_tables(after))
    if not tables:
        return Figure(math.nan, math.nan, math.nan, 0)
    old, new = tables
    rows = range(len(before.params.iouThrs))[thresholds]
    weights = resample_weights(len(old.truths))
    drawn = mean_precision(new, rows, weights) - mean_precision(old, rows, weights)
    things, images = int(old.truths.sum()), int(np.count_nonzero(old.truths))
    if images < 2:
        return Figure(value, math.nan, math.nan, things)
    stretch = math.sqrt((images + 1) / (images - 1))  # as bootstrap.interval_of_mean
    return Figure(value, *percentile_interval(value + stretch * (drawn - value)), things)


def _precision(evaluator: COCOeval, thresholds: slice) -> float:
    return mean_of_present(evaluator.eval['precision'][thresholds, :, :, 0, -1])
