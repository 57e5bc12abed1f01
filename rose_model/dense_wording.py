"""Dense instructions in whatever words: all regions, or the things alone.

A sentence that names no particular thing asks for all of them.  It is put to the model in the
words of its training; what names a thing, a colour or a place is left as it is.
"""

from __future__ import annotations

import re

from rose_model.prompts.sentences import ALL_REGIONS, FOREGROUND

_WORD = re.compile(r"[^\W_]+(?:['-][^\W_]+)*")
_THINGS = (
    'object objects thing things item items instance instances entity entities foreground '
    'countable'
)
_REGIONS = (
    'region regions part parts area areas everything anything whatever pixel pixels panoptic '
    'semantic scene'
)
_GROUND = 'background backdrop surroundings scenery surface surfaces stuff'
_EXCEPT = 'no not without ignore ignoring leave leaving skip except excluding omit only alone just'
_PICTURE = (
    'image picture photo photograph frame scene view shot camera segment segments segmentation '
    'mask masks outline outlines contour contours name names label labels category categories '
    'class classes kind kinds'
)
_VERBS = (
    'segment segmenting mask masking outline label labelling mark find show detect identify '
    'recognise recognize name tell give list draw trace cut pick split divide partition separate '
    'parse annotate describe see seen look perform do make run respond answer return output '
    'produce need want care go let get belong contain contains appear appears stand stands is are '
    'be can could would will should may must does have has'
)
_OTHERS = (
    'a an the this that these those it its i you we me us my your to of in on at for from with '
    'and or but nor as by into out up through each every all any what which where who please now '
    'also too here there if so then than them they their one some other else whole entire '
    'complete full total individual separate visible different distinct existing present '
    'corresponding kindly away apart'
)
_WORDS = frozenset(
    ' '.join((_THINGS, _REGIONS, _GROUND, _EXCEPT, _PICTURE, _VERBS, _OTHERS)).split()
)


def dense_instruction(text: str) -> str | None:
    """Return the instruction of training that asks for the same regions.

    Args:
        text: An instruction.

    Returns:
        ``ALL_REGIONS``, ``FOREGROUND``, or ``None`` where the text names something in particular
        or may mean the background alone.
    """
    words = {word.lower() for word in _WORD.findall(text)}
    if not words or not words <= _WORDS:
        return None
    names_things, names_regions = _has(words, _THINGS), _has(words, _REGIONS)
    if _has(words, _GROUND):
        if _has(words, _EXCEPT):
            return FOREGROUND if names_things or names_regions else None
        return ALL_REGIONS if names_things or names_regions else None
    if names_things and not names_regions:
        return FOREGROUND
    return ALL_REGIONS if names_regions or _has(words, 'whole entire complete image') else None


def _has(words: set[str], group: str) -> bool:
    return not words.isdisjoint(group.split())
