"""Which predicted segment is which labelled region."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rose_model.data.sample import Sample
from rose_model.records import Segment


def iou_matrix(segments: Sequence[Segment], sample: Sample) -> NDArray[np.float64]:
    """Mask IoU ``[N, G]`` of segments and regions; void pixels count neither way."""
    count = len(sample.regions)
    sizes = np.bincount(sample.index_map.ravel(), minlength=256)[:count]
    iou = np.zeros((len(segments), count))
    for row, segment in enumerate(segments):
        x1, y1, x2, y2 = segment.box_xyxy
        inside = sample.index_map[y1:y2, x1:x2][segment.mask]
        shared = np.bincount(inside, minlength=256)[:count]
        iou[row] = shared / np.maximum(1, shared.sum() + sizes - shared)
    return iou


def match_greedily(
    iou: NDArray[np.float64], scores: Sequence[float], least: float
) -> NDArray[np.int64]:
    """The region of each segment, int64 ``[N]``, or -1: best score first, each region once.

    A segment takes the free region that it overlaps most, if by at least ``least``.
    """
    matched = np.full(iou.shape[0], -1, np.int64)
    free = np.ones(iou.shape[1], bool)
    for row in np.argsort(-np.asarray(scores), kind='stable'):
        candidates = np.where(free, iou[row], -1.0)
        if candidates.size and candidates.max() >= least:
            matched[row] = candidates.argmax()
            free[matched[row]] = False
    return matched
