"""The other way to masks and names with the same weights: one token after another behind the image
(LISA's ``<SEG>`` decoding), against all objects at once.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import torch
from torch import Tensor
from transformers import DynamicCache, StaticCache
from transformers.cache_utils import DynamicLayer

from benchmarks.accelerator.frames import frame_times
from benchmarks.accelerator.inputs import Inputs, make_inputs
from benchmarks.accelerator.names import name_times
from benchmarks.accelerator.reading import Reading
from benchmarks.accelerator.subject import OBJECTS, Subject
from benchmarks.accelerator.timer import Timer
from rose_model.cuda_graph import CudaGraph

TOKENS = (100, 200, 600)
"""Tokens for 100 objects: a bare ``<SEG>`` each; a name of one token, too; a name of four, a
``<SEG>`` and a comma.
"""
ROUNDS = 50
_ROUNDS_OF_FRAMES = 10
_MULTIPLE = 64
"""Of the places for keys, for fast kernels."""


class SequentialDecoder:
    """Greedy decoding at batch 1 behind an image: a step reads all weights for one token.

    Keys and values have their place beforehand, and on a GPU the step is a CUDA graph: as fast as
    we can make it.
    """

    def __init__(self, subject: Subject, inputs: Inputs, tokens: int) -> None:
        self._model = subject.rose.perception.language_model
        embeds = _prompt(subject, inputs.patches)
        hidden, cache = _prefill(subject, embeds)
        context = embeds.shape[1]
        slots = _MULTIPLE * -(-(context + tokens) // _MULTIPLE)
        self._cache = StaticCache(config=self._model.config, max_cache_len=slots)
        for number, (keys, values) in enumerate(cache):
            self._cache.update(keys, values, number)
        self._slots = torch.arange(slots, device=embeds.device)
        self._position = torch.full((1, 1), context, device=embeds.device)
        self.token = self._model.lm_head(hidden[:, -1]).argmax(-1, keepdim=True)
        self.step = CudaGraph(self._step) if embeds.is_cuda else self._step

    def _step(self) -> None:
        """Read the token, and put the next one in its place."""
        hidden = self._model.model(
            inputs_embeds=self._model.model.embed_tokens(self.token),
            attention_mask={'full_attention': (self._slots <= self._position)[None, None]},
            position_ids=self._position,
            past_key_values=self._cache,
            use_cache=True,
        ).last_hidden_state
        self.token.copy_(self._model.lm_head(hidden[:, -1]).argmax(-1, keepdim=True))
        self._position.add_(1)


def sequential(subject: Subject, timer: Timer) -> Iterator[Reading]:
    """Steps and whole frames of the sequential way, and how many times ours fits into them.

    What both ways do, from the image to 100 masks, is taken from our frame, streams and graphs
    included; so the other way has all that we made faster.
    """
    inputs = make_inputs(subject)
    ours = frame_times(subject, timer, OBJECTS, _ROUNDS_OF_FRAMES).p50_ms
    shared_ms = ours - name_times(subject, timer, OBJECTS, _ROUNDS_OF_FRAMES).p50_ms
    yield Reading('our frame, 100 objects', ours)
    yield Reading('the same without names', shared_ms)
    eager = _eager_ms(subject, timer, inputs)
    yield Reading('step, eager, growing cache', eager / TOKENS[-1], note='mean of 600')
    yield from _against(ours, shared_ms, {TOKENS[-1]: eager}, 'eager')
    decoder = SequentialDecoder(subject, inputs, TOKENS[-1] + 2 * ROUNDS)
    yield Reading.of('step, static cache, CUDA graph', timer.on_device(decoder.step, ROUNDS))
    yield from _against(ours, shared_ms, _steps_ms(decoder, timer), 'static cache, CUDA graph')


def _against(
    ours_ms: float, shared_ms: float, tokens_ms: dict[int, float], how: str
) -> Iterator[Reading]:
    for tokens, spent_ms in tokens_ms.items():
        frame_ms = shared_ms + spent_ms
        yield Reading(f'frame with {tokens} sequential tokens, {how}', frame_ms)
        yield Reading(f'R1: it over ours, {tokens} tokens, {how}', frame_ms / ours_ms, 'x')


def _steps_ms(decoder: SequentialDecoder, timer: Timer) -> dict[int, float]:
    """Time of the first 100, 200, 600 steps of one run, by the clock."""
    timer.wait()
    start_s, spent_ms = time.perf_counter(), {}
    for number in range(1, TOKENS[-1] + 1):
        decoder.step()
        if number in TOKENS:
            timer.wait()
            spent_ms[number] = 1e3 * (time.perf_counter() - start_s)
    return spent_ms


def _eager_ms(subject: Subject, timer: Timer, inputs: Inputs) -> float:
    """Time of 600 tokens as ``respond`` decodes them, without the pass over the image."""
    read = timer.on_clock(lambda: respond(subject, inputs, 1), rounds=3).p50_ms
    timer.wait()
    start_s = time.perf_counter()
    respond(subject, inputs, TOKENS[-1] + 1)
    timer.wait()
    return 1e3 * (time.perf_counter() - start_s) - read


def respond(subject: Subject, inputs: Inputs, tokens: int) -> list[int]:
    """So many tokens after the prompt, eagerly, with a cache that grows."""
    return subject.rose.perception.respond(
        inputs.patches, subject.perception_prompt, end=-1, max_new_tokens=tokens
    )


def _prompt(subject: Subject, patches: Tensor) -> Tensor:
    prompt = subject.perception_prompt
    table = subject.rose.perception.language_model.model.embed_tokens
    before, after = (
        table(torch.tensor([ids], device=patches.device))
        for ids in (prompt.before, (*prompt.instruction, *prompt.answer))
    )
    return torch.cat((before, patches, after), dim=1)


def _prefill(subject: Subject, embeds: Tensor) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
    """The last states, and keys and values of each layer."""
    model = subject.rose.perception.language_model.model
    cache = DynamicCache(config=model.config)
    output = model(inputs_embeds=embeds, past_key_values=cache, use_cache=True, is_causal=False)
    layers = [layer for layer in cache.layers if isinstance(layer, DynamicLayer)]
    return output.last_hidden_state, [
        (layer.keys, layer.values)
        for layer in layers
        if layer.keys is not None and layer.values is not None
    ]
