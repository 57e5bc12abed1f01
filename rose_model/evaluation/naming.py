"""Names of found things, for pairs of attribute and noun that training showed, and others."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from rose_model.data.sample import LabelledRegion
from rose_model.data.street_backdrop import STUFF
from rose_model.data.streets import HELD_OUT
from rose_model.data.streets import THINGS as KINDS
from rose_model.evaluation.figures import Figures, Tally
from rose_model.evaluation.frames import Found, Frame, Segments, find
from rose_model.evaluation.lexicon import open_lexicon
from rose_model.evaluation.names import normalise
from rose_model.evaluation.related_naming import RelatedNaming


def is_unseen(region: LabelledRegion) -> bool:
    """Whether training never showed this attribute at this noun."""
    return (region.attribute, region.noun) in HELD_OUT


class Naming:
    """Of large things found, the share whose generated name is right, for seen and unseen pairs.

    ``name_exact_*``: letter by letter; ``name_normalised_*``: after plural forms and synonyms;
    ``noun_exact_*`` and ``attribute_exact_*``: by half.  ``name_not_in_vocabulary``: share of the
    names that are none of ``vocabulary``, the full names that the data may have.  The figures of
    ``RelatedNaming``, by lexical relations, stand beside them.
    """

    def __init__(self, vocabulary: Collection[str]) -> None:
        self._vocabulary = frozenset(vocabulary)
        self._tally = Tally()
        self._related = RelatedNaming(open_lexicon(), (*KINDS, *STUFF))

    def add(self, frame: Frame) -> None:
        """Judge the names of one frame."""
        self._related.add(frame)
        found = [item for item in frame.found_things if frame.is_large(item.index)]
        regions = frame.sample.regions
        for unseen, ending in ((False, 'seen'), (True, 'unseen')):
            pairs = [
                (item.segment.category, regions[item.index])
                for item in found
                if is_unseen(regions[item.index]) == unseen
            ]
            self._tally.add_items(
                {
                    f'name_exact_{ending}': (name == region.name for name, region in pairs),
                    f'name_normalised_{ending}': (
                        normalise(name) == normalise(region.name) for name, region in pairs
                    ),
                    f'noun_exact_{ending}': (
                        f' {name}'.endswith(f' {region.noun}') for name, region in pairs
                    ),
                    f'attribute_exact_{ending}': (
                        name.startswith(f'{region.attribute} ')
                        for name, region in pairs
                        if region.attribute
                    ),
                }
            )
        strangers = (item.segment.category not in self._vocabulary for item in found)
        self._tally.add_items({'name_not_in_vocabulary': strangers})

    def figures(self) -> Figures:
        """Shares of the found."""
        return {**self._tally.figures(), **self._related.figures()}


class NearestNaming:
    """``name_nearest_*``: the same share where the name is not generated, but the one of
    ``vocabulary`` that is nearest in the space of SigLIP's text tower.

    Each frame is segmented once more, with the vocabulary as candidates.
    """

    def __init__(self, segmenter: Segments, vocabulary: Sequence[str]) -> None:
        self._segmenter = segmenter
        self._vocabulary = tuple(vocabulary)
        self._tally = Tally()

    def add(self, frame: Frame) -> None:
        """Judge the names of one frame."""
        sample = frame.sample
        context = frame.segmentation.context
        answer = self._segmenter.segment(context, candidates=self._vocabulary)
        things = [segment for segment in answer.segments if segment.is_thing]
        found = find(sample, things, is_thing=True)
        found = [item for item in found if frame.is_large(item.index)]
        self._tally.add_items(
            {
                'name_nearest_seen': _right(found, sample.regions, unseen=False),
                'name_nearest_unseen': _right(found, sample.regions, unseen=True),
            }
        )

    def figures(self) -> Figures:
        """Shares of the found."""
        return self._tally.figures()


def _right(
    found: Sequence[Found], regions: Sequence[LabelledRegion], *, unseen: bool
) -> list[bool]:
    return [
        item.segment.category == regions[item.index].name
        for item in found
        if is_unseen(regions[item.index]) == unseen
    ]
