"""Sentences that state a category: "this is a bus", "rename it to van", "label: tram"."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rose_model.wording.clauses import QUOTE, Clause
from rose_model.wording.noun_phrases import (
    NounPhrase,
    category,
    is_plural,
    known_category,
    read_noun_phrase,
)
from rose_model.wording.patterns import compiled
from rose_model.wording.statements import Statement, read_statement
from rose_model.wording.words import ARTICLES, LABEL_WORDS, MASK_NOUNS, PLURALS

_NAMING = compiled("""
    call @pro @noun|area? as|by?
    call this|that|the|these|those ... a|an
    name it|them as?
    name this|that|these|those @noun as?
    we|people|i|they|everybody call @pro
    call|name the|its object|thing|segment|region|detection
    @classify @pro @noun? as|to
    label|tag it|them
    label|tag this|that|these|those @noun
    @classify the object|thing|segment|region|detection|one? as|to
    @classify|rename as|to
    rename|relabel|re-label|reclassify|retag ... to|as|into
    rename|relabel|re-label|retag it|them
    rename|relabel|re-label|retag this|that|these|those @noun
    @change @det? current|wrong|old|given? @label ... to|as|into|with say|read|be?
    @change @det? current|wrong|old|given? @label by|=
    use|apply|take|add|assign|write|want|need|choose|prefer the|a|as? @label
    give|assign @pro @noun? the|a @label of?
    <it> should|must have|get|carry|bear the|a @label of?
    <it> deserves|needs|gets the @label of?
    should|must|shall be|have been? be|been? @named as|to?
    needs|has|ought to be @named as|to?
    <it> ... should|must|shall be|have been? be|been? @named as|to?
    <it> ... needs|has|ought|need|have to be @named as|to?
    it|this|that|which|object|segment? should|must read|say|state
    @det? @label of|for? ... should|must|shall @adverb* be|read|say
    @det? @label of|for? ... needs|has|ought to be|read|say
    @det? @label ... be|get changed|set|corrected|switched|updated|modified|replaced \
        to|into|by|with|as
    want|need|like|have @det @label ... changed|set|corrected|switched|updated|replaced \
        to|into|by|with|as
    the|a? @right @label|word|term|answer ... is|are|was|would|should @adverb* be?
    the? term|word|expression|name for this|it|that @noun? is|would be?
    @this one? is @adverb* what we|i|people|they call
""")
"""What stands before a name, with an article or without."""
_NAMING_SURELY = compiled("""
    <it> should|must|shall @adverb* be|have been?
    <it> needs|has|ought|need|have to be
    should|must|shall @adverb* be|have been?
    needs|has|ought to be
    <it> ... be|get changed|set|corrected|switched|updated|converted|turned to|into
    <it> shows|depicts|represents
    make|turn @pro @noun? into?
    change|switch|correct|update|convert|set @pro @noun? ... to|into
    change|switch|correct|replace|convert ... to|into|with|by
    change|switch|correct|replace|rename from ... to|with|by
""")
"""What stands before a name that has an article or quotation marks, or is a common noun."""
_LABEL_ALONE = compiled("""
    the|its|new|correct|right|true|proper|actual|real|my? @right|new? @label $
    @right|new? @label name $
    the|its? @label of|for this|it|that object|segment|thing|one? $
    the|this? object|segment|thing|region|word|term $
    @label is|should|must|to be? $
    @change|use|apply|choose|take|enter|write the|its|this|that|as? new|old|correct|right? \
        @label name? to|as|with|by|into? be? $
    @right @label|word $
    should|must read|say|be $
""")
"""The name follows behind a colon."""
_NAME_FIRST = compiled("""
    is|would|should be? @adverb* the|a? @right @label|word|term|answer
