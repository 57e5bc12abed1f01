"""Tables of sentences and what they ask for, and how many of them the grammar reads rightly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rose_model.correction_grammar import Intent, read_request
from rose_model.data.class_names import read_table
from rose_model.evaluation.figures import Figures, Tally
from rose_model.evaluation.frames import Frame

_FOLDER = Path(__file__).parent
NOT_HELD_OUT = 'no'
"""In the tables' column ``held_out``: the grammar may be fitted to the sentence."""
ANY_CATEGORY = 'car'
"""The segment that the sentences about deletion are about."""


@dataclass(frozen=True)
class StatedLabel:
    """A sentence and the category that it names.

    Attributes:
        text: The sentence.
        label: What it names, lower case; empty where it names nothing for sure.
        intent: What it asks for; ``None`` where people would not agree.
        held_out: ``'no'``, or which set of sentences it is from that were written after the
            grammar.
    """

    text: str
    label: str
    intent: Intent | None
    held_out: str

    def is_read(self) -> bool:
        """Return whether the grammar returns this label and no other, as what it is."""
        request = read_request(self.text)
        if not self.label:
            return request.label is None
        return (request.intent, request.label) == (self.intent, self.label)


@dataclass(frozen=True)
class Deletion:
    """A sentence about a chosen segment, and whether it asks to delete that.

    ``held_out`` as in ``StatedLabel``.
    """

    text: str
    deletes: bool
    held_out: str

    def is_read(self) -> bool:
        """Return whether the grammar says the same."""
        return read_request(self.text).deletes(ANY_CATEGORY) == self.deletes


def stated_labels() -> list[StatedLabel]:
    """Return the sentences of ``stated_labels.csv``."""
    return [
        StatedLabel(
            row['sentence'],
            row['label'],
            Intent[row['intent']] if row['intent'] else None,
            row['held_out'],
        )
        for row in read_table('stated_labels', _FOLDER)
    ]


def deletions() -> list[Deletion]:
    """Return the sentences of ``deletions.csv``."""
    return [
        Deletion(row['sentence'], row['deletes'] == 'yes', row['held_out'])
        for row in read_table('deletions', _FOLDER)
    ]


class GrammarTables:
    """Shares of the tables' sentences that ``correction_grammar.read_request`` reads rightly.

    - ``label_grammar``: of those that name a category, exactly that label is read, as a name or as
      something missed; of the others no label is.
    - ``delete_ok``: a sentence about a chosen car is read as its deletion exactly where it is one.

    These are the sentences to which the grammar may be fitted.  ``label_grammar_held_out`` and
    ``delete_ok_held_out``: the same of all that were written after it; by the set that they are
    from ``label_grammar_held_out_first`` and so on, as the tables' column ``held_out`` calls them.
    The grammar was mended for what it misread of them, so that only its first reading of a set,
    which the tables' heads tell, is one of unknown sentences.
    The frames do not matter; a sentence is what is resampled.
    """

    def add(self, frame: Frame) -> None:
        """Leave a frame alone."""

    def figures(self) -> Figures:
        """Shares of the sentences."""
        tally = Tally()
        tables: dict[str, Sequence[StatedLabel] | Sequence[Deletion]] = {
            'label_grammar': stated_labels(),
            'delete_ok': deletions(),
        }
        for key, sentences in tables.items():
            for sentence in sentences:
                for suffix in _suffixes(sentence.held_out):
                    tally.add_items({f'{key}{suffix}': [sentence.is_read()]})
        return tally.figures()


def _suffixes(held_out: str) -> tuple[str, ...]:
    """What is added to the keys that a sentence counts under."""
    return ('',) if held_out == NOT_HELD_OUT else ('_held_out', f'_held_out_{held_out}')
