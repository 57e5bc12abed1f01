"""Large photographs made smaller: what is finer than the model's own frames is never seen."""

from __future__ import annotations

import cv2
import numpy as np

from rose_model.data.sample import VOID, Sample

LONGEST_SIDE = 1024
"""Pixels; SAM's frame at full size, and more than the language model's."""


def shrink(sample: Sample, longest_side: int = LONGEST_SIDE) -> Sample:
    """The sample with its longer side at most that many pixels; a smaller one as it is.

    Regions that have no pixel left are lost.
    """
    height, width = sample.index_map.shape
    scale = longest_side / max(height, width)
    if scale >= 1:
        return sample
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    image = cv2.resize(sample.image, size, interpolation=cv2.INTER_AREA)
    index_map = cv2.resize(sample.index_map, size, interpolation=cv2.INTER_NEAREST_EXACT)
    seen = [int(index) for index in np.unique(index_map) if index != VOID]
    table = np.full(VOID + 1, VOID, np.uint8)
    table[seen] = np.arange(len(seen))
    gone = set(range(len(sample.regions))) - set(seen)
    return Sample(
        image.astype(np.uint8, copy=False),
        table[index_map],
        tuple(sample.regions[index] for index in seen),
        lost=(*sample.lost, *(sample.regions[index].name for index in sorted(gone))),
    )
