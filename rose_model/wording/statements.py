"""Sentences of the form "this is ...", and the polite words in front of others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rose_model.wording.clauses import PLEASE, QUOTE, Clause
from rose_model.wording.patterns import compiled
from rose_model.wording.words import (
    ADVERBS,
    ARTICLES,
    CLAUSE_STARTERS,
    CLAUSE_VERBS,
    COPULAS,
    GENERIC,
    LABEL_WORDS,
    MASK_NOUNS,
    NEGATIONS,
    OPENERS,
    STOPS,
    THIS,
)

_REQUESTS = compiled("""
    can|could|would|will you|we also|maybe|perhaps|kindly? be? so? kind|able|nice? and|to?
    can|could|may i get|ask|have you to?
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
    would|do you? mind
    mind|consider
    try to
    i would? say|suggest|propose|recommend|rather that?
    time to
    do not forget to
    the best is|would to|be? to?
    to
""")
_OPINIONS = compiled("""
    i told|tell you that?
    i am telling you that?
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
_GERUNDS: dict[tuple[str, ...], str] = {
    ('renaming',): 'rename',
    ('relabelling',): 'relabel',
    ('relabeling',): 'relabel',
    ('calling',): 'call',
    ('naming',): 'name',
    ('labelling',): 'label',
    ('labeling',): 'label',
    ('tagging',): 'tag',
    ('marking',): 'mark',
    ('classifying',): 'classify',
    ('changing',): 'change',
    ('setting',): 'set',
    ('correcting',): 'correct',
    ('deleting',): 'delete',
    ('removing',): 'remove',
    ('erasing',): 'erase',
    ('discarding',): 'discard',
    ('dropping',): 'drop',
    ('getting',): 'get',
    ('taking',): 'take',
    ('adding',): 'add',
    ('segmenting',): 'segment',
    ('including',): 'include',
    ('extending',): 'extend',
    ('shrinking',): 'shrink',
    ('excluding',): 'exclude',
    ('cutting',): 'cut',
}
_WISHES = compiled("""
    i would rather|prefer|like|love that|if|it? if? you
    i wish you
    i would appreciate it? if you
    it would be ... if you
""")
_PASTS: dict[tuple[str, ...], str] = {
    ('called',): 'call',
    ('named',): 'name',
    ('labelled',): 'label',
    ('labeled',): 'label',
    ('renamed',): 'rename',
    ('changed',): 'change',
    ('deleted',): 'delete',
    ('removed',): 'remove',
    ('erased',): 'erase',
    ('dropped',): 'drop',
    ('added',): 'add',
    ('segmented',): 'segment',
    ('included',): 'include',
    ('excluded',): 'exclude',
    ('made',): 'make',
}
_ASKING = frozenset({'can', 'could', 'would', 'will', 'may'})
_HOW_ABOUT = frozenset({('how', 'about'), ('what', 'about')})
_NO_SUBJECTS = (
    LABEL_WORDS
    | MASK_NOUNS
    | NEGATIONS
    | frozenset(
        [
            'problem',
            'issue',
            'mistake',
            'error',
            'question',
            'reason',
            'trouble',
            'point',
            'best',
            'worst',
            'only',
            'if',
            'why',
            'how',
            'when',
            'same',
        ]
    )
)
_MAX_SUBJECT_WORDS = 9
_NOT = frozenset({'not', 'no', 'never'})
_BEHIND_COPULA = ADVERBS | _NOT | frozenset({'longer'})
_ALL = frozenset({'all', 'both', 'most'})
_SUBJECTS = THIS | {'the', 'object', 'segment', 'thing', 'region', 'detection', 'selection'}
_PERSONS = frozenset({'you', 'we', 'i', 'this', 'that', 'it'})
_RELATIVES = frozenset({'that', 'which', 'you', 'we', 'i'})


