"""Memory of the device: weights by part, and the most that a frame takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import nn

from benchmarks.accelerator.names import category_embeddings, decoder
from benchmarks.accelerator.reading import Reading
from benchmarks.accelerator.subject import INSTRUCTION, KEPT, OBJECTS, Subject, forced_masks
from benchmarks.accelerator.timer import Timer

_GB = 1e9
_LONGEST = 12
"""Tokens of the longest name that large models may give."""


def memory(subject: Subject, timer: Timer) -> Iterator[Reading]:
    """Weights in GB, then what frames take beside them, graphs and caches included."""
    rose = subject.rose
    parts: dict[str, nn.Module] = {
        'language model': rose.perception.language_model,
        'SigLIP and projector': nn.ModuleList(
            [rose.perception.vision_tower, rose.perception.projector]
        ),
        'heads': rose.patch_analyzer,
        'SAM': rose.sam,
    }
    if rose.text_tower is not None:
        parts['text tower'] = rose.text_tower
    for name, part in parts.items():
        size = sum(weight.nbytes for weight in part.parameters())
        yield Reading(f'weights, {name}', size / _GB, 'GB')
    if rose.device.type == 'cuda':
        yield Reading('all that is held before a frame', torch.cuda.memory_allocated() / _GB, 'GB')
        for kept in (KEPT, OBJECTS):
            peak = _peak_gb(partial(_frames, subject, kept), timer)
            yield Reading(f'peak of frames, 100 masks, {kept} names', peak, 'GB')
        names = decoder(subject, _LONGEST)
        peak = _peak_gb(lambda: names.decode(category_embeddings(subject, OBJECTS)), timer)
        yield Reading(f'peak of 100 names of {_LONGEST} tokens', peak, 'GB')
        held = torch.cuda.memory_reserved() / _GB
        yield Reading('held with their graphs', held, 'GB')


def _frames(subject: Subject, kept: int) -> None:
    segmenter = subject.segmenter(OBJECTS)
    with forced_masks(subject.masks, kept):
        for _ in range(3):
            segmenter.segment(subject.image, INSTRUCTION)


def _peak_gb(run: Callable[[], object], timer: Timer) -> float:
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    run()
    timer.wait()
    return torch.cuda.max_memory_allocated() / _GB
