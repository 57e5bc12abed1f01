"""Does a sentence mend a mask, and does its text matter: refinement of masks with known faults."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rose_model.data.defective_masks import defective_mask, mask_iou
from rose_model.data.sample import Sample, box_in_shares
from rose_model.evaluation.correction import answered_mask
from rose_model.evaluation.figures import Figures, Tally
from rose_model.evaluation.frames import Frame, Refines
from rose_model.evaluation.single import segment_of_mask
from rose_model.instructions import REFINEMENTS, with_box
from rose_model.records import RefinementCase, RefineTarget, Segmentation

THINGS_PER_FRAME = 2
BINS = {'low': (0.0, 0.5), 'middle': (0.5, 0.75), 'high': (0.75, 1.01)}
"""Ranges of the IoU before, for the gain by the size of the fault."""
_DRAWS = 2


@dataclass(frozen=True, eq=False)
class Trial:
    """What became of one damaged mask, as IoU with the truth.

    ``before``: of the damaged mask; ``right`` and ``wrong``: after a sentence with the right name
    and one with another region's, the mask and its box given; ``right_box`` and ``wrong_box``: the
    same without a mask, the true box given.  A correction that is refused changes nothing.
    ``shifted``: the mask after the right sentence overlaps another thing more than its own.
    """

    before: float
    right: float
    wrong: float
    right_box: float
    wrong_box: float
    shifted: bool


@dataclass(frozen=True, eq=False)
class Damage:
    """A damaged mask of a thing, and what is asked about it.

    Attributes:
        index: The thing among the regions.
        mask: bool ``[H, W]``.
        given: The frame with this mask alone, under the thing's name.
        sentences: About the mask, with the right name and with a wrong one.
        boxed: About something missed, with the same names and the true box.
    """

    index: int
    mask: NDArray[np.bool_]
    given: Segmentation
    sentences: tuple[str, str]
    boxed: tuple[str, str]


class MaskRefinement:
    """Gains in mean IoU over damaged masks of up to two large things a frame.

    ``refine_gain``, ``refine_gain_wrong_text``: with the mask and its box, by the right and by a
    wrong name in the same sentence; ``refine_gain_box_only``, ``refine_gain_box_only_wrong_text``:
    without the mask, the box given.  ``refine_right_minus_wrong`` and
    ``refine_right_minus_wrong_box_only`` pair the two item by item.  ``refine_harm``: share made
    worse by the right sentence; ``refine_target_shift``: share moved to another thing.
    """

    def __init__(self, segmenter: Refines) -> None:
        self._segmenter = segmenter
        self._tally = Tally()

    def add(self, frame: Frame) -> None:
        """Damage and mend masks of one frame."""
        trials = [self._try(frame, damage) for damage in draw_damages(frame)]
        self._tally.add_items(
            {
                'refine_iou_before': (item.before for item in trials),
                'refine_gain': (item.right - item.before for item in trials),
                'refine_gain_wrong_text': (item.wrong - item.before for item in trials),
                'refine_gain_box_only': (item.right_box - item.before for item in trials),
                'refine_gain_box_only_wrong_text': (
                    item.wrong_box - item.before for item in trials
                ),
                'refine_right_minus_wrong': (item.right - item.wrong for item in trials),
                'refine_right_minus_wrong_box_only': (
                    item.right_box - item.wrong_box for item in trials
                ),
                'refine_harm': (item.right < item.before for item in trials),
                'refine_target_shift': (item.shifted for item in trials),
            }
        )
        for name, (low, high) in BINS.items():
            chosen = [item.right - item.before for item in trials if low <= item.before < high]
            self._tally.add_items({f'refine_gain_{name}': chosen})

    def _try(self, frame: Frame, damage: Damage) -> Trial:
        truth = frame.sample.mask(damage.index)
        right, wrong_mask = (self._mend(damage, text) for text in damage.sentences)
        right_box, wrong_box = (self._find(frame, text) for text in damage.boxed)
        before = mask_iou(damage.mask, truth)
        return Trial(
            before=before,
            right=before if right is None else mask_iou(right, truth),
            wrong=before if wrong_mask is None else mask_iou(wrong_mask, truth),
            right_box=before if right_box is None else mask_iou(right_box, truth),
            wrong_box=before if wrong_box is None else mask_iou(wrong_box, truth),
            shifted=right is not None and _is_elsewhere(right, frame.sample, damage.index),
        )

    def _mend(self, damage: Damage, text: str) -> NDArray[np.bool_] | None:
        return answered_mask(
            self._segmenter,
            damage.given,
            text,
            segment_id=damage.given.segments[0].id,
            target=RefineTarget.MASK,
        )

    def _find(self, frame: Frame, text: str) -> NDArray[np.bool_] | None:
        return answered_mask(self._segmenter, replace(frame.segmentation, segments=()), text)

    def figures(self) -> Figures:
        """Means over all trials."""
        return self._tally.figures()


def draw_damages(frame: Frame) -> list[Damage]:
    """Damage the masks of up to two large things of a frame, the same in every run."""
    rng = frame.rng(_DRAWS)
    things = rng.permutation(np.array(frame.large_things, int)).tolist()
    drawn = [(index, another_name(frame.sample, index, rng)) for index in things]
    usable = [(index, wrong) for index, wrong in drawn if wrong is not None]
    return [_damage(frame, index, wrong, rng) for index, wrong in usable[:THINGS_PER_FRAME]]


def _damage(frame: Frame, index: int, wrong: str, rng: np.random.Generator) -> Damage:
    truth, name = frame.sample.mask(index), frame.sample.regions[index].name
    mask = defective_mask(truth, rng)
    sentence = str(rng.choice(REFINEMENTS[RefinementCase.MASK]))
    missed = str(rng.choice(REFINEMENTS[RefinementCase.MISSED]))
    box = box_in_shares(truth)
    return Damage(
        index,
        mask,
        with_mask(frame, mask, name),
        (sentence.format(category=name), sentence.format(category=wrong)),
        (
            with_box(missed.format(category=name), box),
            with_box(missed.format(category=wrong), box),
        ),
    )


def another_name(sample: Sample, index: int, rng: np.random.Generator) -> str | None:
    """The name of another region of the image, of another noun if there is one; ``None`` where
    all regions have the same name.
    """
    mine = sample.regions[index]
    others = [region for region in sample.regions if region.name != mine.name]
    strangers = [region for region in others if region.noun != mine.noun]
    pool = strangers or others
    return pool[int(rng.integers(len(pool)))].name if pool else None


def with_mask(frame: Frame, mask: NDArray[np.bool_], name: str) -> Segmentation:
    """The frame with one segment alone, as if the model had predicted this mask and this name.

    ``mask``: bool ``[H, W]``, not empty.
    """
    grid = frame.segmentation.context.geometry.grid_size
    segment = segment_of_mask(mask, name, grid)
    return replace(frame.segmentation, segments=(segment,))


def _is_elsewhere(mask: NDArray[np.bool_], sample: Sample, index: int) -> bool:
    """Whether a mask overlaps another thing by a higher IoU than its own."""
    own = mask_iou(mask, sample.mask(index))
    return any(
        mask_iou(mask, sample.mask(other)) > own
        for other, region in enumerate(sample.regions)
        if region.is_thing and other != index
    )
