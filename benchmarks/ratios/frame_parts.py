"""What is timed of a frame, ours and with sequential <SEG> decoding: parts that can be run by
themselves, those that grow with depth at two depths.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from transformers import Qwen2ForCausalLM

from benchmarks.random_weights import randomised, shallower
from benchmarks.ratios.category_task import TOKENS, chat_prompt
from benchmarks.ratios.sequential import SequentialDecoder, random_context
from rose_model.backbones.lmm import Projector, VisionTower
from rose_model.backbones.sam import Sam
from rose_model.category_decoder import CategoryDecoder
from rose_model.config import RoseConfig
from rose_model.instructions import PerceptionPrompt
from rose_model.mask_decoder import decode_masks
from rose_model.patch_analyzer import PatchAnalyzer
from rose_model.perception import PatchPerception

DEPTHS = (2, 4)
"""Layers of SigLIP and of the language model."""
SAM_BLOCKS = ((1, 1), (3, 1), (1, 2))
"""Windowed and global blocks of SAM's encoder."""
COUNTS = (10, 25, 50, 100)
"""Objects."""
STEPS = 3
"""Sequential steps that are run in one go."""
PROMPT = PerceptionPrompt(tuple(range(14)), tuple(range(14, 36)), tuple(range(36, 46)))
"""46 tokens around the image, as in the chat template of LLaVA-OneVision."""

Parts = dict[str, Callable[[], object]]


def our_parts(config: RoseConfig, model: Qwen2ForCausalLM) -> Parts:
    """``siglip/LAYERS``, ``projector``, ``prefill/LAYERS``, ``sam/WINDOWED+GLOBAL``, ``masks N``,
    which both sides have, and ``objectness``, ``mask embeddings``, ``names N/LAYERS``.

    ``model``: the language model with as many layers as the largest depth.
    """
    return {
        **_vision_parts(config, model.dtype),
        **_language_parts(config, model),
        **_mask_parts(config, model.dtype),
    }


def step_parts(config: RoseConfig, model: Qwen2ForCausalLM, contexts: tuple[int, ...]) -> Parts:
    """``steps CONTEXT/LAYERS``: sequential steps that see so many tokens."""
    parts: Parts = {}
    for layers in DEPTHS:
        cut = shallower(model, config.language, layers)
        for length in contexts:
            context = random_context(config.language, length, layers, cut.dtype)
            decoder = SequentialDecoder(cut, context, STEPS)
            parts[f'steps {length}/{layers}'] = partial(decoder.decode, torch.tensor([0]), STEPS)
    return parts


def _vision_parts(config: RoseConfig, dtype: torch.dtype) -> Parts:
    pixels = _random(dtype, 1, 4, config.vision.input_size, config.vision.input_size)
    sam_pixels = _random(dtype, 1, 3, config.sam.input_size, config.sam.input_size)
    parts: Parts = {}
    for layers in DEPTHS:
        vision = config.vision.model_copy(update={'layers': layers})
        tower = randomised(partial(VisionTower, vision), dtype)
        parts[f'siglip/{layers}'] = partial(tower, pixels)
    for windowed, full in SAM_BLOCKS:
        blocks = {'layers': windowed + full, 'global_layers': tuple(range(full))}
        sam = randomised(partial(Sam, config.sam.model_copy(update=blocks)), dtype)
        parts[f'sam/{windowed}+{full}'] = partial(sam.encode, sam_pixels)
    return parts


def _language_parts(config: RoseConfig, model: Qwen2ForCausalLM) -> Parts:
    width, num_patches, dtype = config.language.width, config.vision.grid_size**2, model.dtype
    vision = config.vision.model_copy(update={'layers': 1})
    tower = randomised(partial(VisionTower, vision), dtype)
    projector = randomised(partial(Projector, config.vision.width, width), dtype)
    heads = partial(PatchAnalyzer, width, config.sam.prompt_width, config.siglip_width)
    analyzer = randomised(heads, dtype)
    states = _random(dtype, 1, num_patches, width)
    kept = states[0, : max(COUNTS)]
    parts: Parts = {
        'projector': partial(projector, _random(dtype, 1, num_patches, config.vision.width)),
        'objectness': partial(analyzer.objectness_logit, states),
        'mask embeddings': partial(analyzer.mask_embedding, kept),
    }
    for layers in DEPTHS:
        cut = shallower(model, config.language, layers)
        perception = PatchPerception(tower, projector, cut, config.language)
        decoder = CategoryDecoder(cut, chat_prompt(config.language.vocabulary), TOKENS)
        parts[f'prefill/{layers}'] = partial(perception.read, states, [PROMPT])
        for count in COUNTS:
            parts[f'names {count}/{layers}'] = partial(_name, analyzer, decoder, kept[:count])
    return parts


def _name(analyzer: PatchAnalyzer, decoder: CategoryDecoder, states: Tensor) -> object:
    return decoder.decode(analyzer.category_embedding(states))


def _mask_parts(config: RoseConfig, dtype: torch.dtype) -> Parts:
    one_block = {'layers': 1, 'global_layers': ()}
    sam = randomised(partial(Sam, config.sam.model_copy(update=one_block)), dtype)
    side = config.sam.embedding_size
    prompts = _random(dtype, max(COUNTS), config.sam.prompt_width)
    image = _random(dtype, 1, config.sam.prompt_width, side, side)
    return {
        f'masks {count}': partial(decode_masks, sam, prompts[:count], image) for count in COUNTS
    }


def _random(dtype: torch.dtype, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(3)).to(dtype)
