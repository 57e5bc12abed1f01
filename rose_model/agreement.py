"""Whether what was found is called what was asked for.

Whoever asks for an elephant where there is none gets the patch that is most like one, and the
model may be sure of it.  But asked for its name, it says "white car".
"""

from __future__ import annotations

import re

_WORD = re.compile(r'[^\W_]+(?:-[^\W_]+)*')
_ENDS = (
    'a an the this that these those every each all any some of in on at to by with and or is are '
    'was were no not you me it its there here what where segment mask please'
)
"""Words that are no part of a noun phrase, so that it begins behind them."""
_ORDER = (
    'leftmost rightmost largest smallest biggest tallest nearest closest farthest left right '
    'upper lower top bottom middle central first second third last other whole entire big small '
    'large little tall short single only same missing'
)
"""Words that tell a thing by its place or size, and are no part of its name."""


def fits_words(name: str, words: str) -> bool:
    """Return whether a name may stand for what words describe.

    It may where its noun is among the words, and where what stands before it there says no other
    thing: "red truck" fits "the truck" and "the largest truck on the left", not "the blue truck".

    Args:
        name: A generated name; its last word is the noun.
        words: A description or a sentence.
    """
    named, spoken = _words(name), _words(words)
    if not named:
        return False
    *attributes, noun = named
    places = [place for place, word in enumerate(spoken) if _is_same(word, noun)]
    return any(_agree(attributes, _before(spoken, place)) for place in places)


def _agree(attributes: list[str], said: list[str]) -> bool:
    """One says nothing that the other does not."""
    return set(said) <= set(attributes) or set(attributes) <= set(said)


def _before(spoken: list[str], place: int) -> list[str]:
    """The words of the noun phrase that ends at ``place``, less those of order."""
    first, ends, order = place, _ENDS.split(), _ORDER.split()
    while first > 0 and spoken[first - 1] not in ends:
        first -= 1
    return [word for word in spoken[first:place] if word not in order]


def _words(text: str) -> list[str]:
    return [match.lower() for match in _WORD.findall(text)]


def _is_same(word: str, noun: str) -> bool:
    """The same noun, also in the plural."""
    return word in (noun, f'{noun}s', f'{noun}es') or noun in (f'{word}s', f'{word}es')
