"""Sentences about labels, deletions and areas, and those that training never shows."""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from rose_model.correction_grammar import Intent, Request
from rose_model.data.streets import render_scene
from rose_model.errors import NotUnderstoodError, RefinementRejectedError
from rose_model.evaluation import sentence_tables, unseen_sentences
from rose_model.evaluation.area_direction import (
    TOO_LARGE,
    TOO_SMALL,
    AreaDirection,
    resized_mask,
)
from rose_model.evaluation.asked_deletions import AskedDeletions
from rose_model.evaluation.sentence_tables import (
    NOT_HELD_OUT,
    GrammarTables,
    deletions,
    stated_labels,
)
from rose_model.evaluation.single import segment_of_mask
from rose_model.prompts import composed, sentences
from rose_model.records import Refinement, RefinementCase
from rose_model.training.distractors import SENSELESS, foreign_nouns


def values(part) -> dict[str, float]:
    return {key: figure.value for key, figure in part.figures().items()}


def test_the_tables_hold_sixty_sentences_of_each_kind() -> None:
    fitted = [label for label in stated_labels() if label.held_out == NOT_HELD_OUT]
    assert sum(bool(label.label) for label in fitted) == 60
    assert sum(not label.label for label in fitted) == 60
    removals = [sentence.deletes for sentence in deletions() if sentence.held_out == NOT_HELD_OUT]
    assert (removals.count(True), removals.count(False)) == (30, 30)


def test_a_label_has_to_be_read_exactly_and_as_what_it_is(monkeypatch) -> None:
    answers = {
        'This is a black car.': Request(Intent.NAME, 'black car'),
        'You missed the cyclist on the left.': Request(Intent.NAME, 'cyclist'),
        'It should be larger.': Request(Intent.GROW),
        'wrong label': Request(Intent.NAME, 'label'),
    }
    monkeypatch.setattr(sentence_tables, 'read_request', answers.__getitem__)
    read = {row.text: row.is_read() for row in stated_labels() if row.text in answers}
    assert read == {
        'This is a black car.': True,
        'You missed the cyclist on the left.': False,
        'It should be larger.': True,
        'wrong label': False,
    }


def test_who_reads_nothing_is_right_about_what_names_and_deletes_nothing(monkeypatch) -> None:
    monkeypatch.setattr(sentence_tables, 'read_request', lambda text: Request(Intent.OTHER))
    figures = GrammarTables().figures()
    assert figures['label_grammar'].value == figures['delete_ok'].value == 0.5
    assert (figures['label_grammar'].count, figures['delete_ok'].count) == (120, 60)
    for key, rows in (('label_grammar', stated_labels()), ('delete_ok', deletions())):
        sets = Counter(row.held_out for row in rows)
        assert figures[f'{key}_held_out'].count == len(rows) - sets.pop(NOT_HELD_OUT)
        assert {name: figures[f'{key}_held_out_{name}'].count for name in sets} == sets


class Deleter:
    """Deletes whenever it is asked for anything in ``words``; refuses everything else."""

    def __init__(self, *words: str) -> None:
        self.words = words

    def refine(self, segmentation, text='', *, segment_id='', **_) -> Refinement:
        if not any(word in text for word in self.words):
            raise NotUnderstoodError('no')
        rest = tuple(item for item in segmentation.segments if item.id != segment_id)
        frame = segmentation.with_segments(rest)
        return Refinement(RefinementCase.DELETE, (), (segment_id,), frame)


def asked(model, sample, truth, frame_of, frames: int = 40):
    part = AskedDeletions(model)
    for number in range(frames):
        part.add(frame_of(sample, truth(sample), number))
    return part.figures()['delete_ok_frames']


def test_every_sentence_has_its_turn_once(sample, truth, frame_of) -> None:
    always = asked(Deleter(''), sample, truth, frame_of)
    never = asked(Deleter(), sample, truth, frame_of)
    assert (always.value, always.count) == (0.5, 60)
    assert (never.value, never.count) == (0.5, 60)


def test_who_deletes_another_segment_as_well_has_not_obeyed(sample, truth, frame_of) -> None:
    class Sweeper(Deleter):
        def refine(self, segmentation, text='', *, segment_id='', **_):
            frame = segmentation.with_segments(())
            return Refinement(RefinementCase.DELETE, (), (segment_id,), frame)

    assert (
        asked(Sweeper(), sample, truth, frame_of, 15).value == 0
    )  # thirty that delete come first


def test_a_frame_without_a_found_thing_is_asked_nothing(sample, frame_of) -> None:
    part = AskedDeletions(Deleter(''))
    part.add(frame_of(sample, []))
    assert part.figures() == {}


