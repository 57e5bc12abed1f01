"""How well the grammar of corrections reads its tables of sentences.

The tables lie beside this file: ``stated_labels.csv`` has sentences that name a category and
sentences that do not, ``deletions.csv`` sentences that delete a segment and sentences that do not.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from rose_model.correction_grammar import Intent, Request, read_request
from rose_model.evaluation.figures import Figure, ImageRatio

_FOLDER = Path(__file__).parent

Reader = Callable[[str], Request]


@dataclass(frozen=True)
class LabelSentence:
    """A sentence and what it states.

    Attributes:
        text: The sentence.
        label: The category that it states outright, lower case, or ``None``.
        intent: What it asks for; ``None`` where people would not agree.
        held_out: Empty for the sentences that the grammar was written for, else the set of later
            sentences that this one is from.
    """

    text: str
    label: str | None
    intent: Intent | None
    held_out: str


@dataclass(frozen=True)
class DeletionSentence:
    """A sentence about a chosen segment, and whether it asks to delete it.

    ``held_out`` as in ``LabelSentence``.
    """

    text: str
    deletes: bool
    held_out: str


def label_sentences() -> tuple[LabelSentence, ...]:
    """Return all sentences of ``stated_labels.csv``."""
    return tuple(
        LabelSentence(
            row['sentence'],
            row['label'] or None,
            Intent[row['intent']] if row['intent'] else None,
            _held_out(row),
        )
        for row in _rows('stated_labels')
    )


def deletion_sentences() -> tuple[DeletionSentence, ...]:
    """Return all sentences of ``deletions.csv``."""
    return tuple(
        DeletionSentence(row['sentence'], row['deletes'] == 'yes', _held_out(row))
        for row in _rows('deletions')
    )


def label_grammar(read: Reader = read_request) -> Figure:
    """Return the share of sentences whose label is read as it stands in the table.

    It is taken over the 60 sentences that name and the 60 that do not; where none is named, none
    may be read.

    Args:
        read: What reads a sentence.
    """
    asked = [sentence for sentence in label_sentences() if not sentence.held_out]
    return _share(read(sentence.text).label == sentence.label for sentence in asked)


def delete_ok(read: Reader = read_request) -> Figure:
    """Return the share of sentences of which it is read rightly whether they delete.

    It is taken over the 30 wordings that delete and the 30 that do not.

    Args:
        read: What reads a sentence.
    """
    asked = [sentence for sentence in deletion_sentences() if not sentence.held_out]
    return _share(
        (read(sentence.text).intent is Intent.DELETE) == sentence.deletes for sentence in asked
    )


def _share(rights: Iterable[bool]) -> Figure:
    ratio = ImageRatio()
    for right in rights:
        ratio.add(float(right), 1.0, 1)
    return ratio.figure()


def _held_out(row: dict[str, str]) -> str:
    return '' if row['held_out'] == 'no' else row['held_out']


def _rows(name: str) -> list[dict[str, str]]:
    lines = (_FOLDER / f'{name}.csv').read_text(encoding='utf-8').splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith('#')))
