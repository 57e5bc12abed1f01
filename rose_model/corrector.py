"""The model's answer to a correction (paper, Sec. 3.4): perceive again with the mask as a fourth
channel, then choose among the masks of the most objective patches.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from rose_model.agreement import fits_words
from rose_model.answer_choice import Known, choose_answer
from rose_model.config import PatchFilterConfig, RoseConfig
from rose_model.errors import NotUnderstoodError, RefinementRejectedError
from rose_model.instructions import without_box
from rose_model.patch_decoder import PatchDecoder, PatchReadings
from rose_model.patch_filter import best_patch, select_patches
from rose_model.preprocess import reduce_mask, squash_mask
from rose_model.records import (
    FrameContext,
    PointHint,
    RefinementCase,
    Segment,
    Segmentation,
)
from rose_model.refinement import RefinementRequest

Perceive = Callable[[FrameContext, str, Tensor | None], PatchReadings]
"""What the patches of a frame answer to an instruction about a mask ``[1, L, L]``, or none."""


@dataclass(frozen=True, eq=False)
class Corrector:
    """Answers corrections of segmented frames.

    Attributes:
        config: Of the model.
        patch_filter: How patches are selected.
        roles: Roles of the patches ``[S, S]``.
        decoder: Masks and names of patches.
        perceive: The model's look at a frame.
    """

    config: RoseConfig
    patch_filter: PatchFilterConfig
    roles: NDArray[np.str_]
    decoder: PatchDecoder
    perceive: Perceive

    def answer(
        self, segmentation: Segmentation, request: RefinementRequest, points: Sequence[PointHint]
    ) -> Segment:
        """Return the model's answer to a correction, without an id.

        Args:
            segmentation: The frame.
            request: What is asked for.
            points: Clicks in the image.

        Raises:
            NotUnderstoodError: nothing in the image answers to the words.
            RefinementRejectedError: the mask is empty, another object's, or not expected to be
                better.
        """
        context, old = segmentation.context, request.segment
        mask, given = None, None
        if old is not None:
            full = old.full_mask(segmentation.original_size)
            mask = squash_mask(full, self.config.vision.input_size)
            given = reduce_mask(full, context.geometry, self.config.sam)
        readings = self.perceive(context, request.instruction, mask)
        answer = choose_answer(
            partial(self.decoder.propose, readings, context),
            partial(self.decoder.area, context),
            self._likely_patches(readings, request, points),
            Known(context.geometry, points, given, 0 if old is None else old.area, request.growth),
            self.config.refinement,
        )
        segment = self.decoder.settle(readings, answer.proposals, answer.row, context)
        if segment is None:
            raise RefinementRejectedError('The answer is an empty mask; nothing was changed.')
        self._check_name(segment, request)
        if old is None or answer.is_better or request.keeps_mask:
            return segment
        if request.case is RefinementCase.CATEGORY:  # its name is asked for as well
            return replace(segment, box_xyxy=old.box_xyxy, mask=old.mask, patch=old.patch)
        raise RefinementRejectedError(
            f'The refined mask is not expected to be better (SAM expects an IoU of '
            f'{segment.mask_score:.2f}); nothing was changed. Click on what is wrong.'
        )

    def _check_name(self, segment: Segment, request: RefinementRequest) -> None:
        """Refuse what is called otherwise than it was described, unless it is very sure.

        Raises:
            NotUnderstoodError: names what was found.
        """
        words, limits = request.described, self.config.refinement
        if words is None or fits_words(segment.category, words):
            return
        if segment.objectness < limits.presence(is_like=False):
            raise NotUnderstoodError(
                f'Nothing in the image answers to {words!r}; the nearest is called '
                f'{segment.category!r} (objectness {segment.objectness:.3f}). Click on what is '
                f'meant, or use other words.'
            )

    def _likely_patches(
        self, readings: PatchReadings, request: RefinementRequest, points: Sequence[PointHint]
    ) -> Tensor:
        """Patches that may answer, int64 ``[K]``, most objective first, at least one.

        Raises:
            NotUnderstoodError: nobody has clicked, and none is objective enough.
        """
        limits = self.config.refinement
        best, presence = best_patch(readings.objectness)
        least = limits.presence(is_like=request.is_understood)
        if presence < least and not points:
            raise NotUnderstoodError(
                f'Nothing in the image answers to {without_box(request.instruction)!r} '
                f'(best objectness {presence:.3f}); click on it, or use other words.'
            )
        wanted = {'max_segments': limits.candidates, 'min_objectness': 0.0}
        patch_filter = self.patch_filter.model_copy(update=wanted)
        patches = select_patches(readings.objectness, self.roles, patch_filter)
        return patches if len(patches) else best
