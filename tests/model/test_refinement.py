"""Corrections in words: which situation they are, and what becomes of the answer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from rose_model.config import RoseConfig
from rose_model.errors import (
    InvalidRequestError,
    NoSuchSegmentError,
    RefinementError,
    RefinementRejectedError,
    TextEmptyError,
    TextTooLongError,
)
from rose_model.instructions import REFINEMENTS, missed_label, stated_label, with_box
from rose_model.postprocess import crop_masks
from rose_model.preprocess import FrameGeometry
from rose_model.records import (
    FrameContext,
    PointHint,
    RefinementCase,
    RefineTarget,
    Segment,
    Segmentation,
)
from rose_model.refinement import (
    allowed_patches,
    check_text,
    given_logits,
    interpret,
    segment_iou,
    write_back,
)

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


def test_a_given_mask_stays_where_the_model_is_not_sure(config: RoseConfig) -> None:
    geometry = FrameGeometry.of((48, 64), config)
    mask = np.zeros((48, 64), bool)
    mask[:, 32:] = True
    given = given_logits(mask, geometry, config.sam)
    assert given.shape == (config.sam.mask_size, config.sam.mask_size)
    unsure = torch.linspace(-1.0, 1.0, given.shape[0]).expand_as(given)
    kept = crop_masks((given + unsure)[None], geometry)[0]
    assert kept.box_xyxy == (32, 0, 64, 48)
    assert kept.mask.all()
    sure = torch.full_like(given, 9.0)
    assert crop_masks((given + sure)[None], geometry)[0].box_xyxy == (0, 0, 64, 48)


@pytest.mark.parametrize('case', list(RefinementCase))
def test_each_situation_has_ten_different_instructions(case: RefinementCase) -> None:
    assert len(set(REFINEMENTS[case])) == 10


@pytest.mark.parametrize(
    ('text', 'label'),
    [
        ('I think this is a street sweeper.', 'street sweeper'),
        ('Change the label to e-scooter.', 'e-scooter'),
        ('rename it to bus', 'bus'),
        ('This is not a car but a bus', 'bus'),
        ('this is a bus', 'bus'),
        ('No, this is a fire truck.', 'fire truck'),
        ("It's a red traffic light!", 'red traffic light'),
        ('This is actually an ambulance, not a car', 'ambulance'),
        ('call it road works sign', 'road works sign'),
        ('the label should be tram', 'tram'),
        ('The label is wrong, this is a red truck.', 'red truck'),
    ],
)
def test_a_label_that_the_user_states_is_understood(text: str, label: str) -> None:
    assert stated_label(text) == label


@pytest.mark.parametrize(
    'text',
    [
        'include the whole car',
        'this is not a bus',
        'this is definitely not a bus',
        'this is wrong',
        'This is bad',
        "It's bigger",
        'It is a bit too large',
        'It is cut off on the left.',
        'you missed the dog',
        '',
    ],
)
def test_other_sentences_state_no_label(text: str) -> None:
    assert stated_label(text) is None


@pytest.mark.parametrize(
    ('text', 'label'),
    [
        ('You missed the cyclist on the left.', 'cyclist'),
        ('you forgot a traffic light behind the tree', 'traffic light'),
        ('There is a red car in front of the house', 'red car'),
        ('Please add the tuk-tuk.', 'tuk-tuk'),
        ('You missed the leftmost car', 'car'),
        ('include the whole car', None),
        ('you missed the one', 'one'),
        ('you missed it', None),
        ('', None),
    ],
)
def test_what_was_missed_is_called_as_the_user_calls_it(text: str, label: str | None) -> None:
    assert missed_label(text) == label


def test_a_box_that_the_user_gives_is_kept(frame: Segmentation) -> None:
    text = 'Fix it. It is in [0.10, 0.20, 0.30, 0.40].'
    assert interpret(frame, text, '1', RefineTarget.AUTO).instruction == text
    own = interpret(frame, 'Fix it.', '1', RefineTarget.AUTO).instruction
    assert own == 'Fix it. It is in [0.00, 0.00, 0.50, 0.50].'


def test_a_box_is_written_in_shares_with_two_decimals() -> None:
    assert (
        with_box('Fix it.', (0.5, 0.25, 1.2, 1 / 3))
        == 'Fix it. It is in [0.50, 0.25, 1.00, 0.33].'
    )
    assert with_box('Fix it.', None) == 'Fix it.'


def test_the_three_situations_are_told_apart(frame: Segmentation) -> None:
    auto = RefineTarget.AUTO
    missed = interpret(frame, 'you missed the dog', '', auto)
    mask = interpret(frame, 'include the wheels', '1', auto)
    category = interpret(frame, 'this is a bus', '1', auto)
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
        interpret(frame, 'this is a bus', '99', RefineTarget.AUTO)


def test_without_points_every_patch_may_answer() -> None:
    assert allowed_patches((), None, GEOMETRY).all()


def test_points_narrow_the_patches_that_may_answer() -> None:
    near = allowed_patches((PointHint(5, 5, is_foreground=True),), None, GEOMETRY)
    far = allowed_patches((PointHint(5, 5, is_foreground=False),), None, GEOMETRY)
    assert near[0]
    assert not near[35]
    assert np.array_equal(near, ~far)


@pytest.mark.parametrize('x', [-1.0, 60.0, float('nan')])
def test_points_outside_of_the_image_are_refused(x: float) -> None:
    with pytest.raises(InvalidRequestError, match='outside'):
        allowed_patches((PointHint(x, 5, is_foreground=True),), None, GEOMETRY)


def test_a_refined_mask_takes_the_old_ones_place(frame: Segmentation) -> None:
    request = interpret(frame, 'include the wheels', '1', RefineTarget.AUTO)
    result = write_back(frame, request, make_segment(0, (0, 0, 32, 22), 'bus'), 0.6)
    (changed,) = result.changed
    assert (changed.id, changed.category, changed.revision) == ('1', 'car', 1)
    assert changed.box_xyxy == (0, 0, 32, 22)
    assert len(result.segmentation.segments) == 2
    assert frame.find('1').revision == 0  # the frame itself is not touched


def test_a_stated_label_comes_back_as_the_label(frame: Segmentation) -> None:
    request = interpret(frame, 'this is a tram', '1', RefineTarget.AUTO)
    (changed,) = write_back(frame, request, make_segment(0, (0, 0, 30, 20), 'bus'), 0.6).changed
    assert (changed.category, changed.category_score) == ('tram', 1.0)


def test_a_correction_of_a_segment_is_answered_at_its_centre(frame: Segmentation) -> None:
    """The best patch of the whole image may be another object's: a bicycle once became a tree."""
    allowed = allowed_patches((), frame.segments[0], GEOMETRY).reshape(6, 6)
    assert allowed[1, 1]  # the segment fills the upper left quarter of the 6 x 6 grid
    elsewhere = replace(frame.segments[0], patch=35)
    assert allowed_patches((), elsewhere, GEOMETRY)[35]  # what predicted it may answer as well
    assert not allowed[3:].any()
    assert not allowed[:, 3:].any()


