"""Patterns over words, matched from left to right without going back."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rose_model.wording.words import GROUPS, NEGATIONS

_IT = (
    'the|@this one|ones|object|objects|segment|segments|thing|things|region|detection|instance|'
    'selection|annotation?'
)
_BROKEN = re.compile(r'\|\s+')
"""Where a row of alternatives goes on in the next line."""
MAX_GAP = 7
"""Words that ``...`` passes over at most, and that ``*`` takes after the first."""


@dataclass(frozen=True)
class _Element:
    words: frozenset[str]
    optional: bool = False
    repeated: bool = False
    gap: bool = False
    anything: bool = False
    end: bool = False


class Pattern:
    """A row of words, such as ``'this|it @is @adverb* a|an'``.

    ``|`` separates words of which one stands there, ``@`` names a group of words, ``?`` follows
    what may be left out, ``*`` what may stand several times.  ``...`` passes over some words
    but no "not", up to the first that the next element allows; ``$`` is the end of the clause.
    ``_`` is any word, ``<it>`` how a segment is spoken of: "it", "this object", "the segment".

    What may be left out is taken where it stands: a match never goes back, so that its time is
    linear in the length of the pattern.
    """

    def __init__(self, text: str) -> None:
        self._elements = tuple(_element(part) for part in text.replace('<it>', _IT).split())

    def match(self, words: Sequence[str], start: int = 0) -> int | None:
        """Return the index behind the match that begins at ``start``, or ``None``."""
        position, passes = start, 0
        for element in self._elements:
            if element.gap:
                passes = MAX_GAP
                continue
            if element.end:
                if position != len(words):
                    return None
                continue
            position = _passed(element, words, position, passes)
            passes = 0
            if _fits(element, words, position):
                position += 1
                if element.repeated:
                    position = _repeated(element, words, position)
            elif not element.optional:
                return None
        return position

    def begins_with(self) -> frozenset[str] | None:
        """Return the words that a match begins with; ``None`` where it may be any or none."""
        words: frozenset[str] = frozenset()
        for element in self._elements:
            if element.gap or element.end or element.anything:
                return None
            words |= element.words
            if not element.optional:
                return words
        return None


class Patterns:
    """Patterns that mean the same, found by the word that they begin with."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._by_word: defaultdict[str, list[Pattern]] = defaultdict(list)
        self._with_any: list[Pattern] = []
        for line in lines:
            pattern = Pattern(line)
            begins = pattern.begins_with()
            if begins is None:
                self._with_any.append(pattern)
            for word in begins or ():
                self._by_word[word].append(pattern)

    def longest(self, words: Sequence[str], start: int = 0) -> int | None:
        """Return the index behind the longest match at ``start`` of any pattern, or ``None``."""
        begin = self._by_word.get(words[start], []) if start < len(words) else []
        ends = [pattern.match(words, start) for pattern in (*begin, *self._with_any)]
        return max((end for end in ends if end is not None), default=None)

    def match(self, words: Sequence[str], start: int = 0) -> bool:
        """Return whether any pattern matches at ``start``."""
        return self.longest(words, start) is not None

    def occur(self, words: Sequence[str]) -> bool:
        """Return whether any pattern matches at any word."""
        return any(self.match(words, start) for start in range(len(words)))


def compiled(lines: str) -> Patterns:
    """Return the patterns of a text that has one a line."""
    joined = _BROKEN.sub('|', lines)
    return Patterns(line for line in joined.splitlines() if line.strip())


def _repeated(element: _Element, words: Sequence[str], position: int) -> int:
    last = position + MAX_GAP
    while position < last and _fits(element, words, position):
        position += 1
    return position


def _fits(element: _Element, words: Sequence[str], position: int) -> bool:
    return position < len(words) and (element.anything or words[position] in element.words)


def _passed(element: _Element, words: Sequence[str], position: int, passes: int) -> int:
    for index in range(position, min(position + passes + 1, len(words))):
        if words[index] in element.words:
            return index
        if words[index] in NEGATIONS:
            break
    return position


def _element(text: str) -> _Element:
    if text == '...':
        return _Element(frozenset(), gap=True)
    if text == '$':
        return _Element(frozenset(), end=True)
    if text.rstrip('?') == '_':
        return _Element(frozenset(), optional=text.endswith('?'), anything=True)
    optional, repeated = text.endswith(('?', '*')), text.endswith('*')
    words: set[str] = set()
    for part in text.rstrip('?*').split('|'):
        words |= GROUPS[part[1:]] if part.startswith('@') else {part}
    return _Element(frozenset(words), optional, repeated)
