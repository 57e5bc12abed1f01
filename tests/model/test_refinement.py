"""Corrections in words: which situation they are, and what the model is asked."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rose_model.errors import (
    InvalidRequestError,
    NoSuchSegmentError,
    NotUnderstoodError,
    RefinementError,
    TextEmptyError,
    TextTooLongError,
)
from rose_model.instructions import with_box
from rose_model.preprocess import FrameGeometry
from rose_model.prompts.sentences import PLAIN_REFINEMENTS, REFINEMENTS
from rose_model.records import (
    FrameContext,
    RefinementCase,
    RefineTarget,
    Segment,
    Segmentation,
)
from rose_model.refinement import check_text, interpret

GEOMETRY = FrameGeometry((40, 60), (40, 60), 60, 6)


def make_segment(number: int, box: tuple[int, int, int, int], category: str = 'car') -> Segment:
    x1, y1, x2, y2 = box
    mask = np.ones((y2 - y1, x2 - x1), bool)
    return Segment(str(number), category, 0.9, 0.8, 0.7, True, box, mask, 0)


@pytest.fixture
def frame() -> Segmentation:
    context = FrameContext(torch.zeros(3, 48, 48, dtype=torch.uint8), torch.zeros(1), GEOMETRY)
    segments = (make_segment(1, (0, 0, 30, 20)), make_segment(2, (40, 20, 60, 40), 'tree'))
    return Segmentation(segments, (40, 60), 'everything', context)


@pytest.mark.parametrize('case', list(REFINEMENTS))
@pytest.mark.parametrize('sentences', [REFINEMENTS, PLAIN_REFINEMENTS])
def test_each_situation_has_ten_different_instructions(
    sentences: dict[RefinementCase, tuple[str, ...]], case: RefinementCase
) -> None:
    assert len(set(sentences[case])) == 10
    assert all(('{category}' in text) == (sentences is REFINEMENTS) for text in sentences[case])


def test_a_box_that_the_user_gives_is_kept(frame: Segmentation) -> None:
    text = 'Fix its mask. It is in [0.10, 0.20, 0.30, 0.40].'
    assert interpret(frame, text, '1').instruction == text
    own = interpret(frame, 'Fix its mask.', '1').instruction
    assert own == 'Fix its mask. It is in [0.00, 0.00, 0.50, 0.50].'


def test_a_box_is_written_in_shares_with_two_decimals() -> None:
    assert (
        with_box('Fix it.', (0.5, 0.25, 1.2, 1 / 3))
        == 'Fix it. It is in [0.50, 0.25, 1.00, 0.33].'
    )
    assert with_box('Fix it.', None) == 'Fix it.'


def test_the_three_situations_are_told_apart(frame: Segmentation) -> None:
    missed = interpret(frame, 'you missed the dog')
    mask = interpret(frame, 'include the wheels', '1')
    category = interpret(frame, 'this is a bus', '1')
    assert (missed.case, missed.segment) == (RefinementCase.MISSED, None)
    assert (mask.case, mask.keeps_category) == (RefinementCase.MASK, True)
    assert (category.case, category.label) == (RefinementCase.CATEGORY, 'bus')


def test_the_target_overrules_the_text(frame: Segmentation) -> None:
    label_only = interpret(frame, 'look again', '1', RefineTarget.LABEL)
    assert (label_only.case, label_only.keeps_mask) == (RefinementCase.CATEGORY, True)
    both = interpret(frame, 'look again', '1', RefineTarget.BOTH)
    assert (both.case, both.keeps_mask, both.keeps_category) == (
        RefinementCase.CATEGORY,
        False,
        False,
    )
    mask_only = interpret(frame, 'this is a bus', '1', RefineTarget.MASK)
    assert (mask_only.case, mask_only.keeps_category) == (RefinementCase.MASK, True)


@pytest.mark.parametrize(
    ('text', 'error'),
    [
        ('', TextEmptyError),
        (' \n\t ', TextEmptyError),
        ('x' * 1025, TextTooLongError),
        ('x' * 1_000_000, TextTooLongError),
        ('bad \x1b[31m code', InvalidRequestError),
        ('right \u202eto left', InvalidRequestError),
        ('broken \ufffd bytes', InvalidRequestError),
        ('zero \x00 byte', InvalidRequestError),
    ],
)
def test_texts_that_cannot_be_used_are_refused(text: str, error: type[RefinementError]) -> None:
    with pytest.raises(error):
        check_text(text)


def test_the_longest_text_and_other_scripts_are_accepted() -> None:
    assert check_text('x' * 1024)
    assert check_text('  das ist ein Straßenschild 🚧 ') == 'das ist ein Straßenschild 🚧'


def test_an_unknown_segment_is_named_in_the_error(frame: Segmentation) -> None:
    with pytest.raises(NoSuchSegmentError, match="'99'"):
        interpret(frame, 'this is a bus', '99')


@pytest.mark.parametrize('text', ['delete this', 'this is nothing, remove it'])
def test_a_segment_can_be_deleted_by_words(frame: Segmentation, text: str) -> None:
    request = interpret(frame, text, '1')
    assert (request.case, request.needs_model) == (RefinementCase.DELETE, False)


def test_a_segment_can_be_deleted_without_words(frame: Segmentation) -> None:
    request = interpret(frame, '', '1', remove=True)
    assert (request.case, request.segment.id) == (RefinementCase.DELETE, '1')


def test_what_is_to_be_removed_from_a_mask_deletes_no_segment(frame: Segmentation) -> None:
    request = interpret(frame, 'remove the background from the mask', '1')
    assert (request.case, request.growth) == (RefinementCase.MASK, -1)


@pytest.mark.parametrize(
    'contradiction',
    [
        {'segment_id': ''},
        {'segment_id': '1', 'label': 'bus'},
        {'segment_id': '1', 'is_clicked': True},
        {'segment_id': '1', 'target': RefineTarget.MASK},
    ],
)
def test_a_deletion_that_says_something_else_too_is_refused(
    frame: Segmentation, contradiction: dict[str, object]
) -> None:
    with pytest.raises(InvalidRequestError, match=r'delete'):
        interpret(frame, '', remove=True, **contradiction)


def test_words_delete_nothing_without_a_segment(frame: Segmentation) -> None:
    with pytest.raises(InvalidRequestError, match='give its id'):
        interpret(frame, 'delete the car')


@pytest.mark.parametrize(('text', 'growth'), [('It should be larger.', 1), ('too big', -1)])
def test_larger_and_smaller_have_a_direction(frame: Segmentation, text: str, growth: int) -> None:
    request = interpret(frame, text, '1')
    assert (request.case, request.growth, request.label) == (RefinementCase.MASK, growth, None)


@pytest.mark.parametrize(
    ('text', 'growth'), [('the wheel is missing', 1), ('remove the road', -1)]
)
def test_a_part_that_is_named_is_no_name_of_the_segment(
    frame: Segmentation, text: str, growth: int
) -> None:
    request = interpret(frame, text, '1')
    assert (request.case, request.label, request.growth) == (RefinementCase.MASK, None, growth)


@pytest.mark.parametrize('text', ['wrong', 'no', 'bad one'])
def test_what_says_too_little_is_not_understood(frame: Segmentation, text: str) -> None:
    with pytest.raises(NotUnderstoodError, match='does not say what is wrong'):
        interpret(frame, text, '1')


def test_a_target_or_a_click_says_what_a_short_sentence_does_not(frame: Segmentation) -> None:
    assert interpret(frame, 'wrong', '1', RefineTarget.MASK).case is RefinementCase.MASK
    assert interpret(frame, 'wrong', '1', is_clicked=True).case is RefinementCase.MASK


@pytest.mark.parametrize('text', ['the mask is incomplete', 'the label is wrong'])
def test_a_complaint_about_a_segment_needs_one(frame: Segmentation, text: str) -> None:
    with pytest.raises(NotUnderstoodError, match='give the id'):
        interpret(frame, text)


def test_clicks_alone_say_enough(frame: Segmentation) -> None:
    missed, mask = (interpret(frame, '', segment, is_clicked=True) for segment in ('', '1'))
    assert missed.instruction == PLAIN_REFINEMENTS[RefinementCase.MISSED][0]
    assert mask.instruction.startswith(PLAIN_REFINEMENTS[RefinementCase.MASK][0])


def test_a_label_that_is_given_wins_over_the_text(frame: Segmentation) -> None:
    request = interpret(frame, 'this is a bus', '1', label=' tram ')
    assert (request.label, request.keeps_mask, request.needs_model) == ('tram', True, False)
    both = interpret(frame, '', '1', RefineTarget.BOTH, label='tram')
    assert (both.label, both.keeps_mask, both.needs_model) == ('tram', False, True)
    missed = interpret(frame, '', label='tram')
    assert (missed.case, missed.instruction) == (RefinementCase.MISSED, 'You missed the tram.')


@pytest.mark.parametrize('label', ['  ', 'a\nb', 'a\u202eb'])
def test_a_label_that_is_no_name_is_refused(frame: Segmentation, label: str) -> None:
    with pytest.raises(InvalidRequestError, match='no name'):
        interpret(frame, '', '1', label=label)


@pytest.mark.parametrize('segment_id', ['1', ''])
def test_a_stated_label_is_as_short_as_a_generated_one(
    frame: Segmentation, segment_id: str
) -> None:
    sentence = 'this is a {}' if segment_id else 'you missed the {}'
    request = interpret(frame, sentence.format('x' * 64), segment_id)
    assert request.label == 'x' * 64
    with pytest.raises(TextTooLongError, match='65 characters; at most 64'):
        interpret(frame, sentence.format('x' * 65), segment_id)


@pytest.mark.parametrize('word', ['ёж', '消防車', 'e-scooter', 'façade', 'ǅ', '½x', 'a_b'])
def test_a_stated_label_is_printable(frame: Segmentation, word: str) -> None:
    label = interpret(frame, f'this is a {word}', '1').label
    assert label is not None
    assert label.isprintable()
