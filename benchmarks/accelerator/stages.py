"""Every stage of a frame against the least time that the GPU could take for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

from benchmarks.accelerator.bounds import stage_bounds_ms
from benchmarks.accelerator.frames import frame_times
from benchmarks.accelerator.inputs import Inputs, make_inputs, staged
from benchmarks.accelerator.masks import post_process
from benchmarks.accelerator.names import name_times
from benchmarks.accelerator.reading import Reading
from benchmarks.accelerator.subject import KEPT, OBJECTS, Subject
from benchmarks.accelerator.timer import Timer
from rose_model.backends.torch import TorchSam
from rose_model.cuda_graph import GraphedFunction
from rose_model.mask_decoder import decode_masks
from rose_model.precision import cast
from rose_model.preprocess import make_views

ROUNDS = 50
SLOW_ROUNDS = 20


@dataclass(frozen=True)
class Stage:
    """What is run, and which of ``stage_bounds_ms`` it does; without one the CPU works, too."""

    name: str
    run: Callable[[], object]
    does: tuple[str, ...] = ()


def stage_table(subject: Subject, timer: Timer) -> Iterator[Reading]:
    """Stages one by one, then names and whole frames, of 100 objects and of the 30 of them that
    are no duplicates.
    """
    inputs = make_inputs(subject)
    bounds_ms = {stage: sum(passes) for stage, passes in stage_bounds_ms(subject).items()}
    for stage in _stages(subject, inputs):
        if stage.does:
            times = timer.on_device(stage.run, ROUNDS)
            yield Reading.of(stage.name, times, sum(bounds_ms[part] for part in stage.does))
        else:
            yield Reading.of(stage.name, timer.on_clock(stage.run, SLOW_ROUNDS))
    for count in (OBJECTS, KEPT):
        yield from _names_and_frame(subject, timer, count)


def _names_and_frame(subject: Subject, timer: Timer, count: int) -> Iterator[Reading]:
    bounds_ms = stage_bounds_ms(subject, names=count)
    first_ms, *more_ms = bounds_ms['names']
    prompt = name_times(subject, timer, count, SLOW_ROUNDS, tokens=1)
    names = name_times(subject, timer, count, SLOW_ROUNDS)
    step_ms = (names.p50_ms - prompt.p50_ms) / len(more_ms)
    yield Reading.of(f'category prefill, {count} names', prompt, first_ms)
    yield Reading(f'decode step, {count} names', step_ms, bound=more_ms[0], note='by difference')
    yield Reading.of(f'category stage, {count} names', names, sum(bounds_ms['names']))
    frame = frame_times(subject, timer, OBJECTS, SLOW_ROUNDS, kept=count)
    whole_ms = sum(sum(passes) for passes in bounds_ms.values())
    yield Reading.of(f'whole frame, {OBJECTS} masks, {count} names', frame, whole_ms)


def stage_table_fp16(subject: Subject, timer: Timer) -> Iterator[Reading]:
    """The same in fp16."""
    usual = subject.rose.dtype
    try:
        cast(subject.rose, torch.float16)
        yield from stage_table(subject, timer)
    finally:
        cast(subject.rose, usual)


def _stages(subject: Subject, inputs: Inputs) -> list[Stage]:
    rose, perception, analyzer = subject.rose, subject.rose.perception, subject.rose.patch_analyzer
    prompts, kept = [subject.perception_prompt], inputs.embedding[:OBJECTS]
    encode, graphed_sam = GraphedFunction(perception.encode), TorchSam(rose.sam)
    return [
        Stage('views of the image', lambda: make_views(subject.image, subject.config)),
        Stage('staging, normalised', lambda: staged(subject, inputs.views)),
        Stage('SigLIP', lambda: perception.vision_tower(inputs.lmm_pixels), ('SigLIP',)),
        Stage('projector', lambda: perception.projector(inputs.features), ('projector',)),
        Stage(
            'SigLIP and projector, CUDA graph',
            lambda: encode(inputs.lmm_pixels),
            ('SigLIP', 'projector'),
        ),
        Stage('prefill', lambda: perception.read(inputs.patches, prompts), ('prefill',)),
        Stage(
            'heads',
            lambda: (
                analyzer.objectness_logit(inputs.embedding),
                analyzer.mask_embedding(kept),
                analyzer.category_embedding(kept),
            ),
            ('objectness of all patches', 'mask embeddings', 'category embeddings'),
        ),
        Stage('SAM encoder', lambda: rose.sam.encode(inputs.sam_pixels), ('SAM encoder',)),
        Stage(
            'SAM encoder, CUDA graph',
            lambda: graphed_sam.encode(inputs.sam_pixels),
            ('SAM encoder',),
        ),
        Stage(
            f'SAM decoder, {OBJECTS} masks',
            lambda: decode_masks(rose.sam, inputs.mask_embedding, inputs.image_embeddings),
            ('SAM mask decoder',),
        ),
        Stage(
            f'post-processing, {OBJECTS} masks of 1080p',
            lambda: post_process(subject, inputs.views.geometry),
        ),
    ]
