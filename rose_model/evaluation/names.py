"""When two names mean the same: plural forms and a small table of synonyms."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

SYNONYMS: Mapping[str, str] = MappingProxyType(
    {
        'automobile': 'car',
        'bike': 'bicycle',
        'cycle': 'bicycle',
        'house': 'building',
        'human': 'person',
        'lawn': 'grass',
        'lorry': 'truck',
        'pedestrian': 'person',
        'puppy': 'dog',
        'sidewalk': 'pavement',
        'street': 'road',
        'traffic cone': 'cone',
        'traffic signal': 'traffic light',
        'traffic sign': 'sign',
    }
)
"""Nouns of street scenes in the singular, and the one that stands for them."""

_ATTRIBUTES = MappingProxyType({'grey': 'gray', 'stripy': 'striped', 'violet': 'purple'})
_IRREGULAR = MappingProxyType(
    {
        'buses': 'bus',
        'children': 'child',
        'knives': 'knife',
        'leaves': 'leaf',
        'men': 'man',
        'mice': 'mouse',
        'people': 'person',
        'shelves': 'shelf',
        'skis': 'ski',
        'women': 'woman',
    }
)
_SIBILANTS = ('sses', 'xes', 'zes', 'ches', 'shes')


def singular(word: str) -> str:
    """A noun without the ending of a regular plural: ``'buses'`` gives ``'bus'``."""
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if word.endswith('ies') and len(word) > 4:
        return word[:-3] + 'y'
    if word.endswith(_SIBILANTS):
        return word[:-2]
    if word.endswith('s') and not word.endswith(('ss', 'us', 'is')):
        return word[:-1]
    return word


def plain_form(name: str) -> str:
    """Lower case, no underscores, single blanks, the last word in the singular.

    ``'Traffic_Lights'`` gives ``'traffic light'``.
    """
    words = name.lower().replace('_', ' ').split()
    return ' '.join([*words[:-1], *map(singular, words[-1:])])


def normalise(name: str) -> str:
    """The plain form with the synonyms of street scenes replaced.

    ``'Red_automobiles'`` gives ``'red car'``.
    """
    words = plain_form(name).split()
    for length in (2, 1):
        last = ' '.join(words[-length:])
        if last in SYNONYMS:
            words[-length:] = SYNONYMS[last].split()
            break
    return ' '.join(_ATTRIBUTES.get(word, word) for word in words)
