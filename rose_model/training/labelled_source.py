"""Labelled photographs as numbered samples: data sets of images, and of expressions about them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from rose_model.data.labelled import LabelledImages
from rose_model.data.refer import Referring
from rose_model.data.sample import LabelledRegion, Sample
from rose_model.data.shrink import LONGEST_SIDE, shrink
from rose_model.data.street_descriptions import describe_thing
from rose_model.errors import DataError
from rose_model.training.sources import Source, Tasks, drawn
from rose_model.training.tasks import Task, choose_tasks, referring_tasks

LEAST_SHARE = 1 / 16384
"""Regions below this share of the image are void: four pixels of 256 x 256 mask logits."""
MAX_MASKS = 16
"""Masks that are decoded for one question about a photograph."""
_TRIES = 8
"""Damaged samples in a row after which a run gives up; at one in a hundred that never happens."""

_SampleKind = TypeVar('_SampleKind', bound=Sample)
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class ReferredSample(Sample):
    """An image with an expression that means its region ``target``."""

    sentence: str
    target: int


def labelled(images: LabelledImages, word_questions: int, *, strict: bool = False) -> Source:
    """Labelled images, over and over, in an order that each round draws anew; questions of every
    task about them (paper, A.4), and where no kind is stuff, only about things.

    Things are described by their names and places.  An image that turns out to be damaged when it
    is read is told in the log, and another one of the set takes its place, always the same; with
    ``strict`` it ends the run.
    """
    vocabulary = tuple(dict.fromkeys(kind.name for kind in images.kinds))
    things_only = all(kind.is_thing for kind in images.kinds)

    def read(index: int) -> Sample:
        return seen(images[index])

    def tasks(_: int, sample: Sample, rng: np.random.Generator) -> tuple[Task, ...]:
        return choose_tasks(
            sample, vocabulary, describe_thing, rng, word_questions, things_only=things_only
        )

    return _source(images.kinds, _numbered(read, len(images), strict=strict), tasks)


def referring(expressions: Referring, *, strict: bool = False) -> Source:
    """Expressions and their images; of each it is asked what the expression means, and half of the
    time for a better mask of that.

    Order and damaged images are as in ``labelled``.
    """
    vocabulary = tuple(dict.fromkeys(kind.name for kind in expressions.kinds))

    def read(index: int) -> ReferredSample:
        example = expressions[index]
        sample = example.sample
        return ReferredSample(
            image=sample.image,
            index_map=sample.index_map,
            regions=sample.regions,
            lost=sample.lost,
            sentence=example.sentence,
            target=example.index,
        )

    def tasks(_: int, sample: Sample, rng: np.random.Generator) -> tuple[Task, ...]:
        if not isinstance(sample, ReferredSample):
            raise TypeError(f'{type(sample).__name__} is no sample of this source.')
        return referring_tasks(sample, sample.target, sample.sentence, vocabulary, rng)

    return _source(expressions.kinds, _numbered(read, len(expressions), strict=strict), tasks)


def seen(sample: Sample) -> Sample:
    """The sample as it is learned from: what is smaller than a mask can be is void."""
    return shrink(sample, LONGEST_SIDE, LEAST_SHARE)


def _source(
    kinds: tuple[LabelledRegion, ...], read: Callable[[int], Sample], tasks: Tasks
) -> Source:
    return Source(
        read=read,
        tasks=tasks,
        vocabulary=tuple(dict.fromkeys(kind.name for kind in kinds)),
        nouns=tuple(dict.fromkeys(kind.noun for kind in kinds)),
        common_nouns=tuple(dict.fromkeys(kind.noun for kind in kinds if not kind.is_thing)),
        attributes=tuple(sorted({kind.attribute for kind in kinds if kind.attribute})),
        max_masks=MAX_MASKS,
    )


def _numbered(
    read: Callable[[int], _SampleKind], length: int, *, strict: bool
) -> Callable[[int], _SampleKind]:
    def numbered(number: int) -> _SampleKind:
        index = drawn(number, length)
        for attempt in range(_TRIES):
            try:
                return read(index)
            except DataError as error:
                if strict:
                    raise
                _LOG.warning('%s Another sample takes its place.', error)
                index = int(np.random.default_rng((number, attempt)).integers(length))
        raise DataError(
            f'{_TRIES} samples in a row cannot be read; run rose data check and mend the data set.'
        )

    return numbered