@dataclass(frozen=True)
class Statement:
    """A clause that says what something is.

    Attributes:
        copula: The index of the "is".
        start: The index behind the copula and the adverbs.
        negated: The copula has a "not" or a "no".
        pronoun: The subject is "this", "it" or "the object", and no noun of its own.
    """

    copula: int
    start: int
    negated: bool
    pronoun: bool


def peeled(clause: Clause) -> Clause:
    """Return a clause with its core: no greetings, polite frames and opinions in front of it."""
    words, asks, start = clause.words, clause.before in PLEASE, 0
    while start < len(words):
        words, start = _plain_verb(words, start)
        end = _REQUESTS.longest(words, start)
        asks = asks or (end is not None and words[start] in _ASKING)
        end = end or _OPINIONS.longest(words, start) or _behind_opener(words, start)
        if end == start:
            break
        start = end
    return replace(clause, core=words[start:], asks=asks)


def _plain_verb(words: tuple[str, ...], start: int) -> tuple[tuple[str, ...], int]:
    """Return the words with "would you mind deleting", "I wish you deleted" as "delete"."""
    if words[start : start + 2] in _HOW_ABOUT and words[start + 2 : start + 3] in _GERUNDS:
        start += 2
    verb = _GERUNDS.get(words[start : start + 1])
    wish = _WISHES.longest(words, start)
    if wish is not None and words[wish : wish + 1] in _PASTS:
        start, verb = wish, _PASTS[words[wish : wish + 1]]
    if verb is None:
        return words, start
    return (*words[:start], verb, *words[start + 1 :]), start


def read_statement(words: Sequence[str]) -> Statement | None:
    """Return what is said with "is" about a subject at the start of a clause, or ``None``."""
    if not words:
        return None
    copula = _main_copula(words)
    if copula is None:
        return None
    subject = words[:copula]
    while subject and (subject[0] in _ALL or (subject[0] == 'of' and len(subject) < copula)):
        subject = subject[1:]
    if not subject or (len(subject) == 1 and subject[0] in THIS):
        return _behind_copula(words, copula, True)
    describes = subject[0] == 'what' and len(subject) > 1 and subject[1] in _PERSONS
    if not describes and subject[0] not in _SUBJECTS:
        return None
    head = _head(subject)
    if not describes and any(word in _NO_SUBJECTS for word in head):
        return None
    pronoun = describes or any(word in GENERIC for word in head)
    return _behind_copula(words, copula, pronoun)


def _main_copula(words: Sequence[str]) -> int | None:
    """Return where the verb of the clause is: behind "what we are looking at" the last one."""
    near = words[:_MAX_SUBJECT_WORDS]
    copulas = [index for index, word in enumerate(near) if word in COPULAS]
    if not copulas:
        return None
    before = near[: copulas[-1]]
    relative = words[0] == 'what' or any(word in _RELATIVES for word in before[1:])
    return copulas[-1] if relative and words[0] not in COPULAS else copulas[0]


def _head(subject: Sequence[str]) -> Sequence[str]:
    """Return a subject up to the place or the clause that describes it."""
    end = next((i for i, word in enumerate(subject) if i and word in STOPS), len(subject))
    return subject[:end]


def _behind_copula(words: Sequence[str], copula: int, pronoun: bool) -> Statement:
    index, negated = copula + 1, False
    while index < len(words) and words[index] in _BEHIND_COPULA:
        negated = negated or words[index] in _NOT
        index += 1
    return Statement(copula, index, negated, pronoun)


def _behind_opener(words: Sequence[str], start: int) -> int:
    """Return the index behind a word at ``start`` that says nothing, or ``start``."""
    following = words[start + 1] if start + 1 < len(words) else ''
    opens = words[start] in OPENERS or (words[start] == 'do' and following in CLAUSE_VERBS)
    if words[start] == 'no':
        opens = following in CLAUSE_STARTERS | ARTICLES | OPENERS | {QUOTE}
    return start + opens
