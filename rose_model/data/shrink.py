"""Photographs as a model can see them: large ones made smaller, and without what is finer than its
masks.
"""

from __future__ import annotations

import cv2
import numpy as np

from rose_model.data.sample import VOID, Sample
from rose_model.preprocess import resize

LONGEST_SIDE = 1024
"""Pixels; SAM's frame at full size, and more than the language model's."""


def shrink(sample: Sample, longest_side: int = LONGEST_SIDE, least_share: float = 0.0) -> Sample:
    """The sample with its longer side at most that many pixels, and regions below ``least_share``
    of the image void.  Such regions are lost.
    """
    height, width = sample.index_map.shape
    scale = longest_side / max(height, width)
    image, index_map = sample.image, sample.index_map
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        image = resize(image, size[::-1])
        nearest = cv2.resize(index_map, size, interpolation=cv2.INTER_NEAREST_EXACT)
        index_map = nearest.astype(np.uint8)
    areas = np.bincount(index_map.ravel(), minlength=VOID + 1)
    least = max(1.0, least_share * index_map.size)
    kept = [index for index in range(len(sample.regions)) if areas[index] >= least]
    if scale >= 1 and len(kept) == len(sample.regions):
        return sample
    table = np.full(VOID + 1, VOID, np.uint8)
    table[kept] = np.arange(len(kept))
    gone = sorted(set(range(len(sample.regions))) - set(kept))
    return Sample(
        image,
        table[index_map],
        tuple(sample.regions[index] for index in kept),
        lost=(*sample.lost, *(sample.regions[index].name for index in gone)),
    )
