"""Semantic refinement by A.1: which sentence the model hears, and what becomes of its answer."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from rose_model.correction_grammar import read_request
from rose_model.errors import NotUnderstoodError, RefinementRejectedError
from rose_model.evaluation.class_refinement import (
    LabelledImage,
    oracle_refine_classes,
    oracle_sentence,
)
from rose_model.evaluation.protocol import ClassFault
from rose_model.evaluation.semantic import UNMAPPED
from rose_model.evaluation.single import segment_of_mask
from rose_model.evaluation.stacking import ClassStack
from rose_model.instructions import with_box
from rose_model.prompts.sentences import PLAIN_REFINEMENTS
from rose_model.records import Refinement, RefinementCase, RefineTarget
from rose_model.refinement import interpret

CAR, ROAD, SKY = range(3)
NAMES = ('car', 'road', 'sky')
VOID = 255
CASES = (RefinementCase.MASK, RefinementCase.CATEGORY, RefinementCase.MISSED)


def class_of(name: str) -> int:
    return NAMES.index(name) if name in NAMES else UNMAPPED


@pytest.fixture
def labels() -> np.ndarray:
    """8 x 12 pixels: sky of 36, road of 40, a car of 16, 4 void."""
    labels = np.full((8, 12), ROAD)
    labels[:3] = SKY
    labels[3:7, 2:6] = CAR
    labels[7, 8:] = VOID
    return labels


class Truthful:
    """Answers with the true mask of the class whose box the sentence holds, by its true name."""

    def __init__(self, labels: np.ndarray, error: Exception | None = None) -> None:
        self.labels, self.error = labels, error
        self.heard: list[tuple[str, np.ndarray | None, RefineTarget]] = []

    def refine(self, segmentation, text, *, segment_id='', target=RefineTarget.AUTO, points=()):
        given = segmentation.find(segment_id) if segment_id else None
        size = segmentation.original_size
        self.heard.append((text, None if given is None else given.full_mask(size), target))
        if self.error is not None:
            raise self.error
        number = next(n for n in range(3) if self._box(n) in text)
        answer = replace(
            segment_of_mask(self.labels == number, NAMES[number], 4), objectness=0.8, revision=1
        )
        frame = segmentation.with_segments((answer,))
        return Refinement(RefinementCase.MASK, (answer,), (), frame)

    def _box(self, number: int) -> str:
        rows, columns = np.nonzero(self.labels == number)
        box = (
            columns.min() / 12,
            rows.min() / 8,
            (columns.max() + 1) / 12,
            (rows.max() + 1) / 8,
        )
        return '[' + ', '.join(f'{value:.2f}' for value in box) + ']'


@pytest.fixture
def refine(labels, sample, segment_of, frame_of):
    """The classes after the oracle refined the given (mask, name) pairs, and what it heard."""

    def run(pairs, error: Exception | None = None):
        segments = [
            segment_of(mask, name, id=str(n), objectness=0.5)
            for n, (mask, name) in enumerate(pairs)
        ]
        frame = frame_of(sample, segments).segmentation
        stack = ClassStack.of(segments, class_of, (8, 12), 0.1)
        model = Truthful(labels, error)
        image = LabelledImage(frame, stack, labels, NAMES, class_of)
        before = stack.classes().copy()
        refined = oracle_refine_classes(model, image, np.random.default_rng(0))
        np.testing.assert_array_equal(stack.classes(), before)  # the first result stays
        return refined.classes(), model.heard

    return run


def test_a_bad_mask_is_replaced_by_the_answer(labels, refine) -> None:
    """What is called car reaches over to the road; all of it goes with the sentence."""
    too_wide = labels == CAR
    too_wide[3:7, 6:9] = True
    background = [(labels == SKY, 'sky'), ((labels == ROAD) & ~too_wide, 'road')]
    classes, heard = refine([(too_wide, 'car'), *background])
    assert [target for *_, target in heard] == [RefineTarget.MASK] * 2  # car and road
    text, given, _ = heard[0]
    np.testing.assert_array_equal(given, too_wide)
    assert 'car' in text
    assert '[0.17, 0.38, 0.50, 0.88]' in text
    labelled = labels != VOID
    np.testing.assert_array_equal(classes[labelled], labels[labelled])


def test_a_class_that_was_taken_for_another_hears_the_wrong_name(labels, refine) -> None:
    pairs = [(labels == SKY, 'sky'), (labels == ROAD, 'road'), (labels == CAR, 'sky')]
    classes, heard = refine(pairs)
    # Of the sky, which has 16 pixels too many, the mask is said to be wrong; of the car its name.
    (_, _, first), (text, given, second) = sorted(heard, key=lambda item: item[2].value)[::-1]
    assert (first, second) == (RefineTarget.MASK, RefineTarget.BOTH)
    assert 'sky' in text
    assert 'car' not in text
    np.testing.assert_array_equal(given, labels == CAR)  # the segment, not the whole sky
    np.testing.assert_array_equal(classes[3:7, 2:6], CAR)
    np.testing.assert_array_equal(classes[:3], SKY)


def test_what_nobody_predicted_was_missed_and_its_class_is_not_said(labels, refine) -> None:
    """The class of the answer is the name that the model says, not one that it was told."""
    classes, heard = refine([(labels == SKY, 'sky'), (labels == ROAD, 'road')])
    ((text, given, target),) = heard
    assert given is None
    assert target is RefineTarget.AUTO
    assert 'car' not in text
    assert '[0.17, 0.38, 0.50, 0.88]' in text
    np.testing.assert_array_equal(classes[3:7, 2:6], CAR)


def test_no_sentence_of_the_oracle_says_a_class_that_the_model_did_not_predict() -> None:
    """A sentence with the true class is copied back by what reads labels in sentences: of the
    earlier oracle's gain on the strict mean IoU most was that.
    """
    names = ('traffic light', 'pavement', 'sky')
    for number, case in itertools.product(range(3), CASES):
        taken_for = (number + 1) % 3 if case is RefinementCase.CATEGORY else number
        fault = ClassFault(number, case, taken_for)
        predicted = set() if case is RefinementCase.MISSED else {names[taken_for]}
        for seed in range(40):
            text = oracle_sentence(fault, names, np.random.default_rng(seed))
            assert {name for name in names if name in text} == predicted, text


@pytest.mark.parametrize('case', [RefinementCase.MISSED, RefinementCase.CATEGORY])
def test_no_sentence_of_the_oracle_states_a_label(case: RefinementCase) -> None:
    """Neither "target region" nor the wrong name comes back as the name of the answer."""
    fault = ClassFault(0, case, 1)
    for seed in range(40):
        text = oracle_sentence(fault, ('traffic light', 'sky'), np.random.default_rng(seed))
        assert read_request(with_box(text, (0.1, 0.2, 0.3, 0.4))).label is None, text


def test_every_missed_sentence_without_a_category_is_read_as_something_missed(
    frame_of, sample
) -> None:
    frame = frame_of(sample, []).segmentation
    for sentence in PLAIN_REFINEMENTS[RefinementCase.MISSED]:
        request = interpret(frame, with_box(sentence, (0.1, 0.2, 0.3, 0.4)))
        assert (request.case, request.label) == (RefinementCase.MISSED, None), sentence


def test_the_first_missed_sentence_is_the_papers() -> None:
    printed = 'Please segment target region with mask and corresponding category.'
    assert PLAIN_REFINEMENTS[RefinementCase.MISSED][0] == printed


def test_the_true_mask_is_never_given(labels, refine) -> None:
    """Where no segment lies on the class alone, the given mask is cut to the box, not to the
    truth.
    """
    labels[4, 3] = ROAD  # a hole in the car
    _, heard = refine([(np.ones_like(labels, bool), 'sky')])
    given = [
        mask for text, mask, target in heard if target is RefineTarget.BOTH and '[0.17' in text
    ]
    box = np.zeros_like(given[0])
    box[3:7, 2:6] = True
    np.testing.assert_array_equal(given[0], box)


@pytest.mark.parametrize('error', [RefinementRejectedError('no'), NotUnderstoodError('no')])
def test_a_correction_that_is_refused_changes_nothing(labels, refine, error) -> None:
    classes, heard = refine([(labels == SKY, 'sky'), (labels == CAR, 'sky')], error)
    assert len(heard) == 3
    assert (classes[3:7, 2:6] == SKY).all()


def test_a_perfect_or_unlabelled_image_is_left_alone(labels, refine) -> None:
    _, heard = refine([(labels == number, name) for number, name in enumerate(NAMES)])
    assert heard == []
    labels[:] = VOID
    assert refine([(labels == VOID, 'sky')])[1] == []


def test_a_name_of_no_class_that_hides_a_class_is_missed_not_mistaken(labels, refine) -> None:
    """Algorithm 1 looks among the classes; what has none of their names is none of them."""
    pairs = [(labels == SKY, 'sky'), (labels == ROAD, 'road'), (labels == CAR, 'lava')]
    _, heard = refine(pairs)
    assert [given for _, given, _ in heard] == [None]
