"""Dense instructions in whatever words."""

from __future__ import annotations

import numpy as np
import pytest

from rose_model.dense_wording import dense_instruction
from rose_model.prompts.composed import compose_instruction
from rose_model.prompts.sentences import (
    ALL_REGIONS,
    ALL_REGIONS_PARAPHRASES,
    FOREGROUND,
    FOREGROUND_PARAPHRASES,
    REFERRINGS,
    SELECTIONS,
)


@pytest.mark.parametrize(
    'text',
    [
        ALL_REGIONS,
        'Can you segment this image? Please respond with category names and corresponding '
        'segment masks.',
        'segment everything',
        'Mask all objects and the background.',
        'Segment the whole picture.',
        'every region and its name',
    ],
)
def test_who_asks_for_everything_gets_all_regions(text: str) -> None:
    assert dense_instruction(text) == ALL_REGIONS


@pytest.mark.parametrize(
    'text',
    [
        FOREGROUND,
        'Please segment all the foreground instances in this image.',
        'Find each object.',
        'all things, but no background',
        'Where are the objects?',
    ],
)
def test_who_asks_for_things_gets_the_foreground(text: str) -> None:
    assert dense_instruction(text) == FOREGROUND


@pytest.mark.parametrize(
    'text',
    [
        '',
        '!?',
        'segment the car',
        'all red things',
        'the largest object',
        'the object on the left',
        'Segment everything that moves.',
        'segment the background',
        'Hello there.',
        'Das ist ein Bus.',
        *(text.format(words='car') for text in SELECTIONS),
        *(text.format(description='the red car') for text in REFERRINGS),
    ],
)
def test_what_names_something_is_left_to_the_model(text: str) -> None:
    assert dense_instruction(text) is None


@pytest.mark.parametrize('is_foreground', [True, False])
def test_no_instruction_of_training_is_read_the_other_way_round(is_foreground: bool) -> None:
    listed = FOREGROUND_PARAPHRASES if is_foreground else ALL_REGIONS_PARAPHRASES
    rng = np.random.default_rng(0)
    composed = [compose_instruction(rng, is_foreground=is_foreground) for _ in range(300)]
    read = {dense_instruction(text) for text in (*listed, *composed)}
    assert read <= {None, FOREGROUND if is_foreground else ALL_REGIONS}
