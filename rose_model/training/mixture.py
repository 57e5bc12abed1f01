"""Several sources as one, each with its rate."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from rose_model.data.sample import Sample
from rose_model.training.sources import Source
from rose_model.training.tasks import Task

_DRAWS = 79
"""Keeps the order of a round apart from other draws of the same number."""


def mixture(parts: Sequence[tuple[Source, int]]) -> Source:
    """A source that draws from each of several in proportion to its rate.

    A round is as long as the sum of the rates and has exactly as many samples of each source as
    its rate, in an order that each round draws anew.  The samples of a source follow each other
    without a gap, so that all of them come before one comes again.  Questions are those of the
    sample's own source, with its own vocabulary: what is no name there may be one elsewhere.
    """
    sources = [source for source, _ in parts]
    rates = np.array([rate for _, rate in parts])
    ends = np.cumsum(rates)

    def place(number: int) -> tuple[Source, int]:
        """The source of a sample, and the sample's number there."""
        turn, slot = divmod(number, int(ends[-1]))
        order = np.random.default_rng((turn, _DRAWS)).permutation(int(ends[-1]))
        drawn = int(order[slot])
        part = int(np.searchsorted(ends, drawn, side='right'))
        return sources[part], turn * int(rates[part]) + drawn - int(ends[part] - rates[part])

    def read(number: int) -> Sample:
        source, own = place(number)
        return source.read(own)

    def tasks(number: int, sample: Sample, rng: np.random.Generator) -> tuple[Task, ...]:
        source, own = place(number)
        return source.tasks(own, sample, rng)

    def united(names: Callable[[Source], Iterable[str]]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for source in sources for name in names(source)))

    kept = {source.kept_patches for source in sources}
    return Source(
        read=read,
        tasks=tasks,
        vocabulary=united(lambda source: source.vocabulary),
        nouns=united(lambda source: source.nouns),
        common_nouns=united(lambda source: source.common_nouns),
        attributes=united(lambda source: source.attributes),
        max_masks=max(source.max_masks for source in sources),
        # Fewer patches are a shortcut for one kind of image: all of them serve every kind.
        kept_patches=kept.pop() if len(kept) == 1 else None,
    )
