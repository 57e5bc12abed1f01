"""Every stage of a frame against the least time that an H100 could take for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

from benchmarks.accelerator import work
from benchmarks.accelerator.frames import frame_times
from benchmarks.accelerator.inputs import Inputs, make_inputs, staged
from benchmarks.accelerator.masks import post_process
from benchmarks.accelerator.names import name_times
from benchmarks.accelerator.reading import Reading
from benchmarks.accelerator.subject import KEPT, NAME_TOKENS, OBJECTS, Subject
from benchmarks.accelerator.timer import Timer
from rose_model.cuda_graph import GraphedFunction
from rose_model.mask_decoder import decode_masks
from rose_model.preprocess import make_views

ROUNDS = 50
SLOW_ROUNDS = 20


@dataclass(frozen=True)
class Stage:
    """What is run, and its least time; ``is_host``: the CPU works, too."""

    name: str
    run: Callable[[], object]
    bound_ms: float | None = None
    is_host: bool = False


def stage_table(subject: Subject, timer: Timer) -> Iterator[Reading]:
    """Stages one by one, then names and whole frames, of 100 objects and of the 30 of them that
    are no duplicates.
    """
    inputs = make_inputs(subject)
    stages = _stages(subject, inputs)
    for stage in stages:
        if stage.is_host:
            times = timer.on_clock(stage.run, SLOW_ROUNDS)
        else:
            times = timer.on_device(stage.run, ROUNDS)
        yield Reading.of(stage.name, times, stage.bound_ms)
    encode = GraphedFunction(subject.rose.perception.encode)
    graphed = timer.on_device(lambda: encode(inputs.lmm_pixels), ROUNDS)
    yield Reading.of('SigLIP and projector, CUDA graph', graphed)
    around_ms = sum(stage.bound_ms or 0.0 for stage in stages)
    for count in (OBJECTS, KEPT):
        first, step = _name_bounds_ms(subject, count)
        prompt = name_times(subject, timer, count, SLOW_ROUNDS, tokens=1)
        names = name_times(subject, timer, count, SLOW_ROUNDS)
        yield Reading.of(f'category prefill, {count} names', prompt, first)
        more = NAME_TOKENS - 1
        step_ms = (names.p50_ms - prompt.p50_ms) / more
        yield Reading(f'decode step, {count} names', step_ms, bound=step, note='by difference')
        yield Reading.of(f'category stage, {count} names', names, first + more * step)
        frame = frame_times(subject, timer, OBJECTS, SLOW_ROUNDS, kept=count)
        yield Reading.of(
            f'whole frame, {OBJECTS} masks, {count} names', frame, around_ms + first + more * step
        )


def stage_table_fp16(subject: Subject, timer: Timer) -> Iterator[Reading]:
    """The same in fp16."""
    usual = subject.rose.dtype
    try:
        subject.rose.cast(torch.float16)
        yield from stage_table(subject, timer)
    finally:
        subject.rose.cast(usual)


def _stages(subject: Subject, inputs: Inputs) -> list[Stage]:
    rose, config = subject.rose, subject.config
    perception, analyzer = rose.perception, rose.patch_analyzer
    prompt = subject.perception_prompt
    text = len(prompt.before) + len(prompt.instruction) + len(prompt.answer)
    tokens = inputs.patches.shape[1] + text
    kept = inputs.embedding[:OBJECTS]
    return [
        Stage('views of the image', lambda: make_views(subject.image, config), is_host=True),
        Stage('staging, normalised', lambda: staged(subject, inputs.views), is_host=True),
        Stage(
            'SigLIP',
            lambda: perception.vision_tower(inputs.lmm_pixels),
            work.vision_tower(config.vision).bound_ms(),
        ),
        Stage(
            'projector',
            lambda: perception.projector(inputs.features),
            work.projector(config).bound_ms(),
        ),
        Stage(
            f'prefill, {tokens} tokens',
            lambda: perception.read(inputs.patches, [prompt]),
            work.prefill(config.language, tokens).bound_ms(),
        ),
        Stage(
            'objectness of all, two heads of 100',
            lambda: (
                analyzer.objectness_logit(inputs.embedding),
                analyzer.mask_embedding(kept),
                analyzer.category_embedding(kept),
            ),
            work.heads(config, OBJECTS).bound_ms(),
        ),
        Stage(
            'SAM encoder',
            lambda: rose.sam.encode(inputs.sam_pixels),
            work.sam_encoder(config.sam).bound_ms(),
        ),
        Stage(
            'SAM decoder, 100 masks',
            lambda: decode_masks(rose.sam, inputs.mask_embedding, inputs.image_embeddings),
            work.sam_decoder(config.sam, OBJECTS).bound_ms(),
        ),
        Stage(
            'post-processing, 100 masks of 1080p',
            lambda: post_process(subject, inputs.views.geometry),
            is_host=True,
        ),
    ]


def _name_bounds_ms(subject: Subject, count: int) -> tuple[float, float]:
    """Of the prompts of so many names, and of one token more."""
    prompt, language = subject.category_prompt, subject.config.language
    before, after = len(prompt.before), len(prompt.after) + 1
    return (
        work.names(language, count, before, after).bound_ms(),
        work.step(language, count, before + after + 2).bound_ms(),
    )
