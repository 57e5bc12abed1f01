"""Larger and smaller: does the area of a mask move the way that a sentence asks for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rose_model.data.defective_masks import defective_mask, mask_iou
from rose_model.errors import RefinementError, RefinementRejectedError
from rose_model.evaluation.correction import mask_of
from rose_model.evaluation.figures import Figures, Tally
from rose_model.evaluation.frames import Frame, Refines
from rose_model.evaluation.refine import with_mask
from rose_model.evaluation.unseen_sentences import GROW_UNSEEN, SHRINK_UNSEEN

THINGS_PER_FRAME = 2
TOO_SMALL, TOO_LARGE = 0.8, 1.25
"""Areas, as shares of the true one, below and above which a mask is clearly wrong."""
_TRIES = 40
_IOU = (0.3, 0.8)
_DRAWS = 8


@dataclass(frozen=True)
class _Trial:
    """What became of a mask that was to grow or to shrink; ``gain`` in IoU, if it was answered."""

    grows: bool
    is_right: bool
    gain: float | None


class AreaDirection:
    """Masks of up to two large things a frame that were damaged to less than 0.8 or to more than
    1.25 of their area, and a sentence that asks for more or for fewer pixels.

    - ``area_direction``: share whose area moved the way that was asked for, or where the model
      rejected the correction; an empty mask is not smaller, and another refusal does not count.
    - ``area_direction_larger``, ``area_direction_smaller``: the same of either direction.
    - ``area_direction_answered``: share that was answered at all.
    - ``area_direction_gain``: gain in IoU over the answered ones.

    The ten sentences of each direction are in no list of training (``unseen_sentences.py``).
    """

    def __init__(self, segmenter: Refines) -> None:
        self._segmenter = segmenter
        self._tally = Tally()

    def add(self, frame: Frame) -> None:
        """Damage masks of one frame, and ask."""
        rng = frame.rng(_DRAWS)
        trials = []
        for index in rng.permutation(frame.large_things)[:THINGS_PER_FRAME]:
            grows = bool(rng.random() < 0.5)
            damaged = resized_mask(frame.sample.mask(int(index)), rng, is_smaller=grows)
            if damaged is not None:
                trials.append(self._try(frame, int(index), damaged, rng, grows=grows))
        self._tally.add_items(
            {
                'area_direction': [trial.is_right for trial in trials],
                'area_direction_larger': [trial.is_right for trial in trials if trial.grows],
                'area_direction_smaller': [trial.is_right for trial in trials if not trial.grows],
                'area_direction_answered': [trial.gain is not None for trial in trials],
                'area_direction_gain': [t.gain for t in trials if t.gain is not None],
            }
        )

    def _try(
        self,
        frame: Frame,
        index: int,
        damaged: NDArray[np.bool_],
        rng: np.random.Generator,
        *,
        grows: bool,
    ) -> _Trial:
        truth, name = frame.sample.mask(index), frame.sample.regions[index].name
        given = with_mask(frame, damaged, name)
        text = str(rng.choice(GROW_UNSEEN if grows else SHRINK_UNSEEN)).format(category=name)
        try:
            answer = self._segmenter.refine(given, text, segment_id=given.segments[0].id)
        except RefinementError as error:
            return _Trial(grows, isinstance(error, RefinementRejectedError), None)
        after = mask_of(answer)
        before, area = int(damaged.sum()), int(after.sum())
        is_right = area > before if grows else 0 < area < before
        return _Trial(grows, is_right, mask_iou(after, truth) - mask_iou(damaged, truth))

    def figures(self) -> Figures:
        """Shares and the gain over all trials."""
        return self._tally.figures()


def resized_mask(
    mask: NDArray[np.bool_], rng: np.random.Generator, *, is_smaller: bool
) -> NDArray[np.bool_] | None:
    """Return a damaged copy of a mask that is clearly too small, or clearly too large.

    Args:
        mask: bool ``[H, W]``, not empty.
        rng: Draws.
        is_smaller: Whether the copy has less than 0.8 of the area; else it has more than 1.25.

    Returns:
        bool ``[H, W]``; ``None`` where none of forty draws is such a copy.
    """
    around, area = _around(mask), int(mask.sum())
    for _ in range(_TRIES):
        damaged = np.zeros_like(mask)
        damaged[around] = defective_mask(mask[around], rng, _IOU)
        share = int(damaged[around].sum()) / area
        if share and (share < TOO_SMALL if is_smaller else share > TOO_LARGE):
            return damaged
    return None


def _around(mask: NDArray[np.bool_]) -> tuple[slice, slice]:
    """The box of a mask and half of its size on each side, where damage stays: it is drawn many
    times, and a whole image costs ten times as much.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    tall, wide = int(rows[-1] - rows[0]) + 1, int(columns[-1] - columns[0]) + 1
    return (
        slice(max(0, int(rows[0]) - tall // 2), int(rows[-1]) + 1 + tall // 2),
        slice(max(0, int(columns[0]) - wide // 2), int(columns[-1]) + 1 + wide // 2),
    )
