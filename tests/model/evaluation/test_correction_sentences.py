"""The tables of sentences that the grammar of corrections is judged by."""

from __future__ import annotations

from rose_model.correction_grammar import Intent, Request, read_request
from rose_model.evaluation.correction_sentences import (
    LabelSentence,
    delete_ok,
    deletion_sentences,
    label_grammar,
    label_sentences,
)


def by_set(sentences: tuple[LabelSentence, ...], held_out: str) -> list[LabelSentence]:
    return [sentence for sentence in sentences if sentence.held_out == held_out]


def test_sixty_sentences_name_and_sixty_do_not() -> None:
    named = [sentence.label is not None for sentence in by_set(label_sentences(), '')]
    assert (sum(named), len(named)) == (60, 120)


def test_thirty_wordings_delete_and_thirty_do_not() -> None:
    deletes = [sentence.deletes for sentence in deletion_sentences() if not sentence.held_out]
    assert (sum(deletes), len(deletes)) == (30, 60)


def test_no_sentence_stands_in_a_table_twice() -> None:
    for sentences in (label_sentences(), deletion_sentences()):
        texts = {sentence.text.casefold() for sentence in sentences}
        assert len(texts) == len(sentences)


def test_labels_are_lower_case_and_stand_in_their_sentences() -> None:
    for sentence in label_sentences():
        if sentence.label is not None:
            assert sentence.label == sentence.label.lower()
            assert sentence.label in sentence.text.lower()


def test_the_grammar_reads_the_labels_of_its_table() -> None:
    assert label_grammar().value >= 0.98
    assert label_grammar().count == 120


def test_the_grammar_reads_the_deletions_of_its_table() -> None:
    assert delete_ok().value >= 0.95
    assert delete_ok().count == 60


def test_the_grammar_reads_the_intents_of_its_table() -> None:
    wrong = [
        sentence.text
        for sentence in by_set(label_sentences(), '')
        if sentence.intent not in (None, read_request(sentence.text).intent)
    ]
    assert wrong == []


def test_sentences_that_came_later_are_read_too() -> None:
    later = [sentence for sentence in label_sentences() if sentence.held_out]
    right = [read_request(sentence.text).label == sentence.label for sentence in later]
    assert sum(right) / len(right) >= 0.95
    others = [sentence for sentence in deletion_sentences() if sentence.held_out]
    told = [
        (read_request(sentence.text).intent is Intent.DELETE) == sentence.deletes
        for sentence in others
    ]
    assert sum(told) / len(told) >= 0.95


def test_a_reader_that_says_nothing_is_right_about_half() -> None:
    assert label_grammar(lambda text: Request(Intent.OTHER)).value == 0.5
    assert delete_ok(lambda text: Request(Intent.OTHER)).value == 0.5
