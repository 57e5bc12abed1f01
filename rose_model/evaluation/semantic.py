"""Mean IoU of classes: one confusion matrix over the whole split."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rose_model.evaluation.bootstrap import interval_of_mean, resample_weights
from rose_model.evaluation.figures import Figure, Figures
from rose_model.evaluation.frames import Frame
from rose_model.nouns import noun_among
from rose_model.records import Segmentation

UNPREDICTED, UNMAPPED = -1, -2
"""Pixels of no segment, and those of a segment whose name stands for none of the classes."""

ClassOf = Callable[[str], int]
"""The class of a name, or ``UNMAPPED``."""


def paint(segmentation: Segmentation, class_of: ClassOf) -> NDArray[np.int64]:
    """The class of each pixel, int64 ``[H, W]``: segments from the largest to the smallest, so
    that what lies in front of something is seen.
    """
    painted = np.full(segmentation.original_size, UNPREDICTED, np.int64)
    for segment in sorted(segmentation.segments, key=lambda item: item.area, reverse=True):
        x1, y1, x2, y2 = segment.box_xyxy
        painted[y1:y2, x1:x2][segment.mask] = class_of(segment.category)
    return painted


def by_table(classes: Sequence[str], synonyms: Mapping[str, str]) -> ClassOf:
    """Names to classes: the class that a name is or ends with, else that of a synonym it is or
    ends with.
    """
    number = {name: index for index, name in enumerate(classes)}

    def class_of(name: str) -> int:
        noun = noun_among(name.lower(), number)
        if noun is None:
            synonym = noun_among(name.lower(), synonyms)
            noun = None if synonym is None else synonyms[synonym]
        return UNMAPPED if noun is None else number[noun]

    return class_of


def confusion_matrix(
    predicted: NDArray[np.int64], truth: NDArray[np.integer[Any]], classes: int
) -> NDArray[np.int64]:
    """Pixels by prediction (row) and truth (column), int64 ``[C + 1, C]``.

    ``predicted``: classes or a negative number, which counts in the last row; ``truth``: classes,
    or any other number where nothing is labelled; both ``[H, W]``.
    """
    labelled = (truth >= 0) & (truth < classes)
    guess = predicted[labelled]
    guess = np.where(guess < 0, classes, guess)
    codes = guess * classes + truth[labelled].astype(np.int64)
    matrix = np.bincount(codes, minlength=(classes + 1) * classes)
    return matrix.reshape(classes + 1, classes).astype(np.int64)


class Confusion:
    """IoU of classes from pixels by predicted and true class, image by image.

    Pixels whose truth is no class are dropped.  Labelled pixels of no segment, or of a segment of
    another name, stay in the union of their class: nobody is forgiven for predicting nothing.
    """

    def __init__(self, classes: int) -> None:
        self._classes = classes
        self._sums: list[NDArray[np.int64]] = []

    def add(self, predicted: NDArray[np.int64], truth: NDArray[np.integer[Any]]) -> None:
        """One image, as ``confusion_matrix``."""
        matrix = confusion_matrix(predicted, truth, self._classes)
        guesses = matrix[:-1]
        # All that IoU needs; the matrices of 2,000 images with 150 classes would take 360 MB.
        right = np.diagonal(guesses)
        self._sums.append(np.stack((right, guesses.sum(axis=1), matrix.sum(axis=0))))

    def iou(self) -> NDArray[np.float64]:
        """IoU of each class over all images, NaN for a class that never occurs: ``[C]``."""
        empty = np.zeros((3, self._classes), np.int64)
        iou: NDArray[np.float64] = _class_iou(np.sum([empty, *self._sums], axis=0)[None])[0]
        return iou

    def mean_iou(self) -> Figure:
        """Mean over the classes that occur in the ground truth, and the images it rests on."""
        values = self.iou()
        occurs = np.isfinite(values)
        if not occurs.any():
            return Figure(math.nan, math.nan, math.nan, len(self._sums))
        weights = resample_weights(len(self._sums))
        flat = np.reshape(self._sums, (len(self._sums), -1)).astype(np.float64)
        drawn = _class_iou((weights @ flat).reshape(-1, 3, self._classes))
        images = np.count_nonzero([sums[2] > 0 for sums in self._sums], axis=0)
        interval = interval_of_mean(values[occurs], drawn[:, occurs], images[occurs])
        return Figure(float(values[occurs].mean()), *interval, len(self._sums))


def _class_iou(sums: NDArray[Any]) -> NDArray[np.float64]:
    """IoU ``[R, C]``, NaN where a class is not there, from pixels ``[R, 3, C]``: right, predicted
    and true.
    """
    right, predicted, true = np.moveaxis(sums.astype(np.float64), 1, 0)
    iou = np.full(right.shape, np.nan)
    np.divide(right, true + predicted - right, out=iou, where=true > 0)
    return iou


class StuffIou:
    """``stuff_miou``: mean IoU of the stuff classes, on pixels whose truth is stuff."""

    def __init__(self, classes: Sequence[str]) -> None:
        self._number = {name: index for index, name in enumerate(classes)}
        self._class_of = by_table(classes, {})
        self._confusion = Confusion(len(classes))

    def add(self, frame: Frame) -> None:
        """Paint one frame and compare."""
        number = np.full(256, -1, np.int64)
        for index, region in enumerate(frame.sample.regions):
            if not region.is_thing:
                number[index] = self._number[region.noun]
        truth = number[frame.sample.index_map]
        self._confusion.add(paint(frame.segmentation, self._class_of), truth)

    def figures(self) -> Figures:
        """The mean over the classes that occur."""
        return {'stuff_miou': self._confusion.mean_iou()}
