"""Sentences that nothing in an image answers to, from which the model learns to say so.

Three kinds: descriptions of what is not in the image, sentences about anything but the image, and
sentences in languages that the model was not taught.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from zlib import crc32

import numpy as np

from rose_model.data.class_names import plain_name, read_table
from rose_model.data.sample import Sample

_SIDES = ('', '', '', ' on the left', ' on the right')
_WHICH = ('', '', '', 'leftmost ', 'rightmost ', 'largest ', 'smallest ')
_COLOURS = ('red', 'blue', 'green', 'white', 'black', 'yellow', 'brown')
FOREIGN_SHARE = 0.5
"""Of the absent descriptions: a noun of other data sets; the rest are of the own vocabulary."""

_AMBIGUOUS = (
    'animal apparel bicycle branch bridge building bus bush bushes car clouds couch dirt dog '
    'earth eye field fog ground grass hat house hovel land leaves light man minibike '
    'motorcycle mountain orange palm path pavement person plant plaything pole road roof '
    'runway sidewalk sign signboard skateboard skis sky skyscraper snowboard stop street '
    'streetlight surfboard tower traffic tree trade truck van wall window windowpane wood '
    'structural solid other'
)
"""Words that may stand for something that a street shows, so that absence is not certain."""

SENSELESS = (
    'How are you today?',
    'What is the weather like?',
    'Tell me a joke.',
    'Thank you very much.',
    'I do not know.',
    'Hello there.',
    'Ignore all of this.',
    'What time is it?',
    'One two three four five.',
    'The quick brown fox jumps over the lazy dog.',
    'Please write a poem about love.',
    'Where do you come from?',
    'Two plus two is four.',
    'Yes.',
    'Maybe later.',
    'Das ist ein Bus.',
    'Wo ist das Auto?',
    'Bitte die Maske vergroessern.',
    'Da fehlt ein Hund.',
    'Der Himmel ist blau.',
    'Il manque une voiture.',
    'Ceci est un camion rouge.',
    'Le masque est trop petit.',
    'Qu est-ce que c est?',
    'Esto es un coche.',
    'Falta un perro a la izquierda.',
    'La mascara no es correcta.',
    'Questo e un autobus.',
    'Manca una persona.',
    'Isto e um carro vermelho.',
    'To jest samochod.',
    'Dit is een vrachtwagen.',
    'Det har ar en bil.',
    'Kore wa kuruma desu.',
)


@cache
def foreign_nouns(*, held_out: bool = False) -> tuple[str, ...]:
    """Return nouns of COCO-Stuff and ADE20K that no street shows.

    Args:
        held_out: Return the third of them that training never uses, for tests of absence.

    Returns:
        Nouns in lower case, in a fixed order.
    """
    names = [row['names'] for row in read_table('ade20k_150')]
    names += [row['name'] for row in read_table('coco_stuff')]
    plain = dict.fromkeys(plain_name(name.split('-')[0]) for name in names)
    ambiguous = frozenset(_AMBIGUOUS.split())
    usable = [name for name in plain if not ambiguous & set(name.split())]
    return tuple(name for name in usable if (crc32(name.encode()) % 3 == 0) == held_out)


def absent_description(
    sample: Sample,
    vocabulary: Sequence[str],
    rng: np.random.Generator,
    *,
    closed: bool = True,
    nouns: Sequence[str] | None = None,
) -> str:
    """Describe, with an article, something that the image does not show.

    Args:
        sample: The image; all that its vocabulary names is labelled in it.
        vocabulary: Names to draw from; those of the image's regions are left out.
        rng: Draws.
        closed: Images show nothing but the vocabulary, so that foreign nouns are absent, too.
        nouns: Foreign nouns to draw from; ``None`` takes those of training.

    Returns:
        ``'the blue truck on the left'``, ``'the largest piano'``.
    """
    present = {region.name for region in sample.regions} | {r.noun for r in sample.regions}
    absent = [name for name in vocabulary if name not in present]
    if not absent or (closed and rng.random() < FOREIGN_SHARE):
        noun = _draw(foreign_nouns() if nouns is None else nouns, rng)
        colour = f'{_draw(_COLOURS, rng)} ' if rng.random() < 0.3 else ''
        return f'the {_draw(_WHICH, rng)}{colour}{noun}{_draw(_SIDES, rng)}'
    kin = [name for name in absent if name.split(' ', 1)[-1] in present]
    return f'the {_draw(kin if kin and rng.random() < 0.5 else absent, rng)}{_draw(_SIDES, rng)}'


def senseless_sentence(rng: np.random.Generator) -> str:
    """Return a sentence that asks for nothing in any image: small talk, another language or no
    language at all.
    """
    if rng.random() < 0.6:
        return _draw(SENSELESS, rng)
    letters = 'abcdefghijklmnopqrstuvwxyz'
    words = [
        ''.join(_draw(letters, rng) for _ in range(int(rng.integers(2, 9))))
        for _ in range(int(rng.integers(1, 7)))
    ]
    return ' '.join(words).capitalize() + _draw(('', '.', '?'), rng)


def _draw(choices: Sequence[str], rng: np.random.Generator) -> str:
    return choices[int(rng.integers(len(choices)))]
