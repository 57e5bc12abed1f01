"""Sentences for tests alone: training never shows them, and no list of training composes them.

Whoever adds a sentence to training looks here first; a test compares the lists.
"""

from __future__ import annotations

from rose_model.prompts.sentences import PAPER_INSTANCE, PAPER_SEMANTIC
from rose_model.training.distractors import foreign_nouns

ALL_REGIONS_UNSEEN = (
    'Could you split this photo into all of its parts and tell me their names?',
    'I need a full segmentation of the scene.',
    'Show me the mask of anything that is in the shot.',
    'Every pixel should belong to some named region.',
    'Go through the picture and cut out each thing and each surface.',
)
"""Instructions that ask for all regions."""
FOREGROUND_UNSEEN = (
    'Pick out the individual objects, ignore ground and sky.',
    'I only care about the separate items in front.',
    'Where are the objects? Trace each one of them.',
    'Leave the scenery away and segment what stands in it.',
    'Cut out all countable things.',
)
"""Instructions that ask for the things alone."""
PAPER_PROMPTS = (PAPER_SEMANTIC, PAPER_INSTANCE)
"""The paper's own two (A.4); training does show them."""

GROW_UNSEEN = (
    'The mask stops short of the real edge.',
    'You cut off a bit of the {category}.',
    'Please cover more of the {category}.',
    'There is more of the {category} than you marked.',
    'Expand this region a little.',
    'The outline is too tight.',
    'Enlarge it, please.',
    'Some of the {category} lies outside of the mask.',
    'The {category} is bigger than that.',
    'Add the missing pixels.',
)
"""Sentences that ask for more pixels; the category is not in all of them."""
SHRINK_UNSEEN = (
    'You marked more than the {category}.',
    'Please cover less.',
    'Tighten the outline.',
    'It reaches into the background.',
    'Reduce the mask to the {category}.',
    'The {category} is smaller than that.',
    'Trim the edges, they stick out.',
    'Some pixels of the mask do not belong to the {category}.',
    'The outline is too loose.',
    'Narrow it down a bit.',
)
"""Sentences that ask for fewer pixels; the category is not in all of them."""

SENSELESS_UNSEEN = (
    'My sister is coming on Sunday.',
    'Can you lend me twenty euros?',
    'Seven times six is forty-two.',
    'La voiture est derriere la maison.',
    'Wie spaet ist es?',
    'Puedes cerrar la puerta?',
    'Dove hai messo le chiavi?',
    'Hur mar du i dag?',
    'blah blah blah blah',
    'Xkcd vrmt qwop, zzyx.',
)
"""Sentences that nothing in an image answers to."""
SENSELESS_VALIDATION = (
    'We had soup for lunch.',
    'Who won the match yesterday?',
    'Nine minus three makes six.',
    'Le chat dort sur le lit.',
    'Ich gehe morgen ins Kino.',
    'Me gusta la musica.',
    'Oggi fa molto caldo.',
    'Jag talar inte svenska.',
    'lorem ipsum dolor sit amet',
    'Fgh jkl uiop, bnm.',
)
"""Others of the same kinds, by which thresholds are chosen."""


def foreign_nouns_of(split: str) -> tuple[str, ...]:
    """Return the nouns of other data sets that stand for something absent.

    Training uses none of them.  Thresholds are chosen by one half, and tests use the other one.

    Args:
        split: ``'validation'`` for the first half; any other split has the second.
    """
    return foreign_nouns(held_out=True)[0 if split == 'validation' else 1 :: 2]
