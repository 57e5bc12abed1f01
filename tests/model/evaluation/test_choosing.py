"""Thresholds are chosen on validation scenes, by what they reject and what they gain."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from rose_model.data.streets import render_scene
from rose_model.errors import RefinementRejectedError
from rose_model.evaluation import choose_acceptance, choose_presence
from rose_model.evaluation.choose_acceptance import (
    MOST_HARM,
    RIGHT,
    SELF,
    WRONG,
    Outcome,
    best_rule,
    measure_outcomes,
    outcome_table,
    rules,
)
from rose_model.evaluation.choose_presence import (
    best_threshold,
    measure_presence,
    presence_table,
    shares_below,
)
from rose_model.evaluation.choosing import CHOSEN_ON, open_unrefusing, validation_numbers
from rose_model.evaluation.streets import SPLITS
from rose_model.evaluation.unseen_sentences import SENSELESS_UNSEEN, foreign_nouns_of
from rose_model.records import Refinement, RefinementCase, Segmentation


def test_no_threshold_is_chosen_on_test_scenes() -> None:
    assert CHOSEN_ON == 'validation'
    first = SPLITS['test'].first
    assert validation_numbers(40) == range(2_000_000, 2_000_040)
    assert not set(validation_numbers(1000)) & set(range(first, first + 500_000))
    for module in (choose_presence, choose_acceptance):
        assert module.validation_numbers is validation_numbers


def test_a_model_that_refuses_nothing_keeps_its_other_thresholds() -> None:
    segmenter = open_unrefusing('nano')
    limits = segmenter.config.refinement
    assert (limits.min_presence, limits.keep_above, limits.keep_slope) == (0, -2, 0)
    assert segmenter.config.patch_filter.min_objectness > 0


PRESENCES = {
    'refer_foreign': [0.1, 0.2, 0.3, 0.9],
    'refer_present': [0.32] + [0.8] * 19,
    'missed_foreign': [0.1, 0.7],
    'missed_present': [0.9] * 10,
}


def test_a_threshold_rejects_what_lies_below_it() -> None:
    shares = shares_below(PRESENCES, 0.25)
    assert shares['refer'] == shares['refer_foreign'] == 0.5
    assert shares['missed'] == 0.5
    assert shares['refer_present'] == shares['missed_present'] == 0


def test_the_threshold_that_rejects_most_and_loses_little_is_chosen_and_the_lowest_such() -> None:
    assert best_threshold(PRESENCES) == 0.35
    assert best_threshold({**PRESENCES, 'missed_present': [0.0]}) is None
    for way in ('refer', 'missed'):
        table = presence_table(PRESENCES, way)
        assert table.row_count == len(choose_presence.THRESHOLDS) + 1
        assert [column.header for column in table.columns[2:]] == ['foreign', 'present']


class Asked:
    """Answers everything with its one segment."""

    def __init__(self, segment) -> None:
        self.segment, self.heard = segment, []

    def refer(self, image, description):
        self.heard.append(description)
        return Segmentation((self.segment,), (120, 160), '', image)

    def refine(self, segmentation, text='', **_):
        self.heard.append(text)
        raise RefinementRejectedError('no')


def test_thresholds_are_chosen_by_other_words_than_those_of_the_test(truth, frame_of) -> None:
    street = render_scene(2_000_003, (120, 160))
    model = Asked(truth(street)[0])
    presences = measure_presence(model, [frame_of(street, [], n) for n in range(20)])
    assert set(presences['refer_foreign']) == {model.segment.objectness}
    assert set(presences['missed_foreign']) == {0.0}
    assert len(presences['refer_present']) == len(presences['missed_present'])
    heard = ' '.join(model.heard)
    tested = [noun for noun in foreign_nouns_of('test') if f' {noun}.' in heard]
    own = foreign_nouns_of('validation')
    assert all(any(noun.endswith(f' {test}') for noun in own) for test in tested)
    assert not set(model.heard) & set(SENSELESS_UNSEEN)


OUTCOMES = [
    # a large gain where much changes, a loss where little does
    *[Outcome(RIGHT, 0.3, 0.8, 0.5)] * 8,
    *[Outcome(RIGHT, -0.1, 0.85, 0.9)] * 8,
    *[Outcome(WRONG, 0.1, 0.8, 0.5)] * 2,
    *[Outcome(SELF, 0.05, 0.9, 0.8)] * 2,
    Outcome(RIGHT, 0.0),
]


def test_the_best_rule_takes_what_gains_and_harms_at_most_one_of_ten() -> None:
    best = best_rule(rules(OUTCOMES))
    assert best is not None
    assert best.harm[RIGHT] <= MOST_HARM
    assert best.gain[RIGHT] == pytest.approx(8 * 0.3 / 17)
    assert best.above + best.slope * 0.5 < 0.8
    assert best.above + best.slope * 0.9 >= 0.85


def test_what_was_not_answered_gains_and_harms_nothing_by_any_rule() -> None:
    found = rules([Outcome(RIGHT, 0.0)])
    assert {rule.gain[RIGHT] for rule in found} == {rule.harm[RIGHT] for rule in found} == {0.0}
    assert outcome_table([]).row_count == 3 * len(choose_acceptance.OVERLAP_BINS)


def test_outcomes_are_measured_with_right_and_wrong_names_and_doubtful_masks(
    truth, frame_of
) -> None:
    """An answer that changes nothing gains nothing and overlaps the given mask by all."""

    class Stubborn:
        def refine(self, segmentation, text='', *, segment_id='', **_):
            old = segmentation.find(segment_id)
            return Refinement(RefinementCase.MASK, (old,), (), segmentation)

    street = render_scene(2_000_003, (120, 160))
    segments = [replace(segment, objectness=0.3) for segment in truth(street)]
    frame = frame_of(street, segments)
    outcomes = measure_outcomes(Stubborn(), [frame])
    kinds = [outcome.kind for outcome in outcomes]
    assert kinds.count(RIGHT) == kinds.count(WRONG) == 2
    assert kinds.count(SELF) == min(10, len(segments))
    assert {outcome.gain for outcome in outcomes} == {0.0}
    assert {outcome.overlap for outcome in outcomes} == {1.0}
    assert not any(math.isnan(outcome.expected) for outcome in outcomes)
    assert np.isfinite([outcome.gain for outcome in outcomes]).all()
