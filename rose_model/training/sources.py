"""Where training images come from, and what is asked about them: numbered samples, each determined
by its number.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rose_model.data.sample import Sample
from rose_model.data.street_backdrop import STUFF
from rose_model.data.street_descriptions import describe_thing
from rose_model.data.streets import SEEN_PAIRS, THINGS, TRAINING_SIZE, render_scene
from rose_model.training.tasks import Task, choose_tasks, choose_word_tasks

Tasks = Callable[[int, Sample, np.random.Generator], tuple[Task, ...]]
"""What is asked about the sample of a number."""

KEPT_PATCHES = 64
"""A fifth of nano's patches: a question costs a fifth, and words are a large part of what is read.

Among all patches descriptions still led nowhere after 18,000 images; read so, words had an effect
after 10,000 questions, which takes four minutes on two cores.
"""


@dataclass(frozen=True)
class Source:
    """``read(number)`` gives a sample, ``tasks`` what is asked about it; both follow from the
    number.

    ``vocabulary`` holds all the names of its regions; ``nouns`` and ``attributes`` what they are
    made of, and ``common_nouns`` cover most of every image.  ``max_masks``: masks that are decoded
    for one question; more cost more than they teach.  ``kept_patches``: how many patches the
    language model reads for a question of finding alone; ``None`` for all.
    """

    read: Callable[[int], Sample]
    tasks: Tasks
    vocabulary: tuple[str, ...]
    nouns: tuple[str, ...]
    common_nouns: tuple[str, ...]
    attributes: tuple[str, ...]
    max_masks: int
    kept_patches: int | None = None


def streets(word_questions: int = 1) -> Source:
    """Procedural streets, without the pairs of attribute and noun that are held out."""

    def tasks(_: int, sample: Sample, rng: np.random.Generator) -> tuple[Task, ...]:
        return choose_tasks(
            sample, street_names(), describe_thing, rng, word_questions, closed=True
        )

    return _street_source(tasks, max_masks=8)


def street_words(word_questions: int) -> Source:
    """The same streets, about which no question brings a mask or teaches one."""

    def tasks(_: int, sample: Sample, rng: np.random.Generator) -> tuple[Task, ...]:
        return choose_word_tasks(
            sample, street_names(), describe_thing, rng, word_questions, closed=True
        )

    return _street_source(tasks, max_masks=0)


def drawn(number: int, length: int) -> int:
    """Which of ``length`` samples is number ``number``: all of them, in an order that each round
    draws anew.
    """
    turn, index = divmod(number, length)
    return int(np.random.default_rng(turn).permutation(length)[index])


def street_names() -> tuple[str, ...]:
    """All names of training, ``'red bus'`` or ``'road'``; what is held out is not among them."""
    pairs = (f'{word} {noun}' for noun, words in SEEN_PAIRS.items() for word in words)
    return (*pairs, *STUFF)


def _street_source(tasks: Tasks, max_masks: int) -> Source:
    return Source(
        read=_street,
        tasks=tasks,
        vocabulary=street_names(),
        nouns=(*THINGS, *STUFF),
        common_nouns=STUFF,
        attributes=tuple(sorted({word for kind in THINGS.values() for word in kind.attributes})),
        max_masks=max_masks,
        kept_patches=KEPT_PATCHES,
    )


def _street(number: int) -> Sample:
    return render_scene(number, TRAINING_SIZE, pairs=SEEN_PAIRS)
