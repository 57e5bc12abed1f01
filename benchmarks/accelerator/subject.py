"""A model of any size with random weights, made on the device, that is held to so many objects.

Random weights take as much time as trained ones; what they say is worth nothing.  So counts are
forced: so many patches, masks that are ellipses, names of so many tokens.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from unittest import mock

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks.forced_frame import separate_masks, word_tokenizer
from rose_model import patch_decoder
from rose_model.checkpoint import Pretrained
from rose_model.config import PatchFilterConfig, RoseConfig
from rose_model.instructions import CategoryPrompt, PerceptionPrompt, Prompter
from rose_model.mask_decoder import LowResolutionMasks, decode_masks
from rose_model.postprocess import keep_unique
from rose_model.preprocess import FrameGeometry
from rose_model.rose import Rose, build_rose
from rose_model.segmenter import RoseSegmenter
from rose_model.tokenizer import RoseTokenizer

OBJECTS = 100
KEPT = 30
"""Of 100 masks, as many are left without duplicates."""
NAME_TOKENS = 4
IMAGE_SIZE = (1080, 1920)
INSTRUCTION = (
    'Can you segment all the regions in this image? Give every thing a mask of its own, and every '
    'kind of ground one.'
)
"""46 tokens of text beside the image, with the dialogue around it."""


@dataclass(frozen=True, eq=False)
class Subject:
    """A model that is measured, with all that its parts are called with.

    ``image``: uint8 RGB ``[H, W, 3]``.  ``masks``: float32 ``[100, M, M]``, logits of ellipses.
    """

    rose: Rose
    tokenizer: RoseTokenizer
    image: NDArray[np.uint8]
    masks: Tensor

    @property
    def config(self) -> RoseConfig:
        """The model's configuration, its counts forced."""
        return self.rose.config

    @property
    def perception_prompt(self) -> PerceptionPrompt:
        """The prompt of ``INSTRUCTION``."""
        return Prompter.of(self.tokenizer, self.config.category).perception(INSTRUCTION)

    @property
    def category_prompt(self) -> CategoryPrompt:
        """The prompt of names; its end is never said, so that no name ends early."""
        prompt = Prompter.of(self.tokenizer, self.config.category).category()
        return CategoryPrompt(prompt.before, prompt.after, end=_never_said(self.config))

    def segmenter(self, patches: int) -> RoseSegmenter:
        """The door that users take, which keeps so many patches."""
        pretrained = Pretrained(self.rose, self.tokenizer, self.tokenizer, weights_hash='random')
        return RoseSegmenter(
            pretrained, PatchFilterConfig(max_segments=patches, min_objectness=0.0)
        )


def make_subject(config: RoseConfig, device: torch.device, dtype: torch.dtype) -> Subject:
    """A model of that configuration with random weights; nothing of it is made on the CPU."""
    forced = config.model_copy(
        update={
            'category': config.category.model_copy(update={'max_new_tokens': NAME_TOKENS}),
            'postprocess': config.postprocess.model_copy(update={'min_area': 0.0}),
        }
    )
    geometry = FrameGeometry.of(IMAGE_SIZE, config)
    return Subject(
        rose=random_rose(forced, device, dtype),
        tokenizer=word_tokenizer(),
        image=np.random.default_rng(0).integers(0, 256, (*IMAGE_SIZE, 3), dtype=np.uint8),
        masks=separate_masks(OBJECTS, geometry, config.sam).to(device),
    )


def random_rose(config: RoseConfig, device: torch.device, dtype: torch.dtype) -> Rose:
    """Random weights, drawn on the device in that precision."""
    torch.manual_seed(0)
    usual = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with device:
            rose = build_rose(config)
    finally:
        torch.set_default_dtype(usual)
    for module in rose.modules():  # tables of positions stay in float32, as in a loaded model
        for name, table in module.named_buffers(recurse=False):
            if table.is_floating_point():
                setattr(module, name, table.float())
    for name, parameter in rose.sam.named_parameters():
        if 'rel_pos' in name or 'pos_embed' in name:  # begin as zeros, which no trained model has
            nn.init.normal_(parameter, std=0.02)
    rose.perception.language_model.lm_head.weight.data[_never_said(config)] = 0
    return rose.requires_grad_(False).eval()


def _never_said(config: RoseConfig) -> int:
    """A token of no text; its logit is 0, and the best of so many others is always higher."""
    return config.language.vocabulary - 1


@contextmanager
def forced_masks(masks: Tensor, kept: int) -> Iterator[None]:
    """Inside, the segmenter decodes its masks and removes duplicates as ever, then goes on with
    the first ``kept`` of the given ``masks`` ``[N, M, M]``.
    """

    def decode(*arguments: object) -> LowResolutionMasks:
        decoded = decode_masks(*arguments)  # type: ignore[arg-type]  # passed on as they are
        return LowResolutionMasks(masks[: len(decoded.logits)], decoded.scores)

    def keep(shared: Tensor, scores: Tensor, max_iou: float) -> Tensor:
        keep_unique(shared, scores, max_iou)
        return torch.arange(min(kept, len(shared)))

    with (
        mock.patch.object(patch_decoder, 'decode_masks', decode),
        mock.patch.object(patch_decoder, 'keep_unique', keep),
    ):
        yield
