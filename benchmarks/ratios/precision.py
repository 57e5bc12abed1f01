"""bfloat16 (AMX where there is one) against float32, the same weights (R12).

Qwen2-7B's width, two layers: the pass over 2,350 tokens, and a decode step of 100 names of 40
tokens without ``lm_head``.  The states may differ by 3 % of their size (root mean square):
bfloat16 keeps 8 bits, and some twenty roundings add up.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor
from transformers import Qwen2ForCausalLM, Qwen2Model

from benchmarks.random_weights import shallower
from benchmarks.ratios.category_task import OBJECTS, PREFIX, SUFFIX, TOKENS, language_model
from benchmarks.ratios.frame import contexts
from benchmarks.ratios.ratio import Ratio, compare
from benchmarks.ratios.sequential import random_context
from rose_model.config import LanguageConfig
from rose_model.prefix_cache import PrefixCache
from rose_model.presets import rose_7b

LAYERS = 2
TOLERANCE = 0.03


def r12() -> list[Ratio]:
    """Prefill, and a decode step."""
    model, config = language_model(torch.bfloat16)
    half, single = bodies(model, config)
    tokens, _ = contexts(rose_7b())
    return [
        compare(
            'prefill in bfloat16, against float32',
            partial(prefill, half, draw(1, tokens, half)),
            partial(prefill, single, draw(1, tokens, single)),
            is_close,
        ),
        compare(
            'decode step in bfloat16, against float32',
            partial(decode_step, half, draw(OBJECTS, 1, half), make_cache(half, config)),
            partial(decode_step, single, draw(OBJECTS, 1, single), make_cache(single, config)),
            is_close,
        ),
    ]


def bodies(model: Qwen2ForCausalLM, config: LanguageConfig) -> tuple[Qwen2Model, Qwen2Model]:
    """The same layers in bfloat16 and in float32; neither has embeddings, which nobody reads."""
    half, single = (shallower(model, config, LAYERS).model for _ in range(2))
    for body in (half, single):
        body.embed_tokens = torch.nn.Embedding(1, 1, dtype=model.dtype)
    return half, single.float()


def prefill(body: Qwen2Model, embeds: Tensor) -> Tensor:
    """States of a pass in which every token sees every other."""
    states: Tensor = body(inputs_embeds=embeds, use_cache=False, is_causal=False).last_hidden_state
    return states


def decode_step(body: Qwen2Model, embeds: Tensor, cache: PrefixCache) -> Tensor:
    """States of one token more in every row."""
    cache.rewind(PREFIX + SUFFIX + TOKENS - 1)
    states: Tensor = body(
        inputs_embeds=embeds, past_key_values=cache, use_cache=True
    ).last_hidden_state
    return states


def make_cache(body: Qwen2Model, config: LanguageConfig) -> PrefixCache:
    """What a hundred names leave behind before their last token, the same for both precisions."""
    length = PREFIX + SUFFIX + TOKENS
    context = random_context(config, length - 1, LAYERS, torch.bfloat16)
    context = [(keys.to(body.dtype), values.to(body.dtype)) for keys, values in context]
    return PrefixCache(context, OBJECTS, length)


def draw(rows: int, tokens: int, body: Qwen2Model) -> Tensor:
    """Embeddings, the same for both precisions."""
    generator = torch.Generator().manual_seed(5)
    embeds = torch.randn(rows, tokens, body.config.hidden_size, generator=generator)
    return embeds.bfloat16().to(body.dtype)


def is_close(ours: Tensor, other: Tensor) -> bool:
    """Differences are small as a whole, beside the states."""
    return float((ours.float() - other).norm() / other.norm()) < TOLERANCE
