"""What the paper's script refines, and in which situation, given the ground truth (paper, A.1).

Numbers in, decisions out; nothing here asks the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rose_model.records import RefinementCase

WORST_CLASSES = 5
MOST_PREDICTIONS = 10
GOOD_IOU = 0.5
LOW_RECALL = 0.2
MISTAKEN_SHARE = 0.5


@dataclass(frozen=True)
class ClassFault:
    """A class to be refined in an image.

    ``taken_for``: the class that most of its pixels are predicted as, in the situation
    ``CATEGORY``; else the class itself.
    """

    number: int
    case: RefinementCase
    taken_for: int


@dataclass(frozen=True)
class PredictionFault:
    """A prediction to be refined: its row among the predictions."""

    row: int
    case: RefinementCase


def union_minus_intersection(matrix: NDArray[np.int64]) -> NDArray[np.int64]:
    """UmI of each class in pixels, int64 ``[C]`` (Eq. 7).

    ``matrix``: pixels by prediction (row; the last one is the non-object) and truth (column),
    int64 ``[C + 1, C]``.
    """
    inside = np.diagonal(matrix[:-1])
    wrong: NDArray[np.int64] = matrix[:-1].sum(axis=1) + matrix.sum(axis=0) - 2 * inside
    return wrong


def faulty_classes(matrix: NDArray[np.int64]) -> list[ClassFault]:
    """The five classes of highest UmI in an image, worst first, with their situations (Algorithm
    1).

    ``matrix`` as above.  Only classes that the image has: of others there is no recall, and nobody
    could say where they are.
    """
    wrong = union_minus_intersection(matrix)
    true = matrix.sum(axis=0)
    candidates = np.flatnonzero((true > 0) & (wrong > 0))
    worst = candidates[np.argsort(-wrong[candidates], kind='stable')][:WORST_CLASSES]
    return [_judge(matrix, number) for number in worst.tolist()]


def _judge(matrix: NDArray[np.int64], number: int) -> ClassFault:
    column = matrix[:, number]
    total = column.sum()
    if column[number] / total >= LOW_RECALL:
        return ClassFault(number, RefinementCase.MASK, number)
    # The last row, the non-object, is no class that it could have been taken for.
    other = int(column[:-1].argmax())
    if column[other] / total > MISTAKEN_SHARE:
        return ClassFault(number, RefinementCase.CATEGORY, other)
    return ClassFault(number, RefinementCase.MISSED, number)


def faulty_predictions(
    iou: NDArray[np.float64], objectness: Sequence[float], is_right: Sequence[bool]
) -> list[PredictionFault]:
    """The ten most objective predictions whose best IoU is below 0.5.

    ``iou``: ``[N]``, of each prediction with the true instance that it overlaps most;
    ``is_right``: whether it has that one's class.  A prediction that overlaps none has no match to
    be judged by and is left alone.
    """
    poor = [row for row in range(len(iou)) if 0 < iou[row] < GOOD_IOU]
    poor.sort(key=lambda row: -objectness[row])
    cases = {True: RefinementCase.MASK, False: RefinementCase.CATEGORY}
    return [PredictionFault(row, cases[bool(is_right[row])]) for row in poor[:MOST_PREDICTIONS]]
