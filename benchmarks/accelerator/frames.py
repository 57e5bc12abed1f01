"""Whole frames of any number of objects, and what one object more costs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks.accelerator.inputs import make_inputs
from benchmarks.accelerator.names import name_times
from benchmarks.accelerator.reading import Reading
from benchmarks.accelerator.subject import INSTRUCTION, Subject, forced_masks
from benchmarks.accelerator.timer import Timer, Times
from rose_model.mask_decoder import decode_masks

OBJECTS = (10, 25, 50, 100)
ROUNDS = 10


def objects(subject: Subject, timer: Timer) -> Iterator[Reading]:
    """Frame, names and masks for more and more objects."""
    inputs = make_inputs(subject)
    frames_ms, names_ms = [], []
    for count in OBJECTS:
        frame = frame_times(subject, timer, count, ROUNDS)
        names = name_times(subject, timer, count, ROUNDS)
        prompts = inputs.mask_embedding[:count]
        masks = timer.on_device(
            lambda prompts=prompts: decode_masks(  # type: ignore[misc]  # of this turn
                subject.rose.sam, prompts, inputs.image_embeddings
            ),
            ROUNDS,
        )
        frames_ms.append(frame.p50_ms)
        names_ms.append(names.p50_ms)
        yield Reading.of(f'frame, {count} objects', frame)
        yield Reading.of(f'names of {count} objects', names)
        yield Reading.of(f'masks of {count} objects', masks)
    for what, times_ms in (('frame', frames_ms), ('names', names_ms)):
        slope = float(np.polyfit(OBJECTS, times_ms, 1)[0])
        yield Reading(f'one more object, {what}', slope, note='slope over 10, 25, 50, 100')


def frame_times(
    subject: Subject, timer: Timer, patches: int, rounds: int, kept: int | None = None
) -> Times:
    """Image in, segments out, by the door that users take; ``kept``: masks without duplicates."""
    segmenter = subject.segmenter(patches)
    with forced_masks(subject.masks, patches if kept is None else kept):
        return timer.on_clock(lambda: segmenter.segment(subject.image, INSTRUCTION), rounds)
