"""Noun phrases, and whether one names a category."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rose_model.wording.clauses import QUOTE
from rose_model.wording.words import (
    ARTICLES,
    BLAME,
    COMMON_NOUNS,
    COMMON_PAIRS,
    CONTAINERS,
    DETERMINERS,
    GENERIC,
    LABEL_NOUNS,
    MASK_NOUNS,
    MASS_NOUNS,
    NO_CATEGORY,
    NO_FIRST_WORDS,
    NO_PLURALS,
    NOT_A_NAME_ALONE,
    NOUNS_IN_ED,
    NOUNS_IN_ING,
    NOUNS_IN_LY,
    NOUNS_TOO,
    OPEN_ENDS,
    PARTS,
    PLURALS,
    POSSESSIVES,
    QUANTIFIERS,
    RANKS,
    STOPS,
)

MAX_LABEL_WORDS = 4
_ADVERBS = frozenset({'very', 'really', 'quite', 'rather', 'actually', 'just', 'truly'})
_NO_HEADS = GENERIC | LABEL_NOUNS | MASK_NOUNS | PARTS | NO_CATEGORY
_NOUNS_WITH_NOUNS = frozenset(
    {'tag', 'area', 'target', 'body', 'box', 'stuff', 'fit', 'case', 'frame', 'picture'}
)
"""They stand for a segment when alone, and name something behind another noun: "price tag"."""


@dataclass(frozen=True)
class NounPhrase:
    """The words of a noun phrase without its article.

    Attributes:
        words: Its words.
        end: The index behind them.
        determined: An article or quotation marks show that it is a noun phrase.
        open_end: What follows leaves open whether these words alone are what is spoken of.
    """

    words: tuple[str, ...]
    end: int
    determined: bool
    open_end: bool

    @property
    def text(self) -> str:
        """The words with blanks between them."""
        return ' '.join(self.words)


def read_noun_phrase(words: Sequence[str], start: int) -> NounPhrase | None:
    """Return the noun phrase that begins at ``start``, with an article or without."""
    begin = start
    determined = begin < len(words) and words[begin] in ARTICLES
    begin += determined
    begin += begin < len(words) and words[begin] in POSSESSIVES
    while begin < len(words) and words[begin] in _ADVERBS:
        begin += 1
    if begin < len(words) and words[begin] == QUOTE:
        return _quoted(words, begin + 1)
    end = begin
    while end < len(words) and not _stops(words, begin, end):
        end += 1
    open_end = end < len(words) and (
        words[end] in OPEN_ENDS or (words[end] in DETERMINERS and not determined)
    )
    if open_end and words[end] == 'of' and words[end - 1] in CONTAINERS:
        open_end = False
    kept = _without_participles(list(words[begin:end]))
    return NounPhrase(tuple(kept), begin + len(kept), determined, open_end) if kept else None


def category(phrase: NounPhrase | None) -> str | None:
    """Return the category that a noun phrase names for sure, lower case, else ``None``.

    Without an article or quotation marks it has to be no adjective, adverb or participle.
    """
    if phrase is None or phrase.open_end or not 0 < len(phrase.words) <= MAX_LABEL_WORDS:
        return None
    words = phrase.words
    if any(word in BLAME or word.endswith("'s") or word == QUOTE for word in words):
        return None
    head = words[-1]
    if head in _NO_HEADS and not (len(words) > 1 and head in _NOUNS_WITH_NOUNS):
        return None
    if head.isdigit() or _is_adverb(head) or words[0] in QUANTIFIERS:
        return None
    if words[0] == 'little' and not _is_common(words):  # a little dog, a little strange
        return None
    return phrase.text if phrase.determined or _stands_alone(words) else None


def _stands_alone(words: tuple[str, ...]) -> bool:
    """Return whether words may be a name without an article in front of them."""
    head = words[-1]
    noun = len(words) > 1 and head in NOUNS_TOO
    if (head in NOT_A_NAME_ALONE and not noun) or _is_participle(head):
        return False
    return not any(word in NO_FIRST_WORDS for word in words)


def known_category(phrase: NounPhrase | None) -> str | None:
    """Return the category of a noun phrase whose noun is a common one, else ``None``.

    So "it is grass" names and "it is wrong" does not, neither with an article.
    """
    name = category(phrase)
    if phrase is None or name is None:
        return None
    if not phrase.determined and _is_participle(phrase.words[0]):
        return None
    return name if _is_common(phrase.words) else None


def _is_common(words: tuple[str, ...]) -> bool:
    head = words[-1]
    known = head in MASS_NOUNS or head in COMMON_NOUNS or head in PLURALS
    return known or head.removesuffix('s') in COMMON_NOUNS or ' '.join(words[-2:]) in COMMON_PAIRS


def is_plural(phrase: NounPhrase) -> bool:
    """Return whether a noun phrase is a plural by its form."""
    head = phrase.words[-1]
    if head in PLURALS:
        return True
    return head.endswith('s') and not head.endswith('ss') and head not in NO_PLURALS


def without_ranks(phrase: NounPhrase) -> NounPhrase:
    """Return a noun phrase without what tells it from others of its kind: "leftmost car"."""
    words = list(phrase.words)
    while len(words) > 1 and words[0] in RANKS:
        words.pop(0)
    return NounPhrase(tuple(words), phrase.end, phrase.determined, phrase.open_end)


def subject_of(words: Sequence[str]) -> str | None:
    """Return the first noun phrase with an article or quotation marks that names something.

    "The mask of the dog" speaks of the dog: masks, parts, labels and objects are passed over.
    """
    index = 0
    while index < len(words):
        if not _determines(words, index):
            index += 1
            continue
        phrase = read_noun_phrase(
            words, index if words[index] in (QUOTE, *ARTICLES) else index + 1
        )
        kept = [] if phrase is None else list(phrase.words)
        while kept and (kept[0] in _NO_HEADS or kept[0] in BLAME):
            kept.pop(0)
        if kept and len(kept) <= MAX_LABEL_WORDS and _is_noun(kept[-1]):
            return ' '.join(kept)
        index = max(index + 1, phrase.end if phrase is not None else 0)
    return None


def _determines(words: Sequence[str], index: int) -> bool:
    """Return whether a noun follows: in "this belongs there" it is a verb."""
    word = words[index]
    following = words[index + 1] if index + 1 < len(words) else ''
    if word in {'this', 'that'}:
        return not (following.endswith('s') and following not in NO_PLURALS)
    return word == QUOTE or word in DETERMINERS


def _is_noun(word: str) -> bool:
    return not (word in _NO_HEADS or word in NOT_A_NAME_ALONE or _is_adverb(word))


def _quoted(words: Sequence[str], begin: int) -> NounPhrase | None:
    end = begin
    while end < len(words) and words[end] != QUOTE:
        end += 1
    inner = words[begin:end]
    if inner and inner[0] in ARTICLES:
        inner = inner[1:]
    return NounPhrase(tuple(inner), end + 1, True, False) if inner else None


def _stops(words: Sequence[str], begin: int, index: int) -> bool:
    word = words[index]
    following = words[index + 1] if index + 1 < len(words) else ''
    if word == 'of':
        return index == begin or words[index - 1] not in CONTAINERS or following in DETERMINERS
    if word == 'can':  # the verb, not the tin
        return following not in ('', 'of') and following not in STOPS - {
            'be',
            'not',
            'you',
            'have',
        }
    return word in STOPS or word == QUOTE


def _without_participles(words: list[str]) -> list[str]:
    """Return "a man riding", "a car parked" without what they do."""
    while len(words) > 1 and _is_participle(words[-1]):
        words.pop()
    return words


def _is_participle(word: str) -> bool:
    if word.endswith('ing'):
        return word not in NOUNS_IN_ING and not word.endswith('thing')
    return word.endswith('ed') and word not in NOUNS_IN_ED and len(word) > 3


def _is_adverb(word: str) -> bool:
    return word.endswith('ly') and word not in NOUNS_IN_LY
