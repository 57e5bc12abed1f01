"""Where training images come from: numbered samples, each determined by its number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rose_model.data.sample import Sample
from rose_model.data.street_backdrop import STUFF
from rose_model.data.street_descriptions import describe_thing
from rose_model.data.streets import SEEN_PAIRS, render_scene
from rose_model.training.tasks import Describe

RENDER_SIZE = (192, 256)


@dataclass(frozen=True)
class Source:
    """``read(number)`` gives a sample; ``vocabulary`` holds all the names of its regions;
    ``describe`` tells a thing from all others in words.
    """

    read: Callable[[int], Sample]
    vocabulary: tuple[str, ...]
    describe: Describe


def streets() -> Source:
    """Procedural streets, without the pairs of attribute and noun that are held out."""
    names = [f'{word} {noun}' for noun, words in SEEN_PAIRS.items() for word in words]
    return Source(_street, (*names, *STUFF), describe_thing)


def _street(number: int) -> Sample:
    return render_scene(number, RENDER_SIZE, pairs=SEEN_PAIRS)
