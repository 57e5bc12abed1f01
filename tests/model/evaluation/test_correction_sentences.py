"""The tables of sentences that the grammar of corrections is judged by."""

from __future__ import annotations

import pytest

from rose_model.correction_grammar import Intent, Request, read_request
from rose_model.evaluation import sentence_tables
from rose_model.evaluation.sentence_tables import (
    NOT_HELD_OUT,
    GrammarTables,
    StatedLabel,
    deletions,
    stated_labels,
)


def fitted(sentences: list[StatedLabel]) -> list[StatedLabel]:
    return [sentence for sentence in sentences if sentence.held_out == NOT_HELD_OUT]


def test_sixty_sentences_name_and_sixty_do_not() -> None:
    named = [sentence.label != '' for sentence in fitted(stated_labels())]
    assert (sum(named), len(named)) == (60, 120)


def test_thirty_wordings_delete_and_thirty_do_not() -> None:
    deletes = [sentence.deletes for sentence in deletions() if sentence.held_out == NOT_HELD_OUT]
    assert (sum(deletes), len(deletes)) == (30, 60)


def test_no_sentence_stands_in_a_table_twice() -> None:
    for sentences in (stated_labels(), deletions()):
        texts = {sentence.text.casefold() for sentence in sentences}
        assert len(texts) == len(sentences)


def test_labels_are_lower_case_and_stand_in_their_sentences() -> None:
    for sentence in stated_labels():
        if sentence.label:
            assert sentence.label == sentence.label.lower()
            assert sentence.label in sentence.text.lower()


def test_the_grammar_reads_the_labels_of_its_table() -> None:
    figure = GrammarTables().figures()['label_grammar']
    assert figure.value >= 0.98
    assert figure.count == 120


def test_the_grammar_reads_the_deletions_of_its_table() -> None:
    figure = GrammarTables().figures()['delete_ok']
    assert figure.value >= 0.95
    assert figure.count == 60


def test_the_grammar_reads_the_intents_of_its_table() -> None:
    wrong = [
        sentence.text
        for sentence in fitted(stated_labels())
        if sentence.intent not in (None, read_request(sentence.text).intent)
    ]
    assert wrong == []


def test_sentences_that_came_later_are_read_too() -> None:
    later = [sentence for sentence in stated_labels() if sentence.held_out != NOT_HELD_OUT]
    right = [(read_request(sentence.text).label or '') == sentence.label for sentence in later]
    assert sum(right) / len(right) >= 0.95
    others = [sentence for sentence in deletions() if sentence.held_out != NOT_HELD_OUT]
    told = [
        (read_request(sentence.text).intent is Intent.DELETE) == sentence.deletes
        for sentence in others
    ]
    assert sum(told) / len(told) >= 0.95


def test_a_reader_that_says_nothing_is_right_about_half(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sentence_tables, 'read_request', lambda text: Request(Intent.OTHER))
    figures = GrammarTables().figures()
    assert figures['label_grammar'].value == 0.5
    assert figures['delete_ok'].value == 0.5
