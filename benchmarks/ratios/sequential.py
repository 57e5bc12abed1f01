"""Sequential <SEG> decoding, the way of LISA and its kin, with our weights: one token after
another, each of which sees the whole image.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import DynamicCache, Qwen2ForCausalLM
from transformers.cache_utils import DynamicLayer

from rose_model.config import LanguageConfig
from rose_model.prefix_cache import PrefixCache

Context = Sequence[tuple[Tensor, Tensor]]
"""Keys and values ``[1, H, T, W]`` of each layer."""


class SequentialDecoder:
    """Greedy generation of one sequence after a ``context``, into memory reserved for
    ``most_tokens`` more.
    """

    def __init__(self, model: Qwen2ForCausalLM, context: Context, most_tokens: int) -> None:
        self._model = model
        self._length = context[0][0].shape[2]
        self._cache = PrefixCache(context, 1, self._length + most_tokens)

    def decode(self, token: Tensor, count: int) -> Tensor:
        """The ``count`` tokens that follow ``token`` ``[1]``; each call begins after the context
        again.
        """
        self._cache.rewind(self._length)
        ids = []
        for _ in range(count):
            output = self._model.model(
                inputs_embeds=self._model.model.embed_tokens(token)[:, None],
                past_key_values=self._cache,
                use_cache=True,
            )
            token = self._model.lm_head(output.last_hidden_state[:, -1]).argmax(-1)
            ids.append(token)
        return torch.cat(ids)


def read_context(model: Qwen2ForCausalLM, embeds: Tensor) -> tuple[Context, Tensor]:
    """What a prompt ``[1, T, D]`` leaves behind, all of which sees all of it, and the token
    ``[1]`` after it.
    """
    cache = DynamicCache(config=model.config)
    output = model.model(
        inputs_embeds=embeds, past_key_values=cache, use_cache=True, is_causal=False
    )
    context = [
        (layer.keys, layer.values)
        for layer in cache.layers
        if isinstance(layer, DynamicLayer) and layer.keys is not None and layer.values is not None
    ]
    return context, model.lm_head(output.last_hidden_state[:, -1]).argmax(-1)


def random_context(
    config: LanguageConfig, length: int, layers: int, dtype: torch.dtype
) -> Context:
    """A context of that length without the pass that would make it: for time."""
    generator = torch.Generator().manual_seed(2)

    def draw() -> Tensor:
        shape = (1, config.kv_heads, length, config.width // config.heads)
        return torch.randn(shape, generator=generator).to(dtype)

    return [(draw(), draw()) for _ in range(layers)]
