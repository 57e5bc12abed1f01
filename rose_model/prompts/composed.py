"""Dense instructions put together from parts, so that training does not learn a few by heart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_POLITE = ('', '', 'Please ', 'Can you ', 'Could you please ', 'I want you to ', 'Now ')
_VERBS = ('segment', 'segment', 'mask', 'outline', 'label', 'mark', 'find', 'show', 'detect')
_EVERYTHING = (
    'everything',
    'all regions',
    'all the regions',
    'every region',
    'each part',
    'all objects and stuff',
    'all things and all surfaces',
    'every object and the background',
    'the complete scene',
    'whatever is visible',
)
_OBJECTS = (
    'all objects',
    'every object',
    'the objects',
    'the things',
    'all things',
    'each instance',
    'all the instances',
    'every foreground object',
    'the foreground',
    'all countable objects',
)
_WHERE = ('', '', ' in this image', ' in the picture', ' in view', ' here', ' of this photo')
_ENDS = (
    '',
    '',
    ', please',
    ' and name it',
    ' with names',
    ' with masks and category names',
    ' and tell me what it is',
)
_ONLY = ('', '', ' only', ', nothing else', ', not the background', ' alone')


def compose_instruction(rng: np.random.Generator, *, is_foreground: bool) -> str:
    """Put an instruction together that asks for all regions, or for the things alone.

    Args:
        rng: Draws the parts.
        is_foreground: Whether things alone are asked for.

    Returns:
        One sentence, such as ``'Could you please outline every region in view with names.'``.
    """
    what = _draw(_OBJECTS if is_foreground else _EVERYTHING, rng)
    only = _draw(_ONLY, rng) if is_foreground else ''
    verb, where, end = _draw(_VERBS, rng), _draw(_WHERE, rng), _draw(_ENDS, rng)
    polite = _draw(_POLITE, rng)
    sentence = f'{polite}{verb} {what}{where}{only}{end}'
    mark = '?' if polite.startswith(('Can', 'Could')) else '.'
    return sentence[0].upper() + sentence[1:] + mark


def _draw(choices: Sequence[str], rng: np.random.Generator) -> str:
    return choices[int(rng.integers(len(choices)))]