def test_points_away_from_the_segment_leave_no_place(frame: Segmentation) -> None:
    with pytest.raises(InvalidRequestError, match='leave no place'):
        allowed_patches((PointHint(59, 39, is_foreground=True),), frame.segments[0], GEOMETRY)


def test_a_mask_of_another_object_is_rejected(frame: Segmentation) -> None:
    request = interpret(frame, 'include the wheels', '1', RefineTarget.AUTO)
    with pytest.raises(RefinementRejectedError, match=r"IoU of only 0\.00 with segment '1'"):
        write_back(frame, request, make_segment(0, (40, 20, 60, 40)), 0.6)


@pytest.mark.parametrize('text', ['look at its name again', 'this is a bus'])
def test_a_label_correction_keeps_the_mask(frame: Segmentation, text: str) -> None:
    request = interpret(frame, text, '1', RefineTarget.AUTO)
    (changed,) = write_back(frame, request, make_segment(0, (0, 0, 9, 9), 'bus'), 0.6).changed
    assert changed.category == 'bus'
    assert changed.box_xyxy == (0, 0, 30, 20)


def test_a_missed_object_gets_an_id_of_its_own(frame: Segmentation) -> None:
    request = interpret(frame, 'you missed the dog', '', RefineTarget.AUTO)
    result = write_back(frame, request, make_segment(0, (30, 0, 40, 10), 'dog'), 0.6)
    assert result.changed[0].id == '3'
    assert len(result.segmentation.segments) == 3


def test_a_missed_object_that_is_there_already_takes_its_place(frame: Segmentation) -> None:
    request = interpret(frame, 'you missed the bus', '', RefineTarget.AUTO)
    result = write_back(frame, request, make_segment(0, (1, 0, 30, 20), 'bus'), 0.6)
    assert (result.changed[0].id, result.changed[0].category) == ('1', 'bus')
    assert len(result.segmentation.segments) == 2


def test_segment_iou_equals_the_iou_of_full_masks() -> None:
    generator = np.random.default_rng(0)
    for _ in range(30):
        segments = []
        for _ in range(2):
            x1, y1 = generator.integers(0, 30, 2).tolist()
            width, height = generator.integers(1, 20, 2).tolist()
            mask = generator.random((height, width)) < 0.7
            mask[0, 0] = True
            box = (x1, y1, x1 + width, y1 + height)
            segments.append(Segment('', '', 1, 1, 1, True, box, mask, 0))
        first, second = (segment.full_mask((60, 60)) for segment in segments)
        expected = (first & second).sum() / (first | second).sum()
        assert segment_iou(*segments) == pytest.approx(expected)


@pytest.mark.parametrize('segment_id', ['1', ''])
def test_a_stated_label_is_as_short_as_a_generated_one(
    frame: Segmentation, segment_id: str
) -> None:
    sentence = 'this is a {}' if segment_id else 'you missed the {}'
    request = interpret(frame, sentence.format('x' * 64), segment_id, RefineTarget.AUTO)
    assert request.label == 'x' * 64
    with pytest.raises(TextTooLongError, match='65 characters; at most 64'):
        interpret(frame, sentence.format('x' * 65), segment_id, RefineTarget.AUTO)


@pytest.mark.parametrize('word', ['ёж', '消防車', 'e-scooter', 'façade', 'ǅ', '½x', 'a_b', '٣٣'])
def test_a_stated_label_is_printable(frame: Segmentation, word: str) -> None:
    label = interpret(frame, f'this is a {word}', '1', RefineTarget.AUTO).label
    assert label is not None
    assert label.isprintable()
