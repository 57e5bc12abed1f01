"""Descriptions of what an image does not show, and of what it does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rose_model.data.sample import Sample
from rose_model.data.street_descriptions import describe_thing
from rose_model.errors import NotUnderstoodError, RefinementError
from rose_model.evaluation.clicked_things import SENTENCE
from rose_model.evaluation.figures import Figures, Tally
from rose_model.evaluation.frames import Frame, Refers, Refines
from rose_model.evaluation.rows import RefersAndRefines
from rose_model.evaluation.unseen_sentences import SENSELESS_UNSEEN, foreign_nouns_of
from rose_model.records import Segmentation
from rose_model.training.distractors import absent_description

ABSENT_PER_FRAME = {'vocabulary': 2, 'foreign': 2, 'senseless': 1}
"""Descriptions of each kind that a frame is asked for."""
PRESENT_PER_FRAME = 2
_SIDES = ('', '', '', ' on the left', ' on the right')
_DRAWS = 9


@dataclass(frozen=True)
class Absent:
    """What stands for something absent.

    Attributes:
        vocabulary: Names that images may show; those that an image does show are left out.
        nouns: Nouns that no image shows.
        senseless: Sentences about nothing in any image.
    """

    vocabulary: Sequence[str]
    nouns: Sequence[str]
    senseless: Sequence[str]

    def draw(self, sample: Sample, rng: np.random.Generator) -> dict[str, list[str]]:
        """Return descriptions of what an image does not show, by their kind; those of names and
        nouns have an article.
        """
        drawn = {
            'vocabulary': lambda: absent_name(sample, self.vocabulary, rng),
            'foreign': lambda: absent_description(sample, (), rng, nouns=self.nouns),
            'senseless': lambda: self.senseless[int(rng.integers(len(self.senseless)))],
        }
        return {
            kind: [drawn[kind]() for _ in range(count)] for kind, count in ABSENT_PER_FRAME.items()
        }


def absent_name(sample: Sample, vocabulary: Sequence[str], rng: np.random.Generator) -> str:
    """Return ``'the blue truck on the left'`` where the image has no blue truck.

    Half of the names are of a noun that the image shows with another attribute, if it can be.
    """
    present = {region.name for region in sample.regions}
    nouns = {region.noun for region in sample.regions}
    absent = [name for name in vocabulary if name not in present | nouns]
    kin = [name for name in absent if any(name.endswith(f' {noun}') for noun in nouns)]
    pool = kin if kin and rng.random() < 0.5 else absent
    name, side = pool[int(rng.integers(len(pool)))], _SIDES[int(rng.integers(len(_SIDES)))]
    return f'the {name}{side}'


def present_descriptions(frame: Frame, rng: np.random.Generator) -> list[tuple[str, str]]:
    """Return descriptions, and names with an article, of up to two large things that some
    description fits alone.
    """
    found = []
    for index in rng.permutation(frame.large_things):
        description = describe_thing(frame.sample, int(index), rng)
        if description is not None:
            found.append((description, f'the {frame.sample.regions[int(index)].name}'))
    return found[:PRESENT_PER_FRAME]


class AbsentDescriptions:
    """Shares of descriptions for which ``refer`` finds nothing.

    - ``refer_absent_rejected``: of what is not there; ``refer_absent_rejected_vocabulary`` of
      names that other streets have, ``_foreign`` of nouns that no street and no text of training
      has, ``_senseless`` of sentences about nothing.  Two, two and one a frame.
    - ``refer_present_lost_things``: of large things, two a frame, each described by what fits it
      alone; ``refer_present_lost`` is that of harder descriptions (``Referring``).

    The same through ``refine`` without a segment ("You missed the elephant."), one of each kind:
    ``missed_absent_rejected``, the share that is not understood, and ``missed_present_lost``, the
    share of sentences about large things that is refused for whatever reason.
    """

    def __init__(self, segmenter: RefersAndRefines, vocabulary: Sequence[str]) -> None:
        self._segmenter = segmenter
        self._absent = Absent(vocabulary, foreign_nouns_of('test'), SENSELESS_UNSEEN)
        self._tally = Tally()

    def add(self, frame: Frame) -> None:
        """Describe things to one frame."""
        rng = frame.rng(_DRAWS)
        absent = self._absent.draw(frame.sample, rng)
        present = present_descriptions(frame, rng)
        nothing = replace(frame.segmentation, segments=())
        refused = {
            kind: [not is_found(self._segmenter, frame, text) for text in descriptions]
            for kind, descriptions in absent.items()
        }
        self._tally.add_items(
            {
                'refer_absent_rejected': [each for kind in refused.values() for each in kind],
                **{f'refer_absent_rejected_{kind}': each for kind, each in refused.items()},
                'refer_present_lost_things': [
                    not is_found(self._segmenter, frame, text) for text, _ in present
                ],
                'missed_absent_rejected': [
                    is_refused(
                        self._segmenter, nothing, missed(kind, texts[0]), NotUnderstoodError
                    )
                    for kind, texts in absent.items()
                ],
                'missed_present_lost': [
                    is_refused(self._segmenter, nothing, missed('', name), RefinementError)
                    for _, name in present
                ],
            }
        )

    def figures(self) -> Figures:
        """Shares over all descriptions."""
        return self._tally.figures()


def missed(kind: str, description: str) -> str:
    """Return the sentence of somebody who missed what is described; a senseless one as it is."""
    if kind == 'senseless':
        return description
    return SENTENCE.format(category=description.removeprefix('the '))


def is_found(segmenter: Refers, frame: Frame, description: str) -> bool:
    """Return whether ``refer`` finds something by a description."""
    return bool(segmenter.refer(frame.segmentation.context, description).segments)


def is_refused(
    segmenter: Refines, frame: Segmentation, text: str, error: type[RefinementError]
) -> bool:
    """Return whether ``refine`` refuses a sentence by an error of that kind."""
    try:
        segmenter.refine(frame, text)
    except RefinementError as raised:
        return isinstance(raised, error)
    return False
