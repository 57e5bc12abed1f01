"""The other way to masks and names with the same weights: one token after another behind the image
(LISA's ``<SEG>`` decoding), against all objects at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor
from transformers import StaticCache

from benchmarks.accelerator.bounds import sequential_step_ms
from benchmarks.accelerator.frames import frame_times
from benchmarks.accelerator.inputs import Inputs, make_inputs
from benchmarks.accelerator.names import name_times
from benchmarks.accelerator.reading import Reading
from benchmarks.accelerator.subject import KEPT, OBJECTS, Subject
from benchmarks.accelerator.timer import Timer
from benchmarks.ratios.sequential import read_context
from rose_model.cuda_graph import CudaGraph

TOKENS = (100, 200, 600)
"""Tokens for 100 objects: a bare ``<SEG>`` each; a name of one token, too; a name of four, a
``<SEG>`` and a comma.
"""
ROUNDS = 50
ROUNDS_OF_FRAMES = 10
FEW = 10
"""Names of a frame with few of them."""
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
        read, token = read_context(self._model, embeds)
        context = embeds.shape[1]
        slots = _MULTIPLE * -(-(context + tokens) // _MULTIPLE)
        self._cache = StaticCache(config=self._model.config, max_cache_len=slots)
        for number, (keys, values) in enumerate(read):
            self._cache.update(keys, values, number)
        self._slots = torch.arange(slots, device=embeds.device)
        self._position = torch.full((1, 1), context, device=embeds.device)
        self.token = token[:, None]
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
    ours = {
        kept: frame_times(subject, timer, OBJECTS, ROUNDS_OF_FRAMES, kept).p50_ms
        for kept in (FEW, KEPT, OBJECTS)
    }
    for kept, frame_ms in ours.items():
        yield Reading(f'our frame, {OBJECTS} masks, {kept} names', frame_ms)
    names_ms = name_times(subject, timer, OBJECTS, ROUNDS_OF_FRAMES).p50_ms
    shared_ms = ours[OBJECTS] - names_ms
    yield Reading('our frame without its names', shared_ms)
    context = inputs.embedding.shape[0] + TOKENS[-1] // 2
    bound_ms = sequential_step_ms(subject, context)
    last = {TOKENS[-1]: _eager_ms(subject, timer, inputs)}
    each_ms = last[TOKENS[-1]] / TOKENS[-1]
    yield Reading('step, eager, growing cache', each_ms, rounds=TOKENS[-1], bound=bound_ms)
    yield from _against(ours, shared_ms, last, 'eager')
    decoder = SequentialDecoder(subject, inputs, TOKENS[-1] + 2 * ROUNDS)
    step = timer.on_device(decoder.step, ROUNDS)
    yield Reading.of('step, static cache, CUDA graph', step, bound_ms)
    yield from _against(ours, shared_ms, _steps_ms(decoder, timer), 'CUDA graph')
    one_more_ms = (ours[OBJECTS] - ours[FEW]) / (OBJECTS - FEW)
    more = TOKENS[-1] / OBJECTS * step.p50_ms / one_more_ms
    yield Reading('R3: one more name over ours, CUDA graph', more, 'x')


def _against(
    ours_ms: dict[int, float], shared_ms: float, tokens_ms: dict[int, float], how: str
) -> Iterator[Reading]:
    for tokens, spent_ms in tokens_ms.items():
        frame_ms = shared_ms + spent_ms
        yield Reading(f'frame with {tokens} sequential tokens, {how}', frame_ms)
        for kept in (OBJECTS, KEPT):
            ratio = frame_ms / ours_ms[kept]
            yield Reading(f'R1: it over ours with {kept} names, {how}', ratio, 'x')


def _steps_ms(decoder: SequentialDecoder, timer: Timer) -> dict[int, float]:
    """Time of the first 100, 200, 600 steps of one run, by the clock."""
    spent_ms, total_ms, done = {}, 0.0, 0
    for tokens in TOKENS:
        total_ms += timer.once_ms(partial(_repeat, decoder.step, tokens - done))
        spent_ms[tokens], done = total_ms, tokens
    return spent_ms


def _repeat(run: Callable[[], object], times: int) -> None:
    for _ in range(times):
        run()


def _eager_ms(subject: Subject, timer: Timer, inputs: Inputs) -> float:
    """Time of 600 tokens as ``respond`` decodes them, without the pass over the image."""
    read_ms = timer.on_clock(lambda: respond(subject, inputs, 1), rounds=3).p50_ms
    return timer.once_ms(lambda: respond(subject, inputs, TOKENS[-1] + 1)) - read_ms


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
