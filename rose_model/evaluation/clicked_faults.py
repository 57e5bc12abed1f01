"""Clicks on what the model's own masks miss, and on what they have too much."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rose_model.data.defective_masks import mask_iou
from rose_model.data.sample import VOID
from rose_model.evaluation.clicking import click_on, is_at
from rose_model.evaluation.correction import answered_mask
from rose_model.evaluation.figures import Figures, Tally
from rose_model.evaluation.frames import Found, Frame, Refines

MISSES = 'The mask misses a part of the {category}.'
SURPLUS = 'The mask covers more than the {category}.'
LEAST_FAULT = 20
"""Pixels that a fault has at least."""
_DRAWS = 7


@dataclass(frozen=True)
class _Answer:
    """Whether a click was answered and obeyed, and the gain in IoU."""

    is_accepted: bool
    is_obeyed: bool
    gain: float


class ClickedFaults:
    """Clicks on the faults of large things that were found, with the segment's id and name.

    Of what a mask misses, 20 pixels at least, one pixel is clicked on as foreground:

    - ``click_missing_accepted``: share answered without an error.
    - ``click_missing_covers``: share of all clicks after which the mask holds the pixel.
    - ``click_missing_gain``: gain in IoU, 0 where the click is refused.

    Of what a mask has too much, 20 labelled pixels at least, one is clicked on as background:
    ``click_surplus_accepted``, ``click_surplus_gain``, and ``click_surplus_drops``, the share of
    all clicks after which the mask does not hold the pixel.  The sentences name what the model has
    called the thing, not what it is.
    """

    def __init__(self, segmenter: Refines) -> None:
        self._segmenter = segmenter
        self._tally = Tally()

    def add(self, frame: Frame) -> None:
        """Click on the faults of one frame."""
        rng = frame.rng(_DRAWS)
        answers: dict[str, list[_Answer]] = {'missing': [], 'surplus': []}
        for item in frame.found_things:
            if not frame.is_large(item.index):
                continue
            truth, mask = _masks(frame, item)
            missing = truth & ~mask
            surplus = mask & ~truth & (frame.sample.index_map != VOID)
            if missing.sum() >= LEAST_FAULT:
                answers['missing'].append(self._ask(frame, item, missing, rng, adds=True))
            if surplus.sum() >= LEAST_FAULT:
                answers['surplus'].append(self._ask(frame, item, surplus, rng, adds=False))
        for key, obeyed in (('missing', 'covers'), ('surplus', 'drops')):
            self._tally.add_items(
                {
                    f'click_{key}_accepted': [item.is_accepted for item in answers[key]],
                    f'click_{key}_{obeyed}': [item.is_obeyed for item in answers[key]],
                    f'click_{key}_gain': [item.gain for item in answers[key]],
                }
            )

    def _ask(
        self,
        frame: Frame,
        item: Found,
        fault: NDArray[np.bool_],
        rng: np.random.Generator,
        *,
        adds: bool,
    ) -> _Answer:
        click = click_on(fault, rng, is_foreground=adds)
        sentence = (MISSES if adds else SURPLUS).format(category=item.segment.category)
        after = answered_mask(
            self._segmenter,
            frame.segmentation,
            sentence,
            segment_id=item.segment.id,
            points=(click,),
        )
        if after is None:
            return _Answer(is_accepted=False, is_obeyed=False, gain=0.0)
        truth, before = _masks(frame, item)
        gain = mask_iou(after, truth) - mask_iou(before, truth)
        return _Answer(is_accepted=True, is_obeyed=is_at(after, click) == adds, gain=gain)

    def figures(self) -> Figures:
        """Shares and gains over all clicks."""
        return self._tally.figures()


def _masks(frame: Frame, item: Found) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """The true and the predicted mask, bool ``[H, W]``."""
    return frame.sample.mask(item.index), item.segment.full_mask(frame.segmentation.original_size)
