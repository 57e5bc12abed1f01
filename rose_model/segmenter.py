"""The door to ROSE: numpy in, records out."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import ClassVar, TypeVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rose_model.agreement import fits_words
from rose_model.backends.interface import BackendName, SamBackend
from rose_model.backends.opening import BackendChoice
from rose_model.backends.torch import TorchSam
from rose_model.candidates import NO_TEXT_TOWER, check_candidates
from rose_model.category_decoder import printable
from rose_model.checkpoint import Pretrained, load_pretrained, read_config
from rose_model.clicks import check_points
from rose_model.config import PatchFilterConfig, RoseConfig
from rose_model.corrector import Corrector
from rose_model.cuda_graph import GraphedFunction
from rose_model.dense_wording import dense_instruction
from rose_model.device import find_device, find_dtype, refuse_eager_half, stage
from rose_model.errors import (
    ConfigError,
    InvalidRequestError,
    NoSuchSegmentError,
    NotUnderstoodError,
    RefinementRejectedError,
    TextTooLongError,
)
from rose_model.instructions import ALL_REGIONS, REFERRINGS, Prompter
from rose_model.patch_decoder import PatchDecoder, PatchReadings
from rose_model.patch_filter import best_patch, select_patches
from rose_model.preprocess import (
    make_views,
    normalise_lmm,
    normalise_sam,
)
from rose_model.quantise import check_quantisation, quantise_language_model
from rose_model.records import (
    FrameContext,
    PointHint,
    Refinement,
    RefineTarget,
    Segmentation,
)
from rose_model.refinement import (
    check_text,
    doubtful_segments,
    interpret,
    mask_sentence,
)
from rose_model.side_stream import open_side_stream
from rose_model.super_patch import role_map
from rose_model.write_back import delete, rename, segment_iou, write_back

_Method = TypeVar('_Method', bound=Callable[..., object])

MAX_TEXT_TOKENS = 128
MAX_RESPONSE_TOKENS = 256
LEAST_SELF_OVERLAP = 0.5
"""IoU with the mask before below which nobody but the model asked for such a change.  On 60
validation streets such answers lost 24 % of IoU in the mean, the others gained.
"""


def _inference(method: _Method) -> _Method:
    """A method without gradients, and with a line of work beside its own."""

    @wraps(method)
    def run(self: RoseSegmenter, *args: object, **options: object) -> object:
        with torch.inference_mode(), self._beside.shared():
            return method(self, *args, **options)

    return cast('_Method', run)


class RoseSegmenter:
    """A loaded ROSE model.  Not thread-safe: one thread owns it.

    ``sam`` carries SAM out; without one the model's own does.
    """

    decoder_class: ClassVar[type[PatchDecoder]] = PatchDecoder

    def __init__(
        self,
        pretrained: Pretrained,
        patch_filter: PatchFilterConfig,
        sam: SamBackend | None = None,
    ) -> None:
        refuse_eager_half(pretrained.rose)
        self._rose = pretrained.rose
        self._sam = TorchSam(pretrained.rose.sam) if sam is None else sam
        self._encode = GraphedFunction(self._rose.perception.encode)
        self._beside = open_side_stream(self._rose.config, self._rose.device)
        self._tokenizer = pretrained.tokenizer
        self._hash = pretrained.weights_hash
        self._patch_filter = patch_filter
        self._roles = role_map(self.config.super_patch, self.config.vision.grid_size)
        self._prompter = Prompter.of(self._tokenizer, self.config.category)
        self._decoder = self.decoder_class(
            self._rose, self._sam, self._tokenizer, pretrained.text_tokenizer, self._beside
        )
        self._decoder.prepare(patch_filter.max_segments)
        self._corrector = Corrector(
            self.config,
            patch_filter,
            self._roles,
            self._decoder,
            lambda context, sentence, mask: self._perceive(context.lmm_pixels, sentence, mask),
        )

    @classmethod
    def from_pretrained(
        cls,
        model: str | Path = 'nano',
        *,
        device: str = 'auto',
        precision: str = 'auto',
        quantise: str = 'none',
        min_objectness: float | None = None,
        max_segments: int | None = None,
        sam_backend: BackendName = 'torch',
        sam_export: str | Path | None = None,
        engine_cache: str | Path | None = None,
    ) -> RoseSegmenter:
        """Load a ROSE folder, or a model shipped with the package by its name.

        ``device``: ``'auto'`` takes CUDA where there is one.  ``precision``: ``'fp32'``,
        ``'bf16'``, ``'fp16'`` on a GPU; ``'auto'`` is bf16 on a GPU and fp32 on a CPU.
        ``quantise``: ``'int8'`` or ``'int4'`` weights of the language model; int4 computes in
        bf16.  ``min_objectness`` and ``max_segments`` replace the model's own thresholds.
        ``sam_backend`` carries SAM out; ``'onnxruntime'`` and ``'tensorrt'`` run the folder
        ``sam_export``, which ``rose export`` wrote.  TensorRT keeps its engines in
        ``engine_cache``, by default in the user's own; what is not there is built, in minutes.

        Raises:
            CheckpointError, ConfigError: a folder, a library or a value is not usable.
            BackendError: an engine cannot be built or loaded.
        """
        choice = BackendChoice(
            sam_backend,
            None if sam_export is None else Path(sam_export),
            None if engine_cache is None else Path(engine_cache),
        )
        place = find_device(device)
        dtype = find_dtype(precision, place)
        check_quantisation(quantise, dtype)
        choice.check(read_config(model).sam)  # before the long work
        pretrained = load_pretrained(model, place, dtype)
        quantise_language_model(pretrained.rose, quantise)
        config = pretrained.rose.config
        changes = {'min_objectness': min_objectness, 'max_segments': max_segments}
        given = {name: value for name, value in changes.items() if value is not None}
        try:
            base = config.patch_filter
            patch_filter = PatchFilterConfig.model_validate({**base.model_dump(), **given})
        except ValueError as error:
            raise ConfigError(f'{given} is not usable: {error}.') from error
        sam = choice.open(pretrained.rose.sam, pretrained.weights_hash, place)
        if sam_backend != 'torch':
            pretrained.rose.sam.to('meta')  # nobody uses these weights: the graphs have their own
        return cls(pretrained, patch_filter, sam)

    @property
    def config(self) -> RoseConfig:
        """The model's configuration."""
        return self._rose.config

    @property
    def name(self) -> str:
        """Name and weights: ``'nano@1a2b3c4d'`` (first 8 hex digits of the weights' sha256)."""
        return f'{self.config.name}@{self._hash[:8]}'

    @_inference
    def segment(
        self,
        image: NDArray[np.uint8] | FrameContext,
        instruction: str | None = None,
        *,
        candidates: Sequence[str] = (),
        deadline_s: float = math.inf,
    ) -> Segmentation:
        """Segment what the instruction asks for, by default everything.

        ``image``: uint8 RGB ``[H, W, 3]``, or the context of a frame that has been seen.  With
        ``candidates`` each segment is called by the one that fits best, and ``category_score`` is
        its probability among them; without, names are generated.  ``deadline_s``: a moment of
        ``time.monotonic``; what cannot be done before it, by what earlier frames took, is left
        out: names first, then masks, the least sure ones first.

        Raises:
            ImageError: the array is no such image.
            TextEmptyError, TextTooLongError, InvalidRequestError: instruction or candidates are
            not usable.
            ModelOutputError: what the model gives is not finite.
        """
        sentence = ALL_REGIONS if instruction is None else check_text(instruction, 'instruction')
        names = check_candidates(candidates)
        if names and self.config.text is None:
            raise InvalidRequestError(NO_TEXT_TOWER)
        self._check_length(sentence)
        asked = dense_instruction(sentence) or sentence
        context, readings = self._look(image, asked)
        patches = select_patches(readings.objectness, self._roles, self._patch_filter)
        decoded = self._decoder.decode(readings, patches, context, names, deadline_s=deadline_s)
        frame = Segmentation(
            (),
            context.geometry.original_size,
            sentence,
            context,
            decoded.skipped_masks,
            decoded.skipped_names,
        )
        ordered = frame.with_segments(decoded.segments).segments
        return replace(
            frame,
            segments=tuple(replace(segment, id=str(n)) for n, segment in enumerate(ordered, 1)),
        )

    @_inference
    def refer(self, image: NDArray[np.uint8] | FrameContext, description: str) -> Segmentation:
        """The one thing that a description means: a frame of one segment, or of none where nothing
        in the image answers to it.

        ``description`` with its article: "the red car on the left".

        Raises:
            ImageError: the array is no image.
            TextEmptyError, TextTooLongError, InvalidRequestError: the description is not usable.
        """
        words = check_text(description, 'description')
        sentence = REFERRINGS[0].format(description=words)
        self._check_length(sentence)
        context, readings = self._look(image, sentence)
        best, objectness = best_patch(readings.objectness)
        frame = Segmentation((), context.geometry.original_size, sentence, context)
        limits = self.config.refinement
        if objectness < limits.min_presence:
            return frame
        segments = tuple(
            segment
            for segment in self._decoder.decode(readings, best, context).segments
            if segment.objectness >= limits.presence(is_like=fits_words(segment.category, words))
        )
        return frame.with_segments(tuple(replace(segment, id='1') for segment in segments))

    @_inference
    def describe(self, image: NDArray[np.uint8] | FrameContext) -> str:
        """The model's answer in words: "There are 2 red car, 1 road in this image." (paper,
        Sec. 3.5)

        It is generated by itself, not counted from segments.

        Raises:
            ImageError: the array is no image.
        """
        seen = image if isinstance(image, FrameContext) else make_views(image, self.config)
        pixels = self._pixels(seen.lmm_pixels, None)
        perception = self._rose.perception
        ids = perception.respond(
            self._encode(pixels),
            self._prompter.perception(ALL_REGIONS),
            self._prompter.category().end,
            MAX_RESPONSE_TOKENS,
        )
        return printable(self._tokenizer.decode([ids])[0])

    @_inference
    def refine(
        self,
        segmentation: Segmentation,
        text: str = '',
        *,
        segment_id: str = '',
        target: RefineTarget = RefineTarget.AUTO,
        points: tuple[PointHint, ...] = (),
        label: str = '',
        remove: bool = False,
    ) -> Refinement:
        """Correct a segmented frame by a sentence, by clicks, or by a label.

        Args:
            segmentation: The frame; it is not changed, the corrected one is part of the answer.
            text: A sentence; may be empty beside clicks, a label or ``remove``.
            segment_id: The segment that is meant; empty means that something was missed.
            target: What of the segment is to be changed; by default the text decides.
            points: Clicks, in pixels of the image.
            label: What the segment is called; it wins over the text.
            remove: The segment is nothing and is deleted.

        Raises:
            NoSuchSegmentError: the frame has no segment of that id.
            TextEmptyError, TextTooLongError, InvalidRequestError: text, label or points are not
                usable, or contradict each other.
            NotUnderstoodError: nothing in the image answers to the text.
            RefinementRejectedError: the model's mask is empty, another object's, or not expected
                to be better.
        """
        check_points(points, segmentation.context.geometry)
        request = interpret(
            segmentation,
            text,
            segment_id,
            target,
            label=label,
            remove=remove,
            is_clicked=bool(points),
        )
        if request.segment is not None and not request.needs_model:
            if request.label is None:
                return delete(segmentation, request.segment)
            return rename(segmentation, request.segment, request.label)
        self._check_length(request.instruction)
        answer = self._corrector.answer(segmentation, request, points)
        return write_back(segmentation, request, answer, self.config.postprocess.nms_iou)

    def self_refine(
        self, segmentation: Segmentation, *, deadline_s: float = math.inf
    ) -> Segmentation:
        """Correct the frame's most doubtful masks without anybody asking: self-triggered
        refinement.

        Each is refined with its own name and box; the answer is taken where ``refine`` takes it
        and SAM expects more of it than of the mask before.  ``deadline_s``: a moment of
        ``time.monotonic``; no refinement begins that would end after it, by what the longest one
        took.
        """
        longest_s = 0.0
        for segment in doubtful_segments(segmentation.segments):
            start_s = time.monotonic()
            if start_s + longest_s > deadline_s:
                break
            sentence = mask_sentence(segment.category)
            try:
                refinement = self.refine(
                    segmentation, sentence, segment_id=segment.id, target=RefineTarget.MASK
                )
            except (RefinementRejectedError, NotUnderstoodError, NoSuchSegmentError):
                continue
            finally:
                longest_s = max(longest_s, time.monotonic() - start_s)
            (refined,) = refinement.changed
            is_same = segment_iou(refined, segment) >= LEAST_SELF_OVERLAP
            if is_same and refined.mask_score > segment.mask_score:
                segmentation = refinement.segmentation
        return segmentation

    def _check_length(self, text: str) -> None:
        tokens = len(self._tokenizer.encode(text))
        if tokens > MAX_TEXT_TOKENS:
            raise TextTooLongError(
                f'The text has {tokens} tokens; at most {MAX_TEXT_TOKENS} are read.'
            )

    def _look(
        self, image: NDArray[np.uint8] | FrameContext, instruction: str
    ) -> tuple[FrameContext, PatchReadings]:
        """What the patches of an image answer to an instruction, and SAM's look at the image
        beside it.
        """
        if isinstance(image, FrameContext):
            return image, self._perceive(image.lmm_pixels, instruction, None)
        views = make_views(image, self.config)
        encoded = self._beside.begin(lambda: (self._encode_for_sam(views.sam_pixels),))
        readings = self._perceive(views.lmm_pixels, instruction, None)
        (image_embeddings,) = encoded()
        return FrameContext(views.lmm_pixels, image_embeddings, views.geometry), readings

    def _encode_for_sam(self, sam_pixels: Tensor) -> Tensor:
        pixels = stage(sam_pixels[None], self._rose.device)
        return self._sam.encode(
            normalise_sam(pixels, self.config.sam.input_size).to(self._rose.dtype)
        )

    def _pixels(self, lmm_pixels: Tensor, mask: Tensor | None) -> Tensor:
        pixels = stage(lmm_pixels[None], self._rose.device)
        return normalise_lmm(pixels, None if mask is None else mask[None]).to(self._rose.dtype)

    def _perceive(
        self, lmm_pixels: Tensor, instruction: str, mask: Tensor | None
    ) -> PatchReadings:
        """What the patches of one frame answer to an instruction."""
        prompt = self._prompter.perception(instruction)
        patches = self._encode(self._pixels(lmm_pixels, mask))
        embedding = self._rose.perception.read(patches, [prompt]).object_embedding[0]
        logit = self._rose.patch_analyzer.objectness_logit(embedding).float()
        # an infinite one would pass for a sure patch
        return PatchReadings(embedding, torch.where(logit.isfinite(), logit.sigmoid(), math.nan))
