"""Sentences of the form "this is ...", and the polite words in front of others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rose_model.wording.clauses import PLEASE, QUOTE, Clause
from rose_model.wording.patterns import compiled, longest_match
from rose_model.wording.words import (
    ADVERBS,
    ARTICLES,
    CLAUSE_STARTERS,
    COPULAS,
    GENERIC,
    LABEL_WORDS,
    MASK_NOUNS,
    NEGATIONS,
    OPENERS,
    THIS,
)

_REQUESTS = compiled("""
    can|could|would|will you also|maybe|perhaps|kindly? be? so? kind|able|nice? and|to?
    can|could|may i ask|get? you|to? to?
    i would|d like|prefer|love|want you? to
    i want|need|wish|ask|beg|request you? to
    i would like|ask you? to
    you should|can|may|must|could|might also|just|better?
    you have|need|ought to
    we should|can|must|could|need to?
    let us
    go ahead and
    feel free to
    make sure that|to
    try to
    i would say|suggest|propose|rather? that?
    time to
    do not forget to
    the best is|would to|be? to?
    to
""")
_OPINIONS = compiled("""
    i told you that?
    i @think|would @think? that? so?
    i am @adverb* pretty? sure|certain|positive|confident that?
    we|people @think that?
    in my|our opinion|view|eyes|humble opinion?
    to|for me
    you are @adverb* wrong|mistaken
    the|my point is that
    no doubt that?
    i can see|tell that
    i see that
""")
_NO_SUBJECTS = LABEL_WORDS | MASK_NOUNS | NEGATIONS | frozenset(
    'problem issue mistake error question reason trouble point best worst only if why how when same'.split()
)
_MAX_SUBJECT_WORDS = 9
_WHAT = frozenset({('what', 'you'), ('what', 'we'), ('what', 'i')})


@dataclass(frozen=True)
class Statement:
    """A clause that says what something is.

    Attributes:
        start: The index behind the copula and the adverbs.
        negated: The copula has a "not" or a "no".
        pronoun: The subject is "this", "it" or "the object", and no noun of its own.
    """

    start: int
    negated: bool
    pronoun: bool


def peeled(clause: Clause) -> tuple[tuple[str, ...], bool]:
    """Return the words without greetings, polite frames and opinions in front of them.

    Returns:
        The words that are left, and whether a question in front of them asks for an action.
    """
    words, asks = clause.words, clause.before in PLEASE
    while words:
        end = longest_match(_REQUESTS, words)
        asks = asks or (end is not None and words[0] in {'can', 'could', 'would', 'will', 'may'})
        end = end or longest_match(_OPINIONS, words) or _opener(words)
        if not end:
            break
        words = words[end:]
    return words, asks


def read_statement(words: Sequence[str]) -> Statement | None:
    """Return what is said with "is" about a subject at the start of a clause, or ``None``."""
    if not words:
        return None
    copula = next((i for i, word in enumerate(words[:_MAX_SUBJECT_WORDS]) if word in COPULAS), None)
    if copula is None:
        return None
    subject = words[:copula]
    if len(subject) > 1 and subject[-1] == 'there':
        return None
    if not subject:
        pronoun = True
    elif len(subject) == 1 and subject[0] in THIS:
        pronoun = True
    elif subject[0] in THIS | {'the'} or tuple(subject[:2]) in _WHAT:
        if any(word in _NO_SUBJECTS for word in subject):
            return None
        pronoun = any(word in GENERIC for word in subject) or tuple(subject[:2]) in _WHAT
    else:
        return None
    return _behind_copula(words, copula + 1, pronoun)


def _behind_copula(words: Sequence[str], index: int, pronoun: bool) -> Statement:
    negated = False
    while index < len(words) and (words[index] in ADVERBS or words[index] in {'not', 'no', 'never'}):
        negated = negated or words[index] in {'not', 'no', 'never'}
        index += 1
    return Statement(index, negated, pronoun)


def _opener(words: Sequence[str]) -> int:
    """Return how many words at the start say nothing, zero or one."""
    if words[0] in OPENERS:
        return 1
    if words[0] == 'no' and len(words) > 1:
        following = words[1]
        starts = following in CLAUSE_STARTERS or following in ARTICLES or following in OPENERS
        return int(starts or following == QUOTE)
    return 0
