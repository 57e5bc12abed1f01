"""CamVid's training frames as numbered samples, over and over."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rose_model.data.camvid import CLASSES, CamVid
from rose_model.data.sample import Sample
from rose_model.training.sources import Source


def camvid(root: Path) -> Source:
    """The frames of ``root/train`` as they are, in an order that each round draws anew.

    Raises:
        DataError: the frames cannot be read.
    """
    frames = CamVid(root, 'train')

    def read(number: int) -> Sample:
        turn, index = divmod(number, len(frames))
        return frames[int(np.random.default_rng(turn).permutation(len(frames))[index])]

    return Source(read, CLASSES, _no_description)


def _no_description(_: Sample, index: int, rng: np.random.Generator) -> None:
    """Parts of a class are no objects that words could tell apart."""
