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
_GERUNDS = {
    'renaming': 'rename',
    'relabelling': 'relabel',
    'relabeling': 'relabel',
    'calling': 'call',
    'naming': 'name',
    'labelling': 'label',
    'labeling': 'label',
    'tagging': 'tag',
    'marking': 'mark',
    'classifying': 'classify',
    'changing': 'change',
    'setting': 'set',
    'correcting': 'correct',
    'deleting': 'delete',
    'removing': 'remove',
    'erasing': 'erase',
    'discarding': 'discard',
    'dropping': 'drop',
    'getting': 'get',
    'taking': 'take',
    'adding': 'add',
    'segmenting': 'segment',
    'including': 'include',
    'extending': 'extend',
    'shrinking': 'shrink',
    'excluding': 'exclude',
    'cutting': 'cut',
}
_WISHES = compiled("""
    i would rather|prefer|like|love that|if|it? if? you
    i wish you
    i would appreciate it? if you
    it would be ... if you
""")
_PASTS = {
    'called': 'call',
    'named': 'name',
    'labelled': 'label',
    'labeled': 'label',
    'renamed': 'rename',
    'changed': 'change',
    'deleted': 'delete',
    'removed': 'remove',
    'erased': 'erase',
    'dropped': 'drop',
    'added': 'add',
    'segmented': 'segment',
    'included': 'include',
    'excluded': 'exclude',
    'made': 'make',
}
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
_PERSONS = frozenset({'you', 'we', 'i'})
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


def peeled(clause: Clause) -> tuple[tuple[str, ...], bool]:
    """Return the words without greetings, polite frames and opinions in front of them.

    Returns:
        The words that are left, and whether a question in front of them asks for an action.
    """
    words, asks = clause.words, clause.before in PLEASE
    while words:
        if words[:2] in _HOW_ABOUT and words[2:] and words[2] in _GERUNDS:
            words = words[2:]
        if words[0] in _GERUNDS:
            words = (_GERUNDS[words[0]], *words[1:])
        wish = longest_match(_WISHES, words)
        if wish is not None and words[wish:] and words[wish] in _PASTS:
            words = (_PASTS[words[wish]], *words[wish + 1 :])
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


def _opener(words: Sequence[str]) -> int:
    """Return how many words at the start say nothing, zero or one."""
    if words[0] in OPENERS:
        return 1
    if words[0] == 'do' and words[1:2] and words[1] in CLAUSE_VERBS:
        return 1
    if words[0] == 'no' and len(words) > 1:
        following = words[1]
        starts = following in CLAUSE_STARTERS or following in ARTICLES or following in OPENERS
        return int(starts or following == QUOTE)
    return 0
