"""CamVid's training frames as numbered samples, over and over, each time changed anew."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rose_model.data.camvid import CLASSES, CamVid
from rose_model.data.sample import Sample
from rose_model.data.streets import TRAINING_SIZE
from rose_model.training.augmentation import augment
from rose_model.training.sources import Source, drawn
from rose_model.training.tasks import Task, dense_task

COMMON = ('sky', 'building', 'road', 'pavement', 'tree')
"""They cover 89 % of the labelled pixels of ``train``."""


def camvid(root: Path, split: str = 'train') -> Source:
    """The frames of ``ROOT/SPLIT``, in an order that each round draws anew.

    They are asked for as a whole only: parts of a class are no objects that words could tell
    apart.

    Raises:
        DataError: the frames cannot be read.
    """
    frames = CamVid(root, split)

    def read(number: int) -> Sample:
        return augment(frames[drawn(number, len(frames))], number, TRAINING_SIZE)

    return Source(
        read=read,
        tasks=_dense_alone,
        vocabulary=CLASSES,
        nouns=CLASSES,
        common_nouns=COMMON,
        attributes=(),
        max_masks=9,
    )


def _dense_alone(_: int, sample: Sample, rng: np.random.Generator) -> tuple[Task, ...]:
    return (dense_task(sample, rng),)
