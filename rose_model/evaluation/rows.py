"""The rows of every table: who asks for refinement, and how names become classes."""

from __future__ import annotations

from typing import Protocol

from rose_model.evaluation.frames import Refers, Refines, Segments

NONE, SELF, ORACLE = 'none', 'self', 'oracle'
TRIGGERS = (NONE, SELF, ORACLE)
"""Who asks for refinement: nobody, the model itself, or an oracle (paper, A.1).

The oracle is an upper bound: what is refined, in which situation and where, is chosen from the
ground truth.  It never says what is right: its words name what the model has predicted, or
nothing.
"""

STRICT, WORDS, RELATED = 'strict', 'words', 'related'
NEAREST, CANDIDATES = 'nearest', 'candidates'
RULES = (STRICT, WORDS, RELATED, NEAREST, CANDIDATES)
"""How a segment gets one of the classes.  ``strict``: its generated name is a class or one of its
synonyms, in plain form.  ``words``: it is or ends with one, the longest counts ("old traffic
light" is a traffic light).  ``related``: as ``words``; a name of no class has the class that it is
a synonym or a kind of, or the one class that it is more general than, in WordNet.  ``nearest``:
the class whose name is nearest in the space of SigLIP's text tower.  ``candidates``: no name is
generated; the class that fits its patch best.
"""


class SegmentsAndRefines(Segments, Refines, Protocol):
    """What benchmarks of dense segmentation ask of a model."""


class RefersAndRefines(Refers, Refines, Protocol):
    """What benchmarks of referring ask of a model."""


def row_suffix(trigger: str, rule: str = WORDS) -> str:
    """What is added to a figure's key: ``''`` before refinement and by ``words``, else
    ``'_oracle_nearest'``.
    """
    return ('' if trigger == NONE else f'_{trigger}') + ('' if rule == WORDS else f'_{rule}')
