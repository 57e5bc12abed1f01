"""The door to ROSE: numpy in, records out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rose_model.category_decoder import CategoryDecoder, DecodedNames, printable_name
from rose_model.checkpoint import Pretrained, load_pretrained
from rose_model.config import PatchFilterConfig, RoseConfig
from rose_model.errors import (
    ConfigError,
    NotUnderstoodError,
    RefinementRejectedError,
    TextTooLongError,
)
from rose_model.instructions import ALL_REGIONS, Prompter
from rose_model.mask_decoder import decode_masks
from rose_model.patch_filter import select_patches
from rose_model.perception import Perceived
from rose_model.postprocess import (
    CroppedMask,
    crop_masks,
    remove_specks,
    suppress_duplicates,
)
from rose_model.preprocess import make_views, normalise_lmm, normalise_sam, squash_mask
from rose_model.records import (
    FrameContext,
    PointHint,
    Refinement,
    RefinementCase,
    RefineTarget,
    Segment,
    Segmentation,
)
from rose_model.refinement import allowed_patches, interpret, write_back
from rose_model.super_patch import role_map

MAX_TEXT_TOKENS = 128
MIN_MISSED_OBJECTNESS = 0.05
"""Below it the best patch is taken for "no such thing here" when a user names something missed."""


class RoseSegmenter:
    """A loaded ROSE model.  Not thread-safe: one thread owns it."""

    def __init__(self, pretrained: Pretrained, patch_filter: PatchFilterConfig) -> None:
        self._rose = pretrained.rose
        self._tokenizer = pretrained.tokenizer
        self._hash = pretrained.weights_hash
        self._patch_filter = patch_filter
        self._roles = role_map(self.config.super_patch, self.config.vision.grid_size)
        self._prompter = Prompter(self._tokenizer, self.config.category.template)
        self._names = CategoryDecoder(
            self._rose.perception.language_model,
            self._prompter.category(),
            self.config.category.max_new_tokens,
        )

    @classmethod
    def from_pretrained(
        cls,
        model: str | Path = 'nano',
        *,
        device: str = 'auto',
        min_objectness: float | None = None,
        max_segments: int | None = None,
    ) -> RoseSegmenter:
        """Load a ROSE folder, or a model shipped with the package by its name.

        ``device``: ``'auto'`` takes CUDA where there is one; weights are bfloat16 there, float32
        on a CPU. ``min_objectness`` and ``max_segments`` replace the model's own thresholds.

        Raises:
            CheckpointError, ConfigError: the folder or a value is not usable.
        """
        place = _find_device(device)
        dtype = torch.bfloat16 if place.type == 'cuda' else torch.float32
        pretrained = load_pretrained(model, place, dtype)
        changes = {'min_objectness': min_objectness, 'max_segments': max_segments}
        given = {name: value for name, value in changes.items() if value is not None}
        try:
            base = pretrained.rose.config.patch_filter
            patch_filter = PatchFilterConfig.model_validate({**base.model_dump(), **given})
        except ValueError as error:
            raise ConfigError(f'{given} is not usable: {error}.') from error
        return cls(pretrained, patch_filter)

    @property
    def config(self) -> RoseConfig:
        """The model's configuration."""
        return self._rose.config

    @property
    def name(self) -> str:
        """Name and weights: ``'nano@1a2b3c4d'`` (first 8 hex digits of the weights' sha256)."""
        return f'{self.config.name}@{self._hash[:8]}'

    @torch.inference_mode()
    def segment(self, image: NDArray[np.uint8], instruction: str | None = None) -> Segmentation:
        """Segment what the instruction asks for, by default everything.

        ``image``: uint8 RGB ``[H, W, 3]``.

        Raises:
            ImageError: the array is no such image.
            TextTooLongError: the instruction has more than 128 tokens.
        """
        sentence = instruction or ALL_REGIONS
        self._check_length(sentence)
        views = make_views(image, self.config)
        sam_pixels = views.sam_pixels[None].to(self._rose.device)
        image_embeddings = self._rose.sam.encode(
            normalise_sam(sam_pixels, self.config.sam.input_size).to(self._rose.dtype)
        )
        context = FrameContext(views.lmm_pixels, image_embeddings, views.geometry)
        embedding = self._perceive(context, sentence, None)
        objectness = self._objectness(embedding)
        patches = select_patches(objectness, self._roles, self._patch_filter)
        segments = self._decode(embedding, objectness, patches, context)
        frame = Segmentation((), views.geometry.original_size, sentence, context)
        ordered = frame.with_segments(segments).segments
        return replace(
            frame,
            segments=tuple(replace(segment, id=str(n)) for n, segment in enumerate(ordered, 1)),
        )

    @torch.inference_mode()
    def refine(
        self,
        segmentation: Segmentation,
        text: str,
        *,
        segment_id: str = '',
        target: RefineTarget = RefineTarget.AUTO,
        points: tuple[PointHint, ...] = (),
    ) -> Refinement:
        """Correct a segmented frame by a sentence; an empty ``segment_id`` means something missed.

        The frame itself is not changed; the corrected one is part of the answer.

        Raises:
            NoSuchSegmentError: the frame has no segment of that id.
            TextEmptyError, TextTooLongError, InvalidRequestError: text or points are not usable.
            NotUnderstoodError: nothing in the image answers to the text.
            RefinementRejectedError: the model's mask is empty, or another object's.
        """
        request = interpret(segmentation, text, segment_id, target)
        self._check_length(request.instruction)
        context = segmentation.context
        old = request.segment
        allowed = torch.from_numpy(allowed_patches(points, old, context.geometry))
        mask = None
        if old is not None:
            full = old.full_mask(segmentation.original_size)
            mask = squash_mask(full, self.config.vision.input_size)
        embedding = self._perceive(context, request.instruction, mask)
        objectness = self._objectness(embedding)
        best = torch.where(allowed.to(objectness.device), objectness, -1.0).argmax(0, keepdim=True)
        if request.case is RefinementCase.MISSED and objectness[best] < MIN_MISSED_OBJECTNESS:
            raise NotUnderstoodError(
                f'Nothing in the image answers to {text.strip()!r} '
                f'(best objectness {float(objectness[best]):.3f}); add a point, or other words.'
            )
        answers = self._decode(embedding, objectness, best, context)
        if not answers:
            raise RefinementRejectedError(
                f'The answer to {text.strip()!r} is an empty mask; nothing was changed.'
            )
        return write_back(segmentation, request, answers[0], self.config.postprocess.nms_iou)

    def _check_length(self, text: str) -> None:
        tokens = len(self._tokenizer.encode(text))
        if tokens > MAX_TEXT_TOKENS:
            raise TextTooLongError(
                f'The text has {tokens} tokens; at most {MAX_TEXT_TOKENS} are read.'
            )

    def _perceive(self, context: FrameContext, instruction: str, mask: Tensor | None) -> Tensor:
        """Object embeddings ``[P, D]`` of one frame."""
        rose = self._rose
        pixels = normalise_lmm(
            context.lmm_pixels[None].to(rose.device), None if mask is None else mask[None]
        )
        prompt = self._prompter.perception(instruction)
        perceived: Perceived = rose.perception(pixels.to(rose.dtype), [prompt])
        return perceived.object_embedding[0]

    def _objectness(self, embedding: Tensor) -> Tensor:
        return self._rose.patch_analyzer.objectness_logit(embedding).float().sigmoid()

    def _decode(
        self, embedding: Tensor, objectness: Tensor, patches: Tensor, context: FrameContext
    ) -> tuple[Segment, ...]:
        """Masks of the kept patches, without duplicates, then names: fewer names, and the same
        answer.
        """
        analyzer, limits = self._rose.patch_analyzer, self.config.postprocess
        masks = decode_masks(
            self._rose.sam, analyzer.mask_embedding(embedding[patches]), context.image_embeddings
        )
        kept = suppress_duplicates(masks.logits, objectness[patches], limits.nms_iou)
        cropped = crop_masks(
            remove_specks(masks.logits[kept], limits.min_region), context.geometry, limits.min_area
        )
        kept = kept[list(cropped)]
        names = self._names.decode(analyzer.category_embedding(embedding[patches[kept]]))
        scores = masks.scores[kept]
        return self._segments(patches[kept], objectness, scores, [*cropped.values()], names)

    def _segments(
        self,
        patches: Tensor,
        objectness: Tensor,
        mask_scores: Tensor,
        crops: list[CroppedMask],
        names: DecodedNames,
    ) -> tuple[Segment, ...]:
        texts = [printable_name(text) for text in self._tokenizer.decode(names.token_ids)]
        stuff = (self._roles == 'T').ravel()
        rows = zip(
            patches.tolist(),
            objectness[patches].tolist(),
            mask_scores.tolist(),
            crops,
            texts,
            names.scores.tolist(),
            strict=True,
        )
        return tuple(
            Segment(
                id='',
                category=text,
                category_score=category_score,
                objectness=score,
                mask_score=mask_score,
                is_thing=not stuff[patch],
                box_xyxy=crop.box_xyxy,
                mask=crop.mask,
                patch=patch,
            )
            for patch, score, mask_score, crop, text, category_score in rows
        )


def _find_device(device: str) -> torch.device:
    """The device of that name.

    Raises:
        ConfigError: there is no such device here.
    """
    if device == 'auto':
        return torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    try:
        place = torch.device(device)
    except RuntimeError as error:
        raise ConfigError(f"device must be 'auto', 'cpu' or 'cuda', got {device!r}.") from error
    if place.type not in {'cpu', 'cuda'} or (
        place.type == 'cuda' and not torch.cuda.is_available()
    ):
        raise ConfigError(f"device {device!r} is not available here; use 'auto' or 'cpu'.")
    return place
