"""A text as clauses of plain words."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from rose_model.wording.words import (
    ADVERBS,
    CLAUSE_STARTERS,
    COPULAS,
    GENERIC,
    REPORTING,
    THIS,
)

QUOTE = '"'
"""How every quotation mark is written among the words."""

_BRACKETS = re.compile(r'\[[^\[\]]*\]')
_APOSTROPHES = str.maketrans(dict.fromkeys('\u2018\u2019\u02bc\uff07`\xb4', "'"))
_QUOTES = frozenset('\'"“”„«»')
_JOINERS = frozenset("'-\u2011")
PLEASE = frozenset({'please', 'pls', 'plz'})
_TURNS = frozenset({'but', 'because', 'cause', 'cuz', 'whereas'})
_ALL = frozenset({'nothing', 'all', 'anything', 'everything', 'everywhere', 'no', 'none'})
"""Before "but" they make it "except"."""
_FILLERS = frozenset({('in', 'fact'), ('of', 'course'), ('for', 'sure'), ('without', 'doubt')})
_HUMS = frozenset({'uh', 'um', 'er', 'erm', 'uhm', 'hm', 'hmm'})
_FULL_FORMS = {
    'thats': 'that is',
    'theres': 'there is',
    'whats': 'what is',
    'isnt': 'is not',
    "ain't": 'is not',
    'aint': 'is not',
    'arent': 'are not',
    'wasnt': 'was not',
    'dont': 'do not',
    'doesnt': 'does not',
    'didnt': 'did not',
    'cant': 'can not',
    "can't": 'can not',
    'cannot': 'can not',
    "won't": 'will not',
    "shan't": 'shall not',
    'wont': 'will not',
    'shouldnt': 'should not',
    'hasnt': 'has not',
    'havent': 'have not',
    'theyre': 'they are',
    'youve': 'you have',
    'ive': 'i have',
    'im': 'i am',
    "let's": 'let us',
    'gotta': 'has to',
    'wanna': 'want to',
}
_ENDINGS = (
    ("n't", 'not'),
    ("'re", 'are'),
    ("'ve", 'have'),
    ("'ll", 'will'),
    ("'m", 'am'),
    ("'d", 'would'),
)
_BEFORE_IS = THIS | frozenset(
    ['there', 'here', 'what', 'who', 'where', 'he', 'she', 'one', 'everything', 'nothing']
)
_BEHIND_IS = frozenset({'a', 'an', 'the', 'not'}) | ADVERBS
_SPEAKERS = frozenset({'i', "i'm"})
_VERBS_OF_A_SPEAKER = frozenset(
    [
        'think',
        'believe',
        'guess',
        'would',
        'am',
        'want',
        'need',
        'mean',
        'say',
        'said',
        'do',
        'can',
        'suppose',
        'reckon',
    ]
)
_VERBS_OF_A_CLAUSE = COPULAS | frozenset(
    ['should', 'must', 'shall', 'has', 'needs', 'ought', 'does', 'can', 'will']
)


@dataclass(frozen=True)
class Clause:
    """Words of a clause, lower case, contractions written out.

    ``before`` is the mark or the conjunction in front of it, ``after`` the mark behind it; both
    are empty at the ends of the text and between clauses that nothing separates.  ``core`` are the
    words without polite frames in front, which ``asks`` for an action where it is true; both are
    found by ``statements.peeled``.
    """

    words: tuple[str, ...]
    before: str
    after: str
    core: tuple[str, ...] = ()
    asks: bool = False


def split_clauses(text: str) -> list[Clause]:
    """Return the clauses of a text, in one pass over its words.

    What stands in brackets, such as the box of a segment, is left out.
    """
    words = _without_fillers(_expanded(list(_tokens(_BRACKETS.sub(' ', text)))))
    clauses: list[Clause] = []
    begin, before = 0, ''
    for index, word in enumerate([*words, '']):
        drops = _drops(words, index)
        if not drops and not _begins(words, index, begin):
            continue
        if index > begin:
            after = word if drops else ''
            clauses.append(Clause(tuple(words[begin:index]), before, after))
            before = ''
        if drops:
            begin, before = index + 1, word if _is_turn(word) or index > begin else before or word
        else:
            begin = index
    return clauses


def is_mark(token: str) -> bool:
    """Return whether a token is a punctuation mark or another symbol."""
    return len(token) == 1 and token != QUOTE and not _is_letter(token)


def _tokens(text: str) -> Iterator[str]:
    """Yield words, ``QUOTE``, and every other character that is no blank."""
    plain = unicodedata.normalize('NFC', text).translate(_APOSTROPHES).lower()
    begin: int | None = None
    for index, character in enumerate(plain):
        joins = (
            character in _JOINERS
            and begin is not None
            and index + 1 < len(plain)
            and _is_letter(plain[index + 1])
        )
        if _is_letter(character) or joins:
            begin = index if begin is None else begin
            continue
        if begin is not None:
            yield plain[begin:index]
            begin = None
        if not character.isspace():
            yield QUOTE if character in _QUOTES else 'and' if character == '&' else character
    if begin is not None:
        yield plain[begin:]


def _is_letter(character: str) -> bool:
    """Return whether a character is a part of words: a letter, a figure, or an accent on one."""
    return (
        character.isalnum() or character == '_' or unicodedata.category(character).startswith('M')
    )


def _expanded(tokens: list[str]) -> list[str]:
    words: list[str] = []
    for token, following in pairwise([*tokens, '']):
        words += _full_form(token, following)
    return words


def _full_form(token: str, following: str) -> list[str]:
    if token in _FULL_FORMS:
        return _FULL_FORMS[token].split()
    if token == 'its' and following in _BEHIND_IS:  # noqa: S105 - a word
        return ['it', 'is']
    for ending, word in _ENDINGS:
        if token.endswith(ending) and len(token) > len(ending):
            return [token.removesuffix(ending), word]
    owner = token.removesuffix("'s")
    if owner != token and (owner in _BEFORE_IS or following in _BEHIND_IS):
        return [owner, 'is']
    return [token]


def _without_fillers(words: list[str]) -> list[str]:
    kept: list[str] = []
    for word in words:
        if word in _HUMS:
            continue
        if kept and (kept[-1], word) in _FILLERS:
            kept.pop()
        else:
            kept.append(word)
    return kept


def _drops(words: list[str], index: int) -> bool:
    """Return whether a token separates two clauses and belongs to neither."""
    if index == len(words):
        return True
    word = words[index]
    if word == 'and':
        return index + 1 < len(words) and words[index + 1] in CLAUSE_STARTERS
    if word == 'but':
        return index == 0 or words[index - 1] not in _ALL
    return is_mark(word) or word in PLEASE or word in _TURNS


def _begins(words: list[str], index: int, begin: int) -> bool:
    """Return whether a word begins a clause that nothing separates from the one before it."""
    if index == begin or index + 1 >= len(words):
        return False
    word, following, previous = words[index], words[index + 1], words[index - 1]
    if word in _SPEAKERS:
        return previous not in REPORTING and following in _VERBS_OF_A_SPEAKER
    points = word == 'there' and (previous in THIS or previous in GENERIC)
    says_so = (word in THIS or word == 'there') and not points
    return says_so and following in _VERBS_OF_A_CLAUSE and previous not in REPORTING


def _is_turn(word: str) -> bool:
    return word in _TURNS or word == 'and'