""")
_TAKING = frozenset({'use', 'set', 'put', 'take', 'choose', 'enter', 'write'})
_AS_LABEL = compiled('as|for @det? new|right|correct? @label')
_COLONS = frozenset(':=-\u2013\u2014')

_Check = Callable[[NounPhrase | None], str | None]


def stated_category(clauses: Sequence[Clause], index: int) -> str | None:
    """Return the category that a clause states outright, lower case, or ``None``.

    Args:
        clauses: All clauses of the sentence: a name may stand behind a colon, or behind "but".
        index: The clause that is read.
    """
    clause = clauses[index]
    if clause.after in {'?', '/'} and not clause.asks:
        return None
    words = clause.core
    if not words:
        return None
    return (
        _by_pattern(clauses, index, words)
        or _by_statement(words)
        or _by_contrast(clauses, index, words)
        or _name_first(words)
        or _as_label(words)
    )


def _by_pattern(clauses: Sequence[Clause], index: int, words: Sequence[str]) -> str | None:
    following = clauses[index + 1] if index + 1 < len(clauses) else None
    if following is not None and clauses[index].after in _COLONS:
        behind = following.words
        alone = _LABEL_ALONE.match(words)
        if alone or _ends_naming(words):
            return _whole(behind, category)
    end = _NAMING.longest(words)
    if end is not None and end < len(words):
        return _speakable(words, end, category)
    end = _NAMING_SURELY.longest(words)
    if end is None or MASK_NOUNS & set(words[:end]):
        return None
    return _speakable(words, end, _sure_category)


def _ends_naming(words: Sequence[str]) -> bool:
    return _NAMING.longest(words) == len(words)


def _by_statement(words: Sequence[str]) -> str | None:
    statement = read_statement(words)
    if statement is None or statement.negated or statement.start >= len(words):
        return None
    phrase = read_noun_phrase(words, statement.start)
    if phrase is None or _speaks_of_the_mask(words, phrase.end):
        return None
    return _stated(words, statement, phrase)


def _stated(words: Sequence[str], statement: Statement, phrase: NounPhrase) -> str | None:
    article = words[statement.start]
    if article in ARTICLES or article == QUOTE:
        # "The car is the problem" names nothing, "this is the car" does.
        surely = statement.pronoun or article != 'the'
        asks = words[0] in {'is', 'are', 'was', 'were'} and article == 'the'
        return category(phrase) if surely and not asks else None
    if words[statement.start - 1] in {'are', 'were'} and is_plural(phrase):
        return category(phrase)
    if phrase.words[-1] in PLURALS:
        return category(phrase)
    return known_category(phrase) if statement.pronoun else None


def _by_contrast(clauses: Sequence[Clause], index: int, words: Sequence[str]) -> str | None:
    """Read "not a car but a truck", "not a car, a truck" and "a truck, not a car"."""
    before = clauses[index - 1].core if index else ()
    behind = clauses[index + 1].core if index + 1 < len(clauses) else ()
    denied = bool(_denied(before) or _denied(behind))
    if not denied:
        return None
    certain = clauses[index].before == 'but' and _denied(before)
    return _whole(words, category if certain else _sure_category)


def _denied(words: Sequence[str]) -> str | None:
    """Return the category that a clause says it is not, or ``None``."""
    statement = read_statement(words)
    start = None
    if statement is not None and statement.negated:
        start = statement.start
    elif words and words[0] in {'not', 'no'}:
        start = 1
    return None if start is None else _sure_category(read_noun_phrase(words, start))


def _name_first(words: Sequence[str]) -> str | None:
    """Read "golf cart is the right name"."""
    phrase = read_noun_phrase(words, 0)
    if phrase is None or not _NAME_FIRST.match(words, phrase.end):
        return None
    closed = NounPhrase(phrase.words, phrase.end, phrase.determined, False)
    return category(closed)


def _as_label(words: Sequence[str]) -> str | None:
    """Read "use van as the label"."""
    phrase = read_noun_phrase(words, 1) if words[0] in _TAKING else None
    if phrase is None or not _AS_LABEL.match(words, phrase.end):
        return None
    return category(NounPhrase(phrase.words, phrase.end, phrase.determined, False))


def _whole(words: Sequence[str], check: _Check) -> str | None:
    """Return the category of a clause that is a noun phrase and perhaps a place."""
    phrase = read_noun_phrase(words, 0)
    if phrase is None or LABEL_WORDS & set(words) or _speaks_of_the_mask(words, phrase.end):
        return None
    return check(phrase)


def _speakable(words: Sequence[str], start: int, check: _Check) -> str | None:
    phrase = read_noun_phrase(words, start)
    if phrase is None or _speaks_of_the_mask(words, phrase.end):
        return None
    return check(phrase)


def _sure_category(phrase: NounPhrase | None) -> str | None:
    if phrase is None:
        return None
    return category(phrase) if phrase.determined else known_category(phrase)


def _speaks_of_the_mask(words: Sequence[str], start: int) -> bool:
    """Return whether what follows a noun phrase shows that it is a part of a mask."""
    return any(word in MASK_NOUNS or word in LABEL_WORDS for word in words[start:])
