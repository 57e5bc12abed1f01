"""From kept patches to segments: masks, no duplicates, then names (paper, Sec. 3.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from rose_model.candidates import NameEncoder
from rose_model.category_decoder import CategoryDecoder, printable_name
from rose_model.errors import ModelOutputError
from rose_model.instructions import Prompter
from rose_model.mask_decoder import decode_masks
from rose_model.postprocess import crop_masks, remove_specks, suppress_duplicates
from rose_model.records import FrameContext, Segment
from rose_model.rose import Rose
from rose_model.super_patch import role_map
from rose_model.tokenizer import RoseTokenizer


@dataclass(frozen=True, eq=False)
class PatchReadings:
    """What the patches of one frame say: ``embedding`` ``[P, D]``, ``objectness`` ``[P]`` in
    [0, 1].
    """

    embedding: Tensor
    objectness: Tensor

    def at(self, patches: Tensor) -> PatchReadings:
        """The readings of some patches."""
        return PatchReadings(self.embedding[patches], self.objectness[patches])


class PatchDecoder:
    """Masks and names of kept patches; names are generated, or chosen from given candidates."""

    def __init__(
        self, rose: Rose, tokenizer: RoseTokenizer, text_tokenizer: RoseTokenizer
    ) -> None:
        config = rose.config
        self._rose = rose
        self._tokenizer = tokenizer
        self._limits = config.postprocess
        self._is_stuff = (role_map(config.super_patch, config.vision.grid_size) == 'T').ravel()
        self._names = CategoryDecoder(
            rose.perception.language_model,
            Prompter(tokenizer, config.category.template).category(),
            config.category.max_new_tokens,
        )
        self._encode_names = NameEncoder(rose.text_tower, text_tokenizer)
        self._candidates: tuple[str, ...] = ()
        self._candidate_embedding = torch.zeros(0)

    def decode(
        self,
        readings: PatchReadings,
        patches: Tensor,
        context: FrameContext,
        candidates: Sequence[str] = (),
        given: Tensor | None = None,
    ) -> tuple[Segment, ...]:
        """Segments of the kept ``patches`` ``[N]``, without ids; duplicates and specks are gone.

        ``given``: log-odds ``[M, M]`` that are known beforehand.  Duplicates go before names are
        made: fewer names, and the same answer.

        Raises:
            ModelOutputError: the score of a mask is not finite.
        """
        analyzer = self._rose.patch_analyzer
        kept = readings.at(patches)
        masks = decode_masks(
            self._rose.sam, analyzer.mask_embedding(kept.embedding), context.image_embeddings
        )
        if not masks.scores.isfinite().all():  # a mask of such numbers is empty, and falls away
            raise ModelOutputError('The score of a mask is not finite.')
        logits = masks.logits if given is None else masks.logits + given.to(masks.logits.device)
        unique = suppress_duplicates(logits, kept.objectness, self._limits.nms_iou)
        cropped = crop_masks(
            remove_specks(logits[unique], self._limits.min_region),
            context.geometry,
            self._limits.min_area,
        )
        rows = unique[list(cropped)]
        names = self._name(kept.embedding[rows], tuple(candidates))
        columns = zip(
            patches[rows].tolist(),
            kept.objectness[rows].tolist(),
            masks.scores[rows].tolist(),
            cropped.values(),
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
        analyzer = self._rose.patch_analyzer
        decoded = self._names.decode(analyzer.category_embedding(embedding))
        texts = [printable_name(text) for text in self._tokenizer.decode(decoded.token_ids)]
        return list(zip(texts, decoded.scores.tolist(), strict=True))

    def _choose(self, embedding: Tensor, candidates: tuple[str, ...]) -> list[tuple[str, float]]:
        if candidates != self._candidates:
            self._candidate_embedding = self._encode_names(candidates)
            self._candidates = candidates
        logits = self._rose.patch_analyzer.name_logits(embedding, self._candidate_embedding)
        scores, columns = logits.softmax(-1).max(-1)
        chosen = [candidates[column] for column in columns.tolist()]
        return list(zip(chosen, scores.tolist(), strict=True))
