"""Logged corrections among the samples of another source, so that what was learned stays."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from rose_model.data.corrections import CorrectedSample, LoggedCorrections
from rose_model.data.sample import Sample
from rose_model.training.sources import Source, drawn
from rose_model.training.tasks import Task


def with_corrections(source: Source, root: Path) -> Source:
    """The source with a logged correction as every second sample, in an order that each round
    draws anew.

    Of such a sample nothing is asked but what the correction said.

    Raises:
        DataError: the corrections cannot be read.
    """
    log = LoggedCorrections(root)

    def read(number: int) -> Sample:
        if number % 2 == 0:
            return source.read(number)
        return log[drawn(number // 2, len(log))]

    def tasks(number: int, sample: Sample, rng: np.random.Generator) -> tuple[Task, ...]:
        if isinstance(sample, CorrectedSample):
            return (correction_task(sample),)
        return source.tasks(number, sample, rng)

    return replace(
        source,
        read=read,
        tasks=tasks,
        vocabulary=tuple(dict.fromkeys((*source.vocabulary, *log.names))),
        nouns=tuple(dict.fromkeys((*source.nouns, *log.names))),
    )


def correction_task(sample: CorrectedSample) -> Task:
    """What was said, as the question that it was to the model.

    A mask that nobody has spoken about is not taught.  Of a deletion the model learns that nothing
    in the place of the deleted segment answers to what the frame had been asked for; of the rest
    of the image it learns nothing.
    """
    if sample.target is None:
        return Task(sample.instruction, (), is_selective=True)
    return Task(
        sample.instruction,
        (sample.target,),
        is_selective=True,
        mask=sample.given,
        teaches_masks=sample.changes_mask,
    )
