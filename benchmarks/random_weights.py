"""Models with random weights, made within seconds: for time, never shown as results."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn
from transformers import Qwen2ForCausalLM
from transformers.initialization import no_init_weights

from rose_model.backbones.lmm import build_language_model
from rose_model.config import LanguageConfig
from rose_model.rose import Rose

_BLOCK = 1_048_583
"""Numbers that are drawn; a prime, so that no two rows of a matrix begin at the same of them."""
_SCALE = 0.02
"""Of weights in Qwen2 at the start of its training."""

Module = TypeVar('Module', bound=nn.Module)


def randomised(build: Callable[[], Module], dtype: torch.dtype = torch.bfloat16) -> Module:
    """A built module for inference, its weights random numbers of ``dtype``.

    Drawing billions of numbers would take minutes, so a million of them are repeated.  Biases are
    0, weights of norms 1.  Buffers keep their precision: positions in bfloat16 would be wrong.
    """
    with no_init_weights():
        module = build()
    block = (_SCALE * torch.randn(_BLOCK, generator=torch.Generator().manual_seed(0))).to(dtype)
    start = 0
    for name, parameter in module.named_parameters():
        if parameter.ndim > 1:
            parameter.data = _tile(block, start, parameter.shape)
            start = (start + parameter.numel()) % _BLOCK
        else:
            value = 0.0 if name.endswith('bias') else 1.0
            parameter.data = torch.full(parameter.shape, value, dtype=dtype)
    return module.requires_grad_(False).eval()


def random_language_model(
    config: LanguageConfig, dtype: torch.dtype = torch.bfloat16
) -> Qwen2ForCausalLM:
    """Qwen2 of that size."""
    model = randomised(lambda: build_language_model(config), dtype)
    model.tie_weights()  # left out where nothing is initialised
    return model


def random_rose(build: Callable[[], Rose], dtype: torch.dtype = torch.bfloat16) -> Rose:
    """A whole ROSE model."""
    rose = randomised(build, dtype)
    rose.perception.language_model.tie_weights()
    return rose


def shallower(model: Qwen2ForCausalLM, config: LanguageConfig, layers: int) -> Qwen2ForCausalLM:
    """The first ``layers`` of a language model, with its embeddings and its head; the weights are
    shared.
    """
    with torch.device('meta'):
        cut = build_language_model(config.model_copy(update={'layers': layers}))
    weights: dict[str, Tensor] = model.state_dict()
    cut.load_state_dict({name: weights[name] for name in cut.state_dict()}, assign=True)
    cut.model.rotary_emb = model.model.rotary_emb
    cut.requires_grad_(False).eval()
    return cut


def _tile(block: Tensor, start: int, shape: torch.Size) -> Tensor:
    """The block over and over, from ``start`` on, in that shape."""
    tiled = torch.empty(shape, dtype=block.dtype)
    flat, place = tiled.view(-1), 0
    while place < len(flat):
        piece = block[start:][: len(flat) - place]
        flat[place : place + len(piece)] = piece
        place, start = place + len(piece), 0
    return tiled
