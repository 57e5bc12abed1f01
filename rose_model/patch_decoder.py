"""From kept patches to segments: masks, no duplicates, then names (paper, Sec. 3.3)."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from rose_model.backends.interface import ClickableSam, SamBackend
from rose_model.candidates import NO_TEXT_TOWER, name_encoder
from rose_model.category_decoder import CategoryDecoder, printable_name
from rose_model.clicks import point_prompt
from rose_model.config import Framework
from rose_model.device import stage
from rose_model.errors import ConfigError, InvalidRequestError, ModelOutputError
from rose_model.host import to_host
from rose_model.instructions import Prompter
from rose_model.mask_decoder import decode_masks
from rose_model.pace import Pace
from rose_model.patch_filter import distinct_prompts
from rose_model.postprocess import CroppedMask, crop_masks, keep_unique, shared_pixels
from rose_model.records import FrameContext, PointHint, Segment
from rose_model.rose import Rose
from rose_model.side_stream import SideStream
from rose_model.super_patch import role_map
from rose_model.tokenizer import RoseTokenizer


@dataclass(frozen=True, eq=False)
class PatchReadings:
    """What the patches of one frame say: ``embedding`` ``[P, D]``, ``objectness`` ``[P]`` in
    [0, 1].  ``framework``: how they were come by; in ablation arms other than from patches alone.
    """

    embedding: Tensor
    objectness: Tensor
    framework: Framework = 'decode_embed'

    def at(self, patches: Tensor) -> PatchReadings:
        """The readings of some patches."""
        return replace(
            self, embedding=self.embedding[patches], objectness=self.objectness[patches]
        )


@dataclass(frozen=True, eq=False)
class DecodedPatches:
    """Segments without ids, and how many patches got no mask and segments no name for want of
    time.
    """

    segments: tuple[Segment, ...]
    skipped_masks: int = 0
    skipped_names: int = 0


@dataclass(frozen=True, eq=False)
class _Masks:
    """What is left of the patches: ``rows`` ``[K]`` of theirs, best first, and as many numbers of
    ``patches``, values of ``objectness``, ``scores`` and ``crops``; all on the CPU.
    """

    rows: Tensor
    patches: Tensor
    objectness: Tensor
    scores: Tensor
    crops: list[CroppedMask]


@dataclass(frozen=True, eq=False)
class Proposals:
    """Masks of K patches, best objectness first, of which one is to become an answer; on the CPU.

    ``patches``: int64 ``[K]``.  ``objectness``: ``[K]`` in [0, 1].  ``logits``: float32
    ``[K, M, M]`` in SAM's padded frame.  ``scores``: predicted IoU ``[K]`` in [0, 1].
    """

    patches: Tensor
    objectness: Tensor
    logits: Tensor
    scores: Tensor


class PatchDecoder:
    """Masks and names of kept patches; names are generated, or chosen from given candidates."""

    def __init__(
        self,
        rose: Rose,
        sam: SamBackend,
        tokenizer: RoseTokenizer,
        text_tokenizer: RoseTokenizer | None,
        beside: SideStream,
    ) -> None:
        config = rose.config
        self._rose = rose
        self._beside = beside
        self._sam = sam
        self._tokenizer = tokenizer
        self._limits = config.postprocess
        self._framework = config.ablation.framework
        self._is_stuff = (role_map(config.super_patch, config.vision.grid_size) == 'T').ravel()
        self._names = CategoryDecoder(
            rose.perception.language_model,
            Prompter.of(tokenizer, config.category).category(),
            config.category.max_new_tokens,
        )
        self._encode_names = name_encoder(rose.text_tower, text_tokenizer)
        self._candidates: tuple[str, ...] = ()
        self._candidate_embedding = torch.zeros(0)
        self._mask_pace, self._name_pace = Pace(), Pace()

    def prepare(self, most: int) -> None:
        """Do beforehand what can be done for up to ``most`` patches."""
        self._names.prepare(most)

    def decode(
        self,
        readings: PatchReadings,
        patches: Tensor,
        context: FrameContext,
        candidates: Sequence[str] = (),
        deadline_s: float = math.inf,
    ) -> DecodedPatches:
        """Segments of the kept ``patches`` ``[N]``, best first; duplicates and specks are gone.

        Duplicates go before names are made: fewer names, and the same answer.  ``deadline_s``: a
        moment of ``time.monotonic``.
        When it is near, the last of the patches get no mask, but the first always does, and the
        last of the segments the name ``''``; masks go before names, for what has no name can still
        be avoided.

        In ablation arms whose names are in the answer each name is ``''``.

        Raises:
            ModelOutputError: the score of a mask is not finite.
            ConfigError: the model is an ablation arm that is asked otherwise.
        """
        if readings.framework != self._framework:
            raise ConfigError(
                f'This model is the ablation arm {self._framework}; open it by '
                f'rose_model.answer_segmenter.AnswerSegmenter, or rose eval.'
            )
        start_s = time.monotonic()
        patches, embedding = self._prompt(readings, patches)
        count = max(1, self._mask_pace.affordable(len(patches), deadline_s - start_s))
        kept = readings.at(patches[:count])
        masks = self._mask(kept, embedding[:count], patches[:count], context)
        middle_s = time.monotonic()
        self._mask_pace.add(len(patches[:count]), middle_s - start_s)
        to_name = self._name_pace.affordable(len(masks.rows), deadline_s - middle_s)
        named = stage(masks.rows[:to_name], kept.embedding.device)
        names = self._name(kept.embedding[named], tuple(candidates))
        self._name_pace.add(to_name, time.monotonic() - middle_s)
        unnamed = len(masks.rows) - len(names)
        segments = self._segments(masks, [*names, *unnamed * [('', 0.0)]])
        return DecodedPatches(segments, max(0, len(patches) - count), unnamed)

    def propose(
        self,
        readings: PatchReadings,
        context: FrameContext,
        patches: Tensor,
        points: Sequence[PointHint] = (),
    ) -> Proposals:
        """Decode the masks of patches without choosing among them.

        Args:
            readings: Of the frame.
            context: Of the frame.
            patches: int64 ``[K]``, at least one.
            points: Clicks that SAM is shown beside each mask embedding; a backend that cannot
                show them leaves them out.

        Raises:
            ModelOutputError: the score of a mask is not finite.
        """
        kept = readings.at(patches)
        embedding = self._rose.patch_analyzer.mask_embedding(kept.embedding)
        image = context.image_embeddings
        if points and isinstance(self._sam, ClickableSam):
            xy, labels = (
                stage(t, embedding.device) for t in point_prompt(points, context.geometry)
            )
            logits, scores = self._sam.decode_clicked(embedding, xy, labels, image)
            logits, scores = logits.float(), scores.float().clamp(0, 1)
        else:
            masks = decode_masks(self._sam, embedding, image, self._beside)
            logits, scores = masks.logits, masks.scores
        numbers, objectness, logits, scores = to_host(patches, kept.objectness, logits, scores)
        if not scores.isfinite().all():
            raise ModelOutputError('The score of a mask is not finite.')
        return Proposals(numbers, objectness, logits, scores)

    def settle(
        self, readings: PatchReadings, proposals: Proposals, row: int, context: FrameContext
    ) -> Segment | None:
        """Make a segment, with a name and without an id, of one proposal.

        Returns:
            The segment, or ``None`` where its mask is empty or below the least area.
        """
        crop = self._crop(proposals.logits[row], context)
        if crop is None:
            return None
        rows = torch.tensor([row])
        masks = _Masks(
            rows,
            proposals.patches[rows],
            proposals.objectness[rows],
            proposals.scores[rows],
            [crop],
        )
        patch = stage(proposals.patches[rows], readings.embedding.device)
        return self._segments(masks, self._name(readings.embedding[patch], ()))[0]

    def area(self, context: FrameContext, logits: Tensor) -> int:
        """Return the pixels in the image of a mask with logits ``[M, M]``; 0 below the least."""
        crop = self._crop(logits, context)
        return 0 if crop is None else int(np.count_nonzero(crop.mask))

    def _crop(self, logits: Tensor, context: FrameContext) -> CroppedMask | None:
        limits = self._limits
        return crop_masks([logits], context.geometry, limits.min_area, limits.min_region).get(0)

    def _prompt(self, readings: PatchReadings, patches: Tensor) -> tuple[Tensor, Tensor]:
        """Those of the ``patches`` ``[N]`` that get a mask, and their prompts for SAM."""
        embedding = self._rose.patch_analyzer.mask_embedding(readings.embedding[patches])
        if self._limits.max_similarity == 1:  # a GPU has not to be waited for then
            return patches, embedding
        rows = distinct_prompts(embedding, self._limits.max_similarity)
        return patches[rows], embedding[rows]

    def _mask(
        self,
        kept: PatchReadings,
        embedding: Tensor,
        patches: Tensor,
        context: FrameContext,
    ) -> _Masks:
        """The masks of patches without duplicates and specks.

        Raises:
            ModelOutputError: a score is not finite.
        """
        masks = decode_masks(self._sam, embedding, context.image_embeddings, self._beside)
        logits, scores, shared, objectness, numbers = to_host(
            masks.logits,
            masks.scores,
            shared_pixels(masks.logits, context.geometry),
            kept.objectness,
            patches,
        )
        if not scores.isfinite().all():  # a mask of such numbers is empty, and falls away
            raise ModelOutputError('The score of a mask is not finite.')
        unique = keep_unique(shared, objectness, self._limits.nms_iou)
        cropped = crop_masks(
            [logits[row] for row in unique.tolist()],
            context.geometry,
            self._limits.min_area,
            self._limits.min_region,
        )
        rows = unique[list(cropped)]
        return _Masks(rows, numbers[rows], objectness[rows], scores[rows], list(cropped.values()))

    def _segments(self, masks: _Masks, names: Sequence[tuple[str, float]]) -> tuple[Segment, ...]:
        """What is left of the patches, each with its name and the score of that."""
        columns = zip(
            masks.patches.tolist(),
            masks.objectness.tolist(),
            masks.scores.tolist(),
            masks.crops,
            names,
            strict=True,
        )
        return tuple(
            Segment(
                id='',
                category=category,
                category_score=category_score,
                objectness=objectness,
                mask_score=mask_score,
                is_thing=not self._is_stuff[patch],
                box_xyxy=crop.box_xyxy,
                mask=crop.mask,
                patch=patch,
            )
            for patch, objectness, mask_score, crop, (category, category_score) in columns
        )

    def _name(self, embedding: Tensor, candidates: tuple[str, ...]) -> list[tuple[str, float]]:
        """Name and score of each object embedding ``[N, D]``."""
        if candidates and len(embedding):
            return self._choose(embedding, candidates)
        if self._framework != 'decode_embed':
            return [('', 0.0)] * len(embedding)
        analyzer = self._rose.patch_analyzer
        decoded = self._names.decode(analyzer.category_embedding(embedding))
        distinct = list({tuple(row): None for row in decoded.token_ids})
        texts = self._tokenizer.decode([[*row] for row in distinct])
        names = dict(zip(distinct, map(printable_name, texts), strict=True))
        shown = [names[tuple(row)] for row in decoded.token_ids]
        return list(zip(shown, decoded.scores.tolist(), strict=True))

    def _choose(self, embedding: Tensor, candidates: tuple[str, ...]) -> list[tuple[str, float]]:
        if self._encode_names is None:
            raise InvalidRequestError(NO_TEXT_TOWER)
        if candidates != self._candidates:
            self._candidate_embedding = self._encode_names(candidates)
            self._candidates = candidates
        logits = self._rose.patch_analyzer.name_logits(embedding, self._candidate_embedding)
        scores, columns = to_host(*logits.softmax(-1).max(-1))
        chosen = [candidates[column] for column in columns.tolist()]
        return list(zip(chosen, scores.tolist(), strict=True))
