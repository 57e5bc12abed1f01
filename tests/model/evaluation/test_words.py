"""Naming, counting, referring and label corrections, with answers made by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from rose_model.data.sample import LabelledRegion, Sample
from rose_model.data.streets import HELD_OUT, SEEN_PAIRS
from rose_model.errors import RefinementRejectedError
from rose_model.evaluation.counting import Counting
from rose_model.evaluation.labels import (
    OUTSIDE_VOCABULARY,
    STATEMENTS,
    CorrectedLabels,
    StatedLabels,
    state,
)
from rose_model.evaluation.names import normalise, singular
from rose_model.evaluation.naming import Naming, NearestNaming
from rose_model.evaluation.refer import Referring, kind_of
from rose_model.evaluation.streets import names_of
from rose_model.instructions import counting_sentence
from rose_model.nouns import noun_among
from rose_model.records import Refinement, RefinementCase, RefineTarget, Segmentation


def values(part) -> dict[str, float]:
    return {key: figure.value for key, figure in part.figures().items()}


@pytest.mark.parametrize(
    ('name', 'normal'),
    [
        ('Red_automobiles', 'red car'),
        ('buses', 'bus'),
        ('people', 'person'),
        ('grass', 'grass'),
        ('traffic signals', 'traffic light'),
        ('violet bike', 'purple bicycle'),
        ('sidewalk', 'pavement'),
        ('', ''),
    ],
)
def test_names_are_normalised(name: str, normal: str) -> None:
    assert normalise(name) == normal


def test_plurals_lose_their_ending() -> None:
    words = ('cars', 'boxes', 'benches', 'houses', 'cities', 'bus', 'glass')
    assert [singular(word) for word in words] == [
        'car', 'box', 'bench', 'house', 'city', 'bus', 'glass',
    ]  # fmt: skip


def test_the_longest_noun_is_taken() -> None:
    assert noun_among('old traffic light', ('light', 'traffic light')) == 'traffic light'
    assert noun_among('flashlight', ('light',)) is None
    assert noun_among('car', ()) is None


def test_names_are_judged_on_large_things_by_whether_their_pair_was_seen(
    sample, truth, frame_of
) -> None:
    """The red and the blue car are held out; the small dog does not count."""
    assert {('red', 'car'), ('blue', 'car')} <= HELD_OUT
    red, blue, dog, *_ = truth(sample)
    part = Naming(('red car', 'blue car'))
    part.add(frame_of(sample, [red, replace(blue, category='blue automobiles'), dog]))
    figures = values(part)
    assert figures['name_exact_unseen'] == 0.5
    assert figures['name_normalised_unseen'] == 1.0
    assert figures['attribute_exact_unseen'] == 1.0
    assert figures['noun_exact_unseen'] == 0.5
    assert figures['name_not_in_vocabulary'] == 0.5
    assert math.isnan(figures['name_exact_seen'])
    assert part.figures()['name_exact_unseen'].count == 2


def test_without_found_things_there_is_no_share_of_them(sample, frame_of) -> None:
    part = Naming(())
    part.add(frame_of(sample, []))
    assert all(math.isnan(value) for value in values(part).values())


def test_the_nearest_name_is_asked_for_with_the_vocabulary(sample, truth, frame_of) -> None:
    class Chooser:
        def segment(self, image, instruction=None, *, candidates=()):
            assert candidates == ('red car', 'blue car')
            things = [replace(item, category='red car') for item in truth(sample)]
            return frame_of(sample, things).segmentation

    part = NearestNaming(Chooser(), ['red car', 'blue car'])
    part.add(frame_of(sample, []))
    assert values(part)['name_nearest_unseen'] == 0.5


class Teller:
    def __init__(self, sentence: str) -> None:
        self.sentence = sentence

    def describe(self, image) -> str:
        return self.sentence


def test_counts_are_compared_name_by_name(sample, frame_of) -> None:
    """Right: 3 of 5 names; one dog too many, no blue car, one bus that is not there: 3 of 6."""
    names = ['red car', 'white dog', 'white dog', 'road', 'sky', 'green bus']
    part = Counting(Teller(counting_sentence(names)))
    part.add(frame_of(sample, []))
    assert values(part) == {'count_mae': 0.5, 'count_total_mae': 1.0, 'count_unreadable': 0.0}


def test_an_answer_that_is_no_counting_sentence_counts_nothing(sample, frame_of) -> None:
    part = Counting(Teller('no idea'))
    part.add(frame_of(sample, []))
    assert values(part) == {'count_mae': 1.0, 'count_total_mae': 5.0, 'count_unreadable': 1.0}


@pytest.fixture
def four_cars() -> Sample:
    """Four cars of 9 pixels in a row, so that each has three distractors."""
    index_map = np.full((3, 24), 4, np.uint8)
    for index in range(4):
        index_map[:, 6 * index : 6 * index + 3] = index
    words = ('red', 'green', 'black', 'white')
    regions = (
        *(LabelledRegion('car', word, True) for word in words),
        LabelledRegion('road', '', False),
    )
    return Sample(np.zeros((3, 24, 3), np.uint8), index_map, regions)


class Pointer:
    """Answers with a segment by the word in the description."""

    def __init__(self, segmentation: Segmentation, answers: dict[str, int]) -> None:
        self.segmentation, self.answers = segmentation, answers
        self.asked: list[str] = []

    def refer(self, image, description: str) -> Segmentation:
        assert image is self.segmentation.context
        self.asked.append(description)
        chosen = [i for word, i in self.answers.items() if word in description]
        segments = tuple(self.segmentation.segments[i] for i in chosen[:1])
        return replace(self.segmentation, segments=segments)


def test_referring_sums_intersections_and_unions(four_cars, truth, frame_of) -> None:
    """Two of four are right, one points to another car, one finds nothing:
    (9 + 9) / (9 + 9 + 18 + 9)."""
    frame = frame_of(four_cars, truth(four_cars))
    pointer = Pointer(frame.segmentation, {'red': 0, 'leftmost': 0, 'green': 1, 'black': 0})
    part = Referring(pointer)
    part.add(frame)
    assert len(pointer.asked) == 4
    figures = values(part)
    assert figures['refer_ciou'] == pytest.approx(18 / 45)
    assert figures['refer_giou'] == figures['refer_p50'] == 0.5
    assert part.figures()['refer_ciou'].count == 4


def test_things_with_few_distractors_are_not_referred_to(sample, truth, frame_of) -> None:
    part = Referring(Pointer(frame_of(sample, []).segmentation, {}))
    part.add(frame_of(sample, truth(sample)))
    assert math.isnan(values(part)['refer_ciou'])


@pytest.mark.parametrize(
    ('description', 'kind'),
    [
        ('the red car', 'attribute'),
        ('the red car on the left', 'side'),
        ('the rightmost car', 'side'),
        ('the smallest dog', 'size'),
    ],
)
def test_descriptions_tell_their_kind(description: str, kind: str) -> None:
    assert kind_of(description) == kind


class Renamer:
    """Gives a segment the name that ``rename`` makes of the text; refuses where it is ``None``."""

    def __init__(self, rename) -> None:
        self.rename = rename
        self.targets: set[RefineTarget] = set()

    def refine(self, segmentation, text, *, segment_id='', target=RefineTarget.AUTO, points=()):
        self.targets.add(target)
        name = self.rename(text)
        if name is None:
            raise RefinementRejectedError('no')
        segments = tuple(
            replace(item, category=name) if item.id == segment_id else item
            for item in segmentation.segments
        )
        return Refinement(
            RefinementCase.CATEGORY, (), (), replace(segmentation, segments=segments)
        )


def test_stated_labels_have_to_come_back_letter_by_letter(sample, truth, frame_of) -> None:
    """The model knows its vocabulary only."""
    renamer = Renamer(lambda text: next((w for w in ('bus', 'tree') if w in text), None))
    part = StatedLabels(renamer, ('bus', 'tree'))
    for number in range(3):
        part.add(frame_of(sample, truth(sample), number))
    figures = part.figures()
    assert figures['label_stated'].count == 9  # three things a frame
    assert figures['label_stated_vocabulary'].value == 1.0
    assert figures['label_stated_outside'].value == 0.0
    assert figures['label_stated'].value == pytest.approx(5 / 9)
    assert renamer.targets == {RefineTarget.AUTO}


def test_statements_hold_their_label_with_its_article() -> None:
    assert state(STATEMENTS[0], 'excavator') == 'This is an excavator.'
    assert state(STATEMENTS[0], 'bus') == 'This is a bus.'
    assert all('{label}' in template for template in STATEMENTS)
    words = {word for name in names_of(SEEN_PAIRS) for word in name.split()}
    assert not words & set(OUTSIDE_VOCABULARY)


def test_a_corrected_label_is_the_true_one_and_never_told(sample, truth, frame_of) -> None:
    def always_red(text: str) -> str:
        assert 'green bus' in text
        assert 'car' not in text
        return 'red car'

    renamer = Renamer(always_red)
    part = CorrectedLabels(renamer, ('green bus',))
    part.add(frame_of(sample, truth(sample)))
    figures = part.figures()
    assert figures['label_corrected_unseen'].value == 0.5  # red car right, blue car wrong
    assert math.isnan(figures['label_corrected'].value)
    assert renamer.targets == {RefineTarget.LABEL}
