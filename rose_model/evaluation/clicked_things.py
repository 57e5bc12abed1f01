"""A thing that nobody has segmented, and a click on it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from rose_model.data.defective_masks import mask_iou
from rose_model.evaluation.clicking import click_at_centre, click_on
from rose_model.evaluation.correction import answered_mask
from rose_model.evaluation.figures import Figures, Tally
from rose_model.evaluation.frames import Frame, Refines
from rose_model.records import PointHint, Segmentation

SENTENCE = 'You missed the {category}.'
THINGS_PER_FRAME = 2
_DRAWS = 6


class ClickedThings:
    """Mean IoU of answers to clicks on up to two large things a frame; a refusal has an IoU of 0.

    The frame has no segments, and the sentence names the thing ("You missed the red car.").

    - ``click_iou``: the click is on a random pixel of the thing.
    - ``click_iou_centre``: it is on its mass centre, where labels of training lie.
    - ``click_iou_without``: there is none.
    - ``click_iou_alone``: the click on the random pixel comes without a sentence.
    - ``click_iou_gain``: ``click_iou`` less ``click_iou_without``, thing by thing.
    """

    def __init__(self, segmenter: Refines) -> None:
        self._segmenter = segmenter
        self._tally = Tally()

    def add(self, frame: Frame) -> None:
        """Click on the things of one frame."""
        rng = frame.rng(_DRAWS)
        nothing = replace(frame.segmentation, segments=())
        trials = [
            self._try(nothing, frame, int(index), rng)
            for index in rng.permutation(frame.large_things)[:THINGS_PER_FRAME]
        ]
        keys = ('', '_centre', '_without', '_alone')
        items = {f'click_iou{key}': [trial[key] for trial in trials] for key in keys}
        items['click_iou_gain'] = [trial[''] - trial['_without'] for trial in trials]
        self._tally.add_items(items)

    def _try(
        self, nothing: Segmentation, frame: Frame, index: int, rng: np.random.Generator
    ) -> dict[str, float]:
        """The IoU of each way to ask, by the ending of its key."""
        truth = frame.sample.mask(index)
        sentence = SENTENCE.format(category=frame.sample.regions[index].name)
        somewhere = (click_on(truth, rng),)
        ways: dict[str, tuple[str, tuple[PointHint, ...]]] = {
            '': (sentence, somewhere),
            '_centre': (sentence, (click_at_centre(truth),)),
            '_without': (sentence, ()),
            '_alone': ('', somewhere),
        }
        return {
            key: self._iou(nothing, truth, text, points) for key, (text, points) in ways.items()
        }

    def _iou(
        self,
        nothing: Segmentation,
        truth: NDArray[np.bool_],
        text: str,
        points: tuple[PointHint, ...],
    ) -> float:
        mask = answered_mask(self._segmenter, nothing, text, points=points)
        return 0.0 if mask is None else mask_iou(mask, truth)

    def figures(self) -> Figures:
        """Means over all things that were clicked on."""
        return self._tally.figures()
