"""What training takes, before any GPU is asked for: the memory of each process, part by part, and
the pace that no run exceeds.

Weights, gradients and moments are exact.  Activations and operations are estimates, for images
that are asked as much as the drawn streets are (``rose_model/training/workload.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from rose_model.config import RoseConfig
from rose_model.rose import Rose, build_rose
from rose_model.training.adapters import add_adapters
from rose_model.training.recipe import Recipe
from rose_model.training.trainable import SPECIAL_TOKENS
from rose_model.training.workload import Workload
from rose_model.work import Work, body_weights, prefill, sam_decoder, sam_encoder, siglip

FLOAT32, BFLOAT16 = 4, 2
BUCKET = 500_000_000
"""Numbers that DeepSpeed collects before the processes exchange them."""
_MOMENTS = 2
_FLOPS = 2


@dataclass(frozen=True)
class _Kept:
    """Bytes that a layer keeps of a token, for each number of its width and of its MLP's."""

    width: float
    mlp: float

    def layer(self, width: int, mlp_width: int) -> float:
        return self.width * width + self.mlp * mlp_width


# As PyTorch keeps them under autocast, counted at small widths (tests/model/test_plan.py): in the
# language model without LoRA the key is true, with it false, where adapters keep more; of the
# vision tower true where its weights are trained.
_LANGUAGE = {False: _Kept(49, 12), True: _Kept(31, 8)}
_VISION = {False: _Kept(20, 2.5), True: _Kept(28, 4.5)}
_SAM_ENCODER_BYTES, _SAM_DECODER_BYTES = 45, 40


@dataclass(frozen=True)
class MemoryPart:
    """Bytes of one process, and why they are needed."""

    name: str
    nbytes: float
    reason: str


@dataclass(frozen=True)
class Plan:
    """``memory``: of each process.  ``flops``: of an image, forwards and backwards."""

    memory: Sequence[MemoryPart]
    flops: float

    @property
    def nbytes(self) -> float:
        """The memory of a process, all parts together."""
        return sum(part.nbytes for part in self.memory)

    def most_images_per_s(self, processes: int, flops_per_s: float) -> float:
        """Images that so many processes learn from in a second, if nothing but matrix products
        took time.
        """
        return processes * flops_per_s / self.flops


def make_plan(config: RoseConfig, recipe: Recipe, processes: int, workload: Workload) -> Plan:
    """The stage ``whole`` of a recipe, for a model of that size in so many processes.

    Raises:
        ConfigError: the batch cannot be shared evenly.
    """
    images = recipe.whole.batch_size // recipe.whole.parts(processes) // processes
    with torch.device('meta'):
        rose = build_rose(config)
        if recipe.lora is not None:
            add_adapters(rose, recipe.lora, range(SPECIAL_TOKENS))
    if recipe.freeze_sam_encoder:
        rose.sam.image_encoder.requires_grad_(False)
    memory = [
        *_states(rose, recipe, processes),
        *_activations(config, recipe, images, workload),
    ]
    return Plan(memory, _flops(config, recipe, workload))


def _states(rose: Rose, recipe: Recipe, processes: int) -> list[MemoryPart]:
    """What stays from step to step."""
    everything = sum(parameter.numel() for parameter in rose.parameters())
    trained = sum(p.numel() for p in rose.parameters() if p.requires_grad)
    share = FLOAT32 * trained / processes
    several = processes > 1
    parts = [
        MemoryPart('weights', FLOAT32 * everything, 'float32, all of them in every process'),
        MemoryPart('gradients', share, 'float32, the share of this process (ZeRO-2)'),
        MemoryPart('moments', _MOMENTS * share, "AdamW's two, the share of this process"),
    ]
    if several:
        bucket = FLOAT32 * min(BUCKET, trained)
        parts += [
            MemoryPart('master weights', share, "ZeRO's own copy, the share of this process"),
            MemoryPart('exchange', bucket + share, 'a bucket of gradients, and a flat copy'),
        ]
    if recipe.ema_decay:
        parts.append(MemoryPart('average', FLOAT32 * everything, 'the running average'))
    return parts


def _activations(
    config: RoseConfig, recipe: Recipe, images: int, workload: Workload
) -> list[MemoryPart]:
    """What is kept between the two ways of ``images`` images at once."""
    language, vision, sam = config.language, config.vision, config.sam
    patches = vision.grid_size**2
    tokens = images * (
        workload.questions * (patches + workload.text)
        + workload.names * (workload.name_prompt + workload.name_tokens)
    )
    seen = images * workload.views * patches
    kept, trains_all = recipe.gradient_checkpointing, recipe.lora is None
    layer = tokens * _LANGUAGE[trains_all].layer(language.width, language.mlp_width)
    block = seen * _VISION[trains_all].layer(vision.width, vision.mlp_width)
    body = body_weights(language)
    pixels = sam.embedding_size**2
    encoder = images * pixels * sam.width * _SAM_ENCODER_BYTES
    frozen = recipe.lora is not None or recipe.freeze_sam_encoder
    return [
        MemoryPart(
            'language model',
            layer + language.layers * tokens * language.width * FLOAT32
            if kept
            else language.layers * layer,
            f'{tokens:,.0f} tokens' + (', one layer at a time' if kept else ''),
        ),
        MemoryPart(
            'weights in bfloat16',
            BFLOAT16 * (body / language.layers if kept else body),
            'of a layer, cast when it is used' if kept else 'cast for the way back',
        ),
        MemoryPart(
            'vision tower',
            block + vision.layers * seen * vision.width * FLOAT32
            if kept
            else vision.layers * block,
            f'{seen:,.0f} patches',
        ),
        MemoryPart(
            'SAM encoder',
            encoder * (1 if frozen else sam.layers),
            f'{images} images' + (', frozen: one layer at a time' if frozen else ''),
        ),
        MemoryPart(
            'SAM mask decoder',
            images * workload.masks * pixels * sam.prompt_width * _SAM_DECODER_BYTES,
            f'{images * workload.masks:.0f} masks',
        ),
    ]


def _flops(config: RoseConfig, recipe: Recipe, workload: Workload) -> float:
    """Operations for an image.  The way back costs as much as the way there for what is passed on,
    and as much again for weights that are trained.
    """
    again = int(recipe.gradient_checkpointing)
    ways = 2 + again if recipe.lora is not None else 3 + again
    frozen = recipe.lora is not None or recipe.freeze_sam_encoder
    patches = config.vision.grid_size**2
    read = prefill(config.language, round(patches + workload.text))
    named = workload.names * (workload.name_prompt + workload.name_tokens)
    head = config.language.width * config.language.vocabulary
    return (
        ways * workload.views * siglip(config.vision).flops
        + ways * workload.questions * read.flops
        + ways * _FLOPS * named * body_weights(config.language)
        + 3 * _FLOPS * workload.names * workload.name_tokens * head
        + (1 if frozen else 3) * sam_encoder(config.sam).flops
        + 3 * _per_mask(config).flops * workload.masks
    )


def _per_mask(config: RoseConfig) -> Work:
    return sam_decoder(config.sam, 1)
