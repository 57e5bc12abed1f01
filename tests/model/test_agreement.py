"""Is what was found called what was asked for."""

from __future__ import annotations

import pytest

from rose_model.agreement import fits_words


@pytest.mark.parametrize(
    ('name', 'words'),
    [
        ('red truck', 'the red truck'),
        ('red truck', 'the largest truck on the left'),
        ('red truck', 'What is the truck in this image?'),
        ('traffic light', 'the red traffic light'),
        ('red traffic light', 'the traffic light'),
        ('car', 'the black car'),
        ('red car', 'all cars'),
        ('bus', 'You missed the buses.'),
        ('blue truck', 'the big blue truck'),
        ('Red Truck', 'THE RED TRUCK'),
    ],
)
def test_a_name_fits_words_that_say_nothing_else(name: str, words: str) -> None:
    assert fits_words(name, words)


@pytest.mark.parametrize(
    ('name', 'words'),
    [
        ('white car', 'the elephant'),
        ('red truck', 'the blue truck'),
        ('red traffic light', 'the green traffic light'),
        ('road', 'Where do you come from?'),
        ('bus', ''),
        ('', 'the bus'),
        ('car', 'the carpet'),
    ],
)
def test_a_name_of_something_else_does_not(name: str, words: str) -> None:
    assert not fits_words(name, words)


def test_the_noun_may_come_twice() -> None:
    assert fits_words('red car', 'not the blue car but the red car')