class Resizer:
    """Answers with a mask of another area: grown where the text asks for it, or the other way."""

    def __init__(self, *, obeys: bool = True, error: Exception | None = None) -> None:
        self.obeys, self.error = obeys, error

    def refine(self, segmentation, text='', *, segment_id='', **_) -> Refinement:
        if self.error is not None:
            raise self.error
        old = segmentation.find(segment_id)
        patterns = (template.format(category=old.category) for template in GROWING)
        grows = (text in patterns) == self.obeys
        mask = old.full_mask(segmentation.original_size)
        rows = np.flatnonzero(mask.any(axis=1))
        changed = mask.copy()
        if grows:
            changed[rows[0] - 1] = changed[rows[0]]
        else:
            changed[rows[0]] = False
        segment = replace(segment_of_mask(changed, old.category, 4), id=segment_id)
        frame = segmentation.with_segments((segment,))
        return Refinement(RefinementCase.MASK, (segment,), (), frame)


GROWING = unseen_sentences.GROW_UNSEEN


@pytest.fixture
def street_frame(frame_of):
    sample = render_scene(1_000_003, (120, 160))
    return frame_of(sample, [], 1_000_003)


def test_areas_that_move_the_right_way_or_are_rejected_are_right(street_frame) -> None:
    shares = {}
    for name, model in {
        'obeys': Resizer(),
        'resists': Resizer(obeys=False),
        'rejects': Resizer(error=RefinementRejectedError('no')),
        'is at a loss': Resizer(error=NotUnderstoodError('no')),
    }.items():
        part = AreaDirection(model)
        part.add(street_frame)
        figures = values(part)
        shares[name] = (figures['area_direction'], figures['area_direction_answered'])
        assert math.isnan(figures['area_direction_gain']) == (model.error is not None)
    assert shares == {
        'obeys': (1, 1),
        'resists': (0, 1),
        'rejects': (1, 0),
        'is at a loss': (0, 0),
    }


def test_an_empty_mask_is_not_a_smaller_one(street_frame) -> None:
    class Deletes(Deleter):
        def __init__(self) -> None:
            super().__init__('')

    part = AreaDirection(Deletes())
    part.add(street_frame)
    assert values(part)['area_direction'] == 0


def test_a_resized_mask_is_clearly_too_small_or_too_large() -> None:
    mask, rng = np.zeros((60, 80), bool), np.random.default_rng(0)
    mask[20:40, 25:55] = True
    for is_smaller in (True, False):
        drawn = [resized_mask(mask, rng, is_smaller=is_smaller) for _ in range(20)]
        shares = [each.sum() / mask.sum() for each in drawn if each is not None]
        assert len(shares) > 10
        assert all(share < TOO_SMALL if is_smaller else share > TOO_LARGE for share in shares)


def lists_of(module) -> dict[str, tuple[str, ...]]:
    return {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, tuple) and value and all(isinstance(each, str) for each in value)
    }


def test_no_list_of_training_has_an_unseen_sentence() -> None:
    taught = {sentence for each in lists_of(sentences).values() for sentence in each}
    taught |= {s for table in (sentences.REFINEMENTS, sentences.PLAIN_REFINEMENTS)
               for each in table.values() for s in each}  # fmt: skip
    taught |= set(SENSELESS)
    own = {
        sentence
        for name, each in lists_of(unseen_sentences).items()
        if name.isupper() and name != 'PAPER_PROMPTS'
        for sentence in each
    }
    assert len(own) == 10 + 20 + 20
    assert not {each.casefold() for each in own} & {each.casefold() for each in taught}


def test_no_unseen_instruction_can_be_put_together_by_training() -> None:
    def either(parts) -> str:
        return '(?:' + '|'.join(re.escape(part) for part in sorted(set(parts))) + ')'

    polite, verbs, where = composed._POLITE, composed._VERBS, composed._WHERE
    what = (*composed._EVERYTHING, *composed._OBJECTS)
    slots = (polite, verbs, [' '], what, where, composed._ONLY, composed._ENDS)
    pattern = re.compile(''.join(map(either, slots)) + '[.?]', re.IGNORECASE)
    rng = np.random.default_rng(0)
    assert all(
        pattern.fullmatch(composed.compose_instruction(rng, is_foreground=bool(n % 2)))
        for n in range(50)
    )
    unseen = (*unseen_sentences.ALL_REGIONS_UNSEEN, *unseen_sentences.FOREGROUND_UNSEEN)
    assert not any(pattern.fullmatch(sentence) for sentence in unseen)


def test_validation_and_test_share_no_absent_noun_and_training_has_none() -> None:
    validation, test = (unseen_sentences.foreign_nouns_of(s) for s in ('validation', 'test'))
    assert not set(validation) & set(test)
    assert not {*validation, *test} & set(foreign_nouns())
    assert len(test) >= 30
    mine = unseen_sentences.SENSELESS_UNSEEN, unseen_sentences.SENSELESS_VALIDATION
    assert not set.intersection(*map(set, mine))


def test_no_sentence_about_areas_is_in_the_tables_to_which_the_grammar_was_fitted() -> None:
    fitted = {row.text.casefold() for row in (*stated_labels(), *deletions())}
    own = itertools.chain(unseen_sentences.GROW_UNSEEN, unseen_sentences.SHRINK_UNSEEN)
    assert not {each.casefold() for each in own} & fitted
