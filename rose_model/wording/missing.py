"""Sentences about what has no segment yet: "you missed the dog", "add the mask of the dog"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rose_model.wording.clauses import Clause
from rose_model.wording.noun_phrases import (
    NounPhrase,
    category,
    read_noun_phrase,
    without_ranks,
)
from rose_model.wording.patterns import compiled
from rose_model.wording.words import (
    ARTICLES,
    DETERMINERS,
    LABEL_NOUNS,
    MASK_NOUNS,
    MASS_NOUNS,
    NO_CATEGORY,
    PARTS,
)

_BEFORE = compiled("""
    you|we|it|they have|also|still|just|totally|completely|again|again* @miss out?
    @miss
    you|it have|has|did|do|does|also|still|even* not also|even|yet* see|segment|find|detect|
        mark|segmented|detected|found|marked|get|notice|seen|recognize|recognise|spot
    you|it left out
    there is|are|was|were also|still? one|also|still|yet* more|another|other|further|additional?
    here is|are @adverb* one? more|another?
    where is|are
    what|how about
    also|now|then|additionally|and* mask|segment|annotate|outline|find|detect|mark|add also|
        too|now|me*
    i|we? add|create|draw|make|need|want|give|generate|produce|missing|provide|show|have me|us|
        also? a|the|another|one|new|separate|own? more? @outline|@noun for|of|on|around|over
    there is|was no|not a|any|yet? @outline|detection for|of|on|around|over
    no @outline|detection for|of|on|around|over
    the? result|results|segmentation|picture|image|output|list|prediction|frame lacks|misses|
        omits|lack|lacking|missing
    i|we miss|lack
    i|we can|do not see|find a|the|any? mask|masks|segment for|of|on
    i|we want|need|see|have|got also|have? segmented?
    i|we am|are missing
    do|please not forget
    not forget|miss|ignore|skip
    forgetting|missing|lacking|missed
""")
"""What stands before the thing that was missed."""
_BEHIND = compiled("""
    is|are|was|were @adverb* @missing $
    is|are|was|were @adverb* @missing in|from|on|by|here|too|again|yet|left|and
    is|are|was|were @adverb* left out
    has|have|had|is|are|was|were @adverb* not @adverb* yet? been|being? yet? @segmented
    has|have|is|are|was|were been|being? @miss
    has|have no mask|segment|segmentation|outline|detection
    does|do not have a|any mask|segment|segmentation|outline
    has|have been? not|never been? @segmented
    still|also needs|lacks a|its|to mask|segment|be
    needs a|its|to mask|segment|be segmented|masked
    should|must|needs also|to|be* segmented|masked|detected too|also|as $
    should|must also be segmented|masked|detected|added|included
    not segmented|detected|found|marked $
    missing $
""")
"""What stands behind the thing that was missed."""
_UNNAMED = compiled("""
    @mark|add the|a? target|marked|clicked|indicated|selected|missing|new|missed|another? \
        region|object|thing|one|target|instance|area|item
    @mark|add it|this|that|something|them|these|those one|object|thing|region|too|also|as|well|
        ones|area?* $
    @mark|add this|that|these|those one|object|thing|region|area|ones
    add what is|you ...
    also segment|annotate|mask|mark|add
    you|we|it have|also|still|just* @miss
    there is|are @adverb* something|someone|somebody|one|another|more here|there|else|missing|
        in|on|at|behind|under|next|near|too|also|left|right
    there is|are @adverb* a|an|another|one|some more|other|second|third? object|thing|objects|
        things|one
    there is|are @adverb* something|another|someone|somebody|more $
    the? result|results|segmentation lacks|misses|lack|miss an|one|some|a object|thing|objects|
        something|one
    <it> has|have|was|were|is not @adverb* been? @segmented
    an|a|one|another|some|this|the|that|it object|thing|one|something|objects|things? is|are|
        was @adverb* @missing $
    something is missing $
""")
"""What says that something was missed, and not what."""
_AGAIN = compiled("""
    again|anew|afresh|better|precisely|accurately|properly|correctly|tightly|carefully|cleanly|
        exactly
    more|less accurately|precisely|carefully|tightly|closely|exactly|accurate|precise
    one|once more
""")
_ALL = frozenset(
    {'image', 'picture', 'scene', 'photo', 'frame', 'all', 'every', 'everything', 'each', 'whole'}
    | {'regions'}
)
_NO_THINGS = NO_CATEGORY | LABEL_NOUNS | MASK_NOUNS | PARTS
_ADDED_TO = compiled("""
    to the|this|its|your mask|segment|segmentation|outline|object|selection|region
    to it|this|that
    in|inside|within|into @det @outline
    of the|this|it|that
""")


@dataclass(frozen=True)
class Missed:
    """Something that has no segment: its category and how it is spoken of, where they are said."""

    label: str | None = None
    subject: str | None = None


def missed(clauses: Sequence[Clause], index: int) -> Missed | None:
    """Return what a clause says was missed, or ``None`` where it says no such thing.

    Args:
        clauses: All clauses: the category may follow as an apposition, as in the paper's
            "segment the target region, a red car".
        index: The clause that is read.
    """
    words = clauses[index].core
    if not words or _AGAIN.occur(words):
        return None
    found = _named_behind(words) or _named_before(words)
    if found is not None:
        return found
    if not _UNNAMED.match(words) or _is_about_the_mask(words):
        return None
    return _apposition(clauses, index) or Missed()


def _is_about_the_mask(words: Sequence[str]) -> bool:
    return any(
        word in MASK_NOUNS or word in LABEL_NOUNS or word in PARTS or word in _ALL
        for word in words[: _first_with(words)]
        if word not in {'result', 'results', 'segmentation'}
    )


def _first_with(words: Sequence[str]) -> int:
    return list(words).index('with') if 'with' in words else len(words)


def _named_behind(words: Sequence[str]) -> Missed | None:
    end = _BEFORE.longest(words)
    return None if end is None else _thing(words, end)


def _named_before(words: Sequence[str]) -> Missed | None:
    phrase = read_noun_phrase(words, 1 if words[0] in DETERMINERS - ARTICLES else 0)
    if phrase is None:
        return None
    position = phrase.end
    while position < len(words) and not _BEHIND.match(words, position):
        position += 1
    behind_place = position < len(words) and (phrase.determined or position == phrase.end)
    return _missed(phrase) if behind_place else None


def _thing(words: Sequence[str], start: int) -> Missed | None:
    phrase = read_noun_phrase(words, start)
    if phrase is None or _ADDED_TO.match(words, phrase.end):
        return None
    return _missed(phrase)


def _missed(phrase: NounPhrase) -> Missed | None:
    words_of_no_thing = _ALL | LABEL_NOUNS | MASK_NOUNS
    if phrase.words[-1] in _NO_THINGS or words_of_no_thing & set(phrase.words):
        return None
    bare = without_ranks(phrase)
    closed = NounPhrase(bare.words, bare.end, _is_determined(phrase), False)
    label = category(closed)
    return Missed(label, phrase.text) if label is not None else None


def _is_determined(phrase: NounPhrase) -> bool:
    return phrase.determined or phrase.words[-1] in MASS_NOUNS or phrase.words[-1].endswith('s')


def _apposition(clauses: Sequence[Clause], index: int) -> Missed | None:
    if index + 1 == len(clauses) or clauses[index].after != ',':
        return None
    words = clauses[index + 1].words
    if words[0] not in ARTICLES:
        return None
    phrase = read_noun_phrase(words, 0)
    return None if phrase is None else _missed(phrase)
