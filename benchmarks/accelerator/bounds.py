"""The least time that a GPU could take for each stage of a frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from benchmarks.accelerator.subject import NAME_TOKENS, OBJECTS, Subject
from benchmarks.hardware import Hardware
from rose_model.work import Load, Work, decode_step, frame_work

_BYTES = 2  # of a weight in half precision
_H100 = Hardware(flops=800e12, bandwidth=3.35e12, value_bytes=_BYTES)
"""What large products in half precision reach, and how fast memory is read by the data sheet."""
_H200 = Hardware(flops=800e12, bandwidth=4.8e12, value_bytes=_BYTES)


def gpu_limits() -> Hardware:
    """Those of this machine's GPU if they are known, or else those of an H100."""
    name = torch.cuda.get_device_name() if torch.cuda.is_available() else ''
    return _H200 if 'H200' in name else _H100


def stage_bounds_ms(subject: Subject, names: int = OBJECTS) -> dict[str, list[float]]:
    """Milliseconds of each pass of each stage, by the names of ``work.frame_work``; 100 masks, and
    so many names.
    """
    question, category = subject.perception_prompt, subject.category_prompt
    load = Load(
        text_tokens=len((*question.before, *question.instruction, *question.answer)),
        objects=OBJECTS,
        prefix=len(category.before),
        suffix=1 + len(category.after),
        name_tokens=NAME_TOKENS,
    )
    stages = frame_work(subject.config, load)
    if names != OBJECTS:
        fewer = frame_work(subject.config, replace(load, objects=names))
        stages = {**stages, 'names': fewer['names']}
    return {stage: _bounds_ms(passes) for stage, passes in stages.items()}


def sequential_step_ms(subject: Subject, context: int) -> float:
    """Milliseconds of one token behind so many others."""
    return _bounds_ms([decode_step(subject.config.language, 1, context)])[0]


def _bounds_ms(passes: Sequence[Work]) -> list[float]:
    limits = gpu_limits()
    return [1e3 * limits.bound_s(work.flops, work.values) for work in passes]
