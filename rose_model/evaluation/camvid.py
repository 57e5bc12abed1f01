"""Real street frames: mean IoU on CamVid's eleven classes, and steadiness over its film.

Published figures are of the 233 frames of ``test``, so that both parts are measured wherever both
are there, and every key ends with the part that it is of: ``miou_val``, ``miou_test``.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from rose_model.data.camvid import CLASSES, IGNORE, CamVid, splits
from rose_model.errors import DataError
from rose_model.evaluation.figures import Figures, Tally
from rose_model.evaluation.frames import Segments
from rose_model.evaluation.semantic import UNMAPPED, UNPREDICTED, Confusion, by_table, paint
from rose_model.evaluation.temporal import TemporalStability

EVALUATED = ('val', 'test')
"""The parts that no model learns from."""
FILM = 'val'
"""The part whose frames are consecutive."""

_LOG = logging.getLogger(__name__)

SYNONYMS: Mapping[str, str] = MappingProxyType(
    {
        'bicycle': 'bicyclist',
        'bus': 'car',
        'column': 'pole',
        'cone': 'pole',
        'cyclist': 'bicyclist',
        'dog': 'pedestrian',
        'grass': 'tree',
        'motorcycle': 'bicyclist',
        'person': 'pedestrian',
        'sidewalk': 'pavement',
        'sign': 'sign symbol',
        'street': 'road',
        'traffic light': 'sign symbol',
        'truck': 'car',
        'van': 'car',
        'vegetation': 'tree',
        'wall': 'building',
    }
)
"""Names that stand for a class, as the data set's 32 original classes are merged into the eleven:
trucks and buses into car, animals into pedestrian, traffic lights into sign symbol.
"""


class ClassIou:
    """``miou`` over the eleven classes, with the share of the labelled pixels whose segment has a
    name that stands for none of them (``unmapped``) and of those of no segment (``unpredicted``).

    ``suffix`` ends the keys.
    """

    def __init__(self, suffix: str = '') -> None:
        self._suffix = suffix
        self._confusion = Confusion(len(CLASSES))
        self._tally = Tally()

    def add(self, classes: NDArray[np.int64], labels: NDArray[np.uint8]) -> None:
        """The painted classes int64 and the labels uint8 of a frame, both ``[H, W]``."""
        self._confusion.add(classes, labels)
        labelled = classes[labels != IGNORE]
        for key, code in (('unmapped', UNMAPPED), ('unpredicted', UNPREDICTED)):
            count = int((labelled == code).sum())
            self._tally.add_ratio(f'{key}{self._suffix}', count, labelled.size, 1)

    def class_iou(self) -> dict[str, float]:
        """IoU of each class by its name, NaN for one that never occurs."""
        return dict(zip(CLASSES, self._confusion.iou().tolist(), strict=True))

    def figures(self) -> Figures:
        """The mean and the two shares."""
        return {f'miou{self._suffix}': self._confusion.mean_iou(), **self._tally.figures()}


def evaluate_camvid(
    segmenter: Segments, data: CamVid, indices: Iterable[int], *, is_film: bool
) -> tuple[Figures, dict[str, dict[str, float]]]:
    """Figures and IoU by class, from generated names and with the class names as candidates.

    Generated names stand for a class by ``SYNONYMS``.  Steadiness is measured where the split is
    a film, its frames consecutive.
    """
    generated, chosen = ClassIou(), ClassIou('_candidates')
    stability = TemporalStability()
    by_synonyms, by_name = by_table(CLASSES, SYNONYMS), by_table(CLASSES, {})
    for index in indices:
        labels = data.labels(index)
        segmentation = segmenter.segment(data[index].image)
        painted = paint(segmentation, by_synonyms)
        generated.add(painted, labels)
        if is_film:
            stability.add(segmentation, painted, labels, IGNORE)
        by_candidates = segmenter.segment(segmentation.context, candidates=CLASSES)
        chosen.add(paint(by_candidates, by_name), labels)
    figures = {**generated.figures(), **chosen.figures()}
    if is_film:
        figures |= stability.figures()
    return figures, {'miou': generated.class_iou(), 'miou_candidates': chosen.class_iou()}


ClassIouByKey = dict[str, dict[str, float]]
"""IoU of each class by its name, under the key of the mean."""


def found_splits(root: Path, wanted: str) -> tuple[str, ...]:
    """Return which parts of CamVid are to be measured.

    Args:
        root: The folder of the data set.
        wanted: A part, or several joined by ``+``, of which those are taken that are there.

    Raises:
        DataError: none of them is there.
    """
    asked, there = wanted.split('+'), splits(root)
    chosen = tuple(split for split in asked if split in there)
    if not chosen:
        raise DataError(
            f'{root} has no part {" or ".join(asked)} of CamVid; it has: '
            f'{", ".join(there) or "none"}. Put images/*.jpg and labels/*.png in '
            f'{root / asked[0]}.'
        )
    for split in asked:
        if split not in chosen:
            _LOG.warning(
                '%s has no %s: the figures are of %s alone, and not of the same frames as '
                'published ones of %s.',
                *(root, split, ', '.join(chosen), split),
            )
    return chosen


def evaluate_split(
    segmenter: Segments, frames: CamVid, numbers: Iterable[int], split: str
) -> tuple[Figures, ClassIouByKey]:
    """Return figures and IoU by class of one part; all keys end with its name."""
    figures, by_class = evaluate_camvid(segmenter, frames, numbers, is_film=split == FILM)
    return (
        {f'{key}_{split}': figure for key, figure in figures.items()},
        {f'{key}_{split}': values for key, values in by_class.items()},
    )
