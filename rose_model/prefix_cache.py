"""Keys and values of N equal prompts: their common beginning is run once, the rest has its place
beforehand.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import Cache, DynamicCache, Qwen2Model
from transformers.cache_utils import DynamicLayer


class _ReservedLayer(DynamicLayer):
    """A layer whose keys and values are written into memory that was reserved for ``length``
    tokens: nothing is copied when a token comes, and addresses stay as they are.
    """

    keys: Tensor
    values: Tensor

    def __init__(self, keys: Tensor, values: Tensor, count: int, length: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.dtype, self.device = keys.dtype, keys.device
        self._reserved_keys = _reserve(keys, count, length)
        self._reserved_values = _reserve(values, count, length)
        self.is_initialized = True
        self.rewind(keys.shape[2])

    def rewind(self, length: int) -> None:
        """Forget what comes after ``length`` tokens."""
        self.keys = self._reserved_keys[:, :, :length]
        self.values = self._reserved_values[:, :, :length]

    def update(
        self, key_states: Tensor, value_states: Tensor, *_args: object, **_kwargs: object
    ) -> tuple[Tensor, Tensor]:
        """Write behind what is there; all keys and values so far."""
        start = self.keys.shape[2]
        end = start + key_states.shape[2]
        self._reserved_keys[:, :, start:end] = key_states
        self._reserved_values[:, :, start:end] = value_states
        self.rewind(end)
        return self.keys, self.values


class PrefixCache(Cache):
    """A cache for ``count`` rows that all begin with ``prefix``, the keys and values ``[1, H, T,
    W]`` of each layer, and grow to at most ``length`` tokens.
    """

    def __init__(self, prefix: Sequence[tuple[Tensor, Tensor]], count: int, length: int) -> None:
        self._reserved = [_ReservedLayer(keys, values, count, length) for keys, values in prefix]
        super().__init__(layers=[*self._reserved])

    def rewind(self, length: int) -> None:
        """Forget what comes after ``length`` tokens, to write other ones there."""
        for layer in self._reserved:
            layer.rewind(length)


def run_prefix(
    model: Qwen2Model, ids: Sequence[int], device: torch.device
) -> list[tuple[Tensor, Tensor]]:
    """The keys and values of a beginning: ``[1, H, T, W]`` each, of every layer."""
    cache = DynamicCache(config=model.config)
    model(
        input_ids=torch.tensor([list(ids)], device=device), past_key_values=cache, use_cache=True
    )
    return [
        (layer.keys, layer.values)
        for layer in cache.layers
        if isinstance(layer, DynamicLayer) and layer.keys is not None and layer.values is not None
    ]


def _reserve(prefix: Tensor, count: int, length: int) -> Tensor:
    _, heads, tokens, width = prefix.shape
    reserved = prefix.new_empty(count, heads, length, width)
    reserved[:, :, :tokens] = prefix
    return reserved
