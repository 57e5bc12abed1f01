"""A category stage of Qwen2-7B's width and cut depth, with random weights that are sure of what
they say.

Where two tokens are nearly as likely, as they often are with random weights, bfloat16 decides by
how many rows a product has, and the same computation in another batch gives another name.  A
trained model is sure of most of its names; this one is taught its own (``teach_names``), so that
names can be compared token by token.  That the paths agree in fp32 on random weights that were
taught nothing is tested in ``tests/model/test_category_decoder.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor
from transformers import Qwen2ForCausalLM

from benchmarks.hardware import faster_dtype
from benchmarks.random_weights import random_language_model
from rose_model.category_decoder import CategoryDecoder
from rose_model.config import LanguageConfig
from rose_model.instructions import CategoryPrompt
from rose_model.presets import rose_7b

LAYERS = 4
OBJECTS = 100
TOKENS = 4
"""Of a name, all of them forced: the token that ends a name never wins."""
PREFIX = 24
"""Tokens of ChatML and of the question before the category embedding."""
SUFFIX = 10
"""From the category embedding on, itself included."""
_FIRST_WORD = 1000
_SURENESS = 3.0
"""Length of a taught row of ``lm_head``; other rows have 1.2."""

Names = list[list[int]]


@dataclass(frozen=True, eq=False)
class CategoryTask:
    """``embedding``: ``[N, D]``; ``names``: what the model has been taught to call them."""

    model: Qwen2ForCausalLM
    prompt: CategoryPrompt
    embedding: Tensor
    names: Names

    def decoder(self) -> CategoryDecoder:
        """Ours."""
        return CategoryDecoder(self.model, self.prompt, len(self.names[0]))


@cache
def language_model(dtype: torch.dtype) -> tuple[Qwen2ForCausalLM, LanguageConfig]:
    """Four layers of rose_7b's language model, 2 billion numbers that are shared by all that is
    measured with it.
    """
    config = rose_7b().language.model_copy(update={'layers': LAYERS})
    return random_language_model(config, dtype), config


@cache
def category_task() -> CategoryTask:
    """A hundred objects, in the type in which the machine is faster."""
    return make_task(language_model(faster_dtype())[0], OBJECTS, TOKENS)


def make_task(model: Qwen2ForCausalLM, objects: int, tokens: int) -> CategoryTask:
    """Random category embeddings, and names of that many tokens that the model is taught."""
    prompt = chat_prompt(model.config.vocab_size)
    generator = torch.Generator().manual_seed(1)
    embedding = torch.randn(objects, model.config.hidden_size, generator=generator)
    embedding = embedding.to(model.dtype)
    words = _FIRST_WORD + torch.arange(objects * tokens).view(objects, tokens)
    teach_names(model, prompt, embedding, words)
    return CategoryTask(model, prompt, embedding, words.tolist())


def chat_prompt(vocabulary: int) -> CategoryPrompt:
    """As many tokens as Qwen2's chat template has; the last of the vocabulary ends a name."""
    before, after = range(PREFIX), range(PREFIX, PREFIX + SUFFIX - 1)
    return CategoryPrompt(tuple(before), tuple(after), vocabulary - 1)


@torch.inference_mode()
def teach_names(
    model: Qwen2ForCausalLM, prompt: CategoryPrompt, embedding: Tensor, words: Tensor
) -> None:
    """Let the model call each embedding ``[N, D]`` by its own tokens of ``words`` ``[N, T]``.

    The row of ``lm_head`` of a token becomes the direction in which the state that is to say it
    differs from what the others have in common there.  The end token is never said.
    """
    tokens = words.shape[1]
    spoken = model.model.embed_tokens(words[:, :-1])
    embeds = torch.cat((whole_prompts(model, prompt, embedding), spoken), dim=1)
    output = model.model(inputs_embeds=embeds, use_cache=False)
    states = output.last_hidden_state[:, -tokens:].float()
    common = states.mean(0)
    basis = torch.linalg.qr(common.T).Q
    own = states - common
    own -= own @ basis @ basis.T
    rows = _SURENESS * torch.nn.functional.normalize(own, dim=-1)
    model.lm_head.weight[words] = rows.to(model.dtype)
    model.lm_head.weight[prompt.end] = 0


def whole_prompts(model: Qwen2ForCausalLM, prompt: CategoryPrompt, embedding: Tensor) -> Tensor:
    """The embeddings of every row's whole prompt, ``[N, T, D]``."""

    def embed(ids: Sequence[int]) -> Tensor:
        words: Tensor = model.model.embed_tokens(torch.tensor([list(ids)]))
        return words.expand(len(embedding), -1, -1)

    return torch.cat((embed(prompt.before), embedding[:, None], embed(prompt.after)), dim=1)
