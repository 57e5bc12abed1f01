"""Free names judged by lexical relations, as benchmarks of open-ended segmentation do.

A model that may say anything is not wrong when it calls a sidewalk a pavement, or a car a
minivan.  How many names are letter by letter those of the data (``name_exact_*``) stays the
first figure; these stand beside it, each relation by itself, so that nobody has to take a more
general name for a right one.

Source: Benchmarking Open-ended Segmentation, ICLR 2026, whose mapping of names to classes goes by
lexical relations, because nearness of embeddings disagrees with people.
"""

from __future__ import annotations

from collections.abc import Collection

from rose_model.data.sample import LabelledRegion
from rose_model.evaluation.figures import Figures, Tally
from rose_model.evaluation.frames import Frame
from rose_model.evaluation.lexicon import Lexicon, Relation
from rose_model.evaluation.names import normalise
from rose_model.nouns import noun_among

_RELATED = (Relation.SYNONYM, Relation.HYPONYM, Relation.HYPERNYM)


class RelatedNaming:
    """Of large things found, what the generated name is to the true one.

    ``name_related``: share whose name is exact or related; ``name_synonym``, ``name_hyponym``
    (a kind of it), ``name_hypernym`` (more general): share by relation.  The attribute of a
    region has to be said in any case.  A name with the noun of another class of the data is
    wrong, whatever WordNet says: the data tell the two apart.

    Without a lexicon there are no figures.
    """

    def __init__(self, lexicon: Lexicon | None, nouns: Collection[str]) -> None:
        self._lexicon, self._nouns = lexicon, frozenset(map(normalise, nouns))
        self._tally = Tally()

    def add(self, frame: Frame) -> None:
        """Judge the names of one frame."""
        if self._lexicon is None:
            return
        regions = frame.sample.regions
        relations = [
            name_relation(self._lexicon, item.segment.category, regions[item.index], self._nouns)
            for item in frame.found_things
            if frame.is_large(item.index)
        ]
        self._tally.add_items(
            {
                'name_related': [item is not Relation.UNRELATED for item in relations],
                **{
                    f'name_{kind.value}': [item is kind for item in relations] for kind in _RELATED
                },
            }
        )

    def figures(self) -> Figures:
        """Return shares of the found."""
        return self._tally.figures()


def name_relation(
    lexicon: Lexicon, name: str, region: LabelledRegion, nouns: Collection[str]
) -> Relation:
    """Return what a generated name is to a region's.

    Args:
        lexicon: Knows the relations.
        name: The generated name.
        region: The region that was found.
        nouns: All nouns of the data, normalised.
    """
    said = normalise(name)
    if said == normalise(region.name):
        return Relation.EXACT
    attribute = normalise(region.attribute)
    if attribute and not f' {said} '.startswith(f' {attribute} '):
        return Relation.UNRELATED
    known = noun_among(said, nouns)
    if known is not None:
        return Relation.EXACT if known == normalise(region.noun) else Relation.UNRELATED
    return lexicon.relation(lexicon.noun(name), region.noun)
