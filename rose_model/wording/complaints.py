"""Sentences that complain about a name and state no other."""

from __future__ import annotations

from collections.abc import Sequence

from rose_model.wording.clauses import Clause
from rose_model.wording.noun_phrases import (
    NounPhrase,
    category,
    known_category,
    read_noun_phrase,
    subject_of,
)
from rose_model.wording.patterns import compiled
from rose_model.wording.statements import read_statement
from rose_model.wording.words import LABEL_WORDS, THIS

_ELSE = compiled("""
    something else|different|other
    a|some different|another|other object|thing|kind|category|sort|animal|vehicle
    wrong object|thing|kind|type|sort|animal|vehicle|word|term|noun
    look|guess again
    wrong to call|say
    nothing like a|an
    look|looks|looked @adverb* like a|an
    more like
    might|may|could be|also a|an
    seems|appears|used to be a|an
    can|could|will|would not? be a|an
    maybe|perhaps|probably|possibly|likely a|an|it|this|that
    not @think @this is
    not @think that @this is
    mistaken|confused|mixed|mistook this|it|up|with|for
""")
_FIRST = compiled("""
    what|who is this|that|it|these|those
    what kind|sort|type of
    is|are @this @adverb* not? a|an|the|really|supposed|meant
    is|are @this @adverb* not? a|an
    do|does you? think @this is a|an
    are you sure @this is
    not @label
""")
_NO_COMPLAINTS = frozenset({'day', 'off', 'quits', 'back', 'me', 'us', 'him', 'her', 'later'})


def complaint(clause: Clause) -> tuple[bool, str | None]:
    """Return whether a clause complains about a name, and the noun that it says is wrong."""
    words = clause.core
    if not words:
        return False, None
    if _supposes(words):
        return True, subject_of(words)
    denied = denied_category(words)
    if denied is not None:
        return True, denied
    about = _ELSE.occur(words) or _FIRST.match(words)
    named = bool(LABEL_WORDS & set(words)) and not (
        words[0] == 'call' and _NO_COMPLAINTS & set(words)
    )
    if not about and not named:
        return False, None
    return True, subject_of(words)


def _supposes(words: Sequence[str]) -> bool:
    """Return whether a clause names with a doubt: "it is a car or a van", "it is a car?"."""
    statement = read_statement(words)
    if (
        statement is None
        or not statement.pronoun
        or words[statement.start : statement.start + 1] not in (('a',), ('an',))
    ):
        return False
    phrase = read_noun_phrase(words, statement.start)
    if phrase is None or words[phrase.end : phrase.end + 1] == ('of',):
        return False
    return category(NounPhrase(phrase.words, phrase.end, True, False)) is not None


def denied_category(words: Sequence[str]) -> str | None:
    """Return the category that the segment is said not to be: "this is not a car"."""
    statement = read_statement(words)
    if statement is not None and statement.negated and statement.pronoun:
        start = statement.start
    elif words[0] in THIS and words[1:2] in (('not',), ('no',)):
        start = 2
    elif words[0] in {'not', 'no'} and words[1:2] != ('the',):
        start = 1
    else:
        return None
    phrase = read_noun_phrase(words, start)
    if phrase is None:
        return None
    closed = NounPhrase(phrase.words, phrase.end, phrase.determined, False)
    says_no = words[start - 1] == 'no' and start > 1
    return category(closed) if phrase.determined or says_no else known_category(closed)
