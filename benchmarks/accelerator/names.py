"""The category stage three ways: ``generate()`` of transformers, our loop, our loop recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from unittest import mock

import torch
from torch import Tensor

from benchmarks.accelerator.reading import Reading
from benchmarks.accelerator.subject import NAME_TOKENS, OBJECTS, Subject
from benchmarks.accelerator.timer import Timer, Times
from rose_model import category_decoder
from rose_model.category_decoder import CategoryDecoder

ROUNDS = 20


def names_three_ways(subject: Subject, timer: Timer) -> Iterator[Reading]:
    """100 names of 4 tokens, and which share of their tokens is the same."""
    embedding = category_embeddings(subject, OBJECTS)
    ways: dict[str, tuple[Callable[[Tensor], list[list[int]]], AbstractContextManager[object]]] = {
        "transformers' generate()": (lambda rows: generate(subject, rows), nullcontext()),
        'our loop, eager': (_loop(subject), without_graphs()),
    }
    if embedding.is_cuda:
        ways['our loop, CUDA graphs'] = (_loop(subject), nullcontext())
    reference = None
    for name, (way, around) in ways.items():
        with around:
            ids = torch.tensor(way(embedding))
            times = timer.on_clock(lambda way=way: way(embedding), ROUNDS)  # type: ignore[misc]
        reference = ids if reference is None else reference
        same = float((ids == reference).float().mean())
        yield Reading.of(name, times, note=f'{100 * same:.1f} % of tokens as the first')


def category_embeddings(subject: Subject, count: int) -> Tensor:
    """So many embeddings ``[N, D]`` at the scale of tokens, from random objects."""
    generator = torch.Generator(subject.rose.device).manual_seed(0)
    width = subject.config.language.width
    objects = torch.randn(count, width, device=subject.rose.device, generator=generator)
    return subject.rose.patch_analyzer.category_embedding(objects.to(subject.rose.dtype))


def decoder(subject: Subject, tokens: int = NAME_TOKENS) -> CategoryDecoder:
    """A decoder that gives every name so many tokens."""
    return CategoryDecoder(subject.rose.perception.language_model, subject.category_prompt, tokens)


def name_times(
    subject: Subject, timer: Timer, count: int, rounds: int, tokens: int = NAME_TOKENS
) -> Times:
    """Times of so many names of so many tokens."""
    embedding, ours = category_embeddings(subject, count), decoder(subject, tokens)
    return timer.on_clock(lambda: ours.decode(embedding), rounds)


def without_graphs() -> AbstractContextManager[object]:
    """Inside, a decoder that is used for the first time launches each of its passes itself."""
    return mock.patch.object(category_decoder, 'CudaGraph', lambda work, _pool: work)


def generate(subject: Subject, embedding: Tensor) -> list[list[int]]:
    """The same names as anybody would have them from transformers."""
    model, prompt = subject.rose.perception.language_model, subject.category_prompt
    before, after = (
        model.model.embed_tokens(torch.tensor([ids], device=embedding.device)).expand(
            len(embedding), -1, -1
        )
        for ids in (prompt.before, prompt.after)
    )
    ids = model.generate(  # type: ignore[misc]  # its self is typed as another class
        inputs_embeds=torch.cat((before, embedding[:, None], after), dim=1),
        max_new_tokens=NAME_TOKENS,
        do_sample=False,
    )
    rows: list[list[int]] = torch.as_tensor(ids).tolist()
    return rows


def _loop(subject: Subject) -> Callable[[Tensor], list[list[int]]]:
    ours = decoder(subject)
    return lambda rows: ours.decode(rows).token_ids
