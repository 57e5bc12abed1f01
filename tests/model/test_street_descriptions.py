"""Descriptions fit one thing, and no other."""

from __future__ import annotations

import numpy as np
import pytest

from rose_model.data.sample import VOID, LabelledRegion, Sample
from rose_model.data.street_descriptions import describe_thing, descriptions, distractors


def scene(*things: tuple[str, str, int, int]) -> Sample:
    """Things as (attribute, noun, left column, width) on 100 columns, and a road below."""
    index_map = np.full((30, 100), VOID, np.uint8)
    for index, (_, _, left, width) in enumerate(things):
        index_map[10:20, left : left + width] = index
    index_map[25:] = len(things)
    regions = [LabelledRegion(noun, attribute, True) for attribute, noun, _, _ in things]
    regions.append(LabelledRegion('road', '', False))
    return Sample(np.zeros((30, 100, 3), np.uint8), index_map, tuple(regions))


def test_a_name_that_nothing_else_has_is_enough() -> None:
    sample = scene(('green', 'bus', 10, 10), ('yellow', 'bus', 60, 10))
    assert descriptions(sample, 0) == ['the green bus', 'the leftmost bus']
    assert descriptions(sample, 1) == ['the yellow bus', 'the rightmost bus']


def test_twins_are_told_apart_by_their_side_or_size() -> None:
    sample = scene(('red', 'dog', 10, 8), ('red', 'dog', 60, 20))
    assert descriptions(sample, 0) == [
        'the red dog on the left',
        'the leftmost dog',
        'the smallest dog',
    ]


def test_a_thing_alone_of_its_kind_needs_no_comparison() -> None:
    assert descriptions(scene(('red', 'cone', 10, 8)), 0) == ['the red cone']


def test_what_cannot_be_told_apart_has_no_description() -> None:
    near = scene(('red', 'dog', 40, 8), ('red', 'dog', 47, 8))
    assert describe_thing(near, 0, np.random.default_rng(0)) is None


def test_stuff_has_no_description() -> None:
    sample = scene(('red', 'dog', 40, 8))
    assert describe_thing(sample, 1, np.random.default_rng(0)) is None


@pytest.mark.parametrize(('index', 'count'), [(0, 1), (1, 1), (2, 0)])
def test_distractors_are_other_things_of_the_noun(index: int, count: int) -> None:
    sample = scene(('red', 'dog', 0, 8), ('black', 'dog', 40, 8), ('red', 'cone', 80, 8))
    assert distractors(sample, index) == count
