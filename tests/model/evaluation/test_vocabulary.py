"""Generated names become classes by stated rules."""

from __future__ import annotations

import pytest
import torch

from rose_model.errors import DataError
from rose_model.evaluation.semantic import UNMAPPED
from rose_model.evaluation.vocabulary import Vocabulary

PLANE, LIGHT, TABLE, POOL_TABLE, BEAR, TOY = range(6)
CLASSES = (
    ('airplane', 'aeroplane', 'plane'),
    ('traffic light',),
    ('table',),
    ('pool table', 'billiard table'),
    ('bear',),
    ('toy', 'teddy bear', 'bear'),
)


@pytest.fixture
def vocabulary() -> Vocabulary:
    return Vocabulary(CLASSES)


@pytest.mark.parametrize(
    ('name', 'strict', 'words'),
    [
        ('Aeroplanes', PLANE, PLANE),
        ('traffic_light', LIGHT, LIGHT),
        ('old traffic lights', UNMAPPED, LIGHT),
        ('billiard table', POOL_TABLE, POOL_TABLE),  # the longest, not "table"
        ('green pool table', UNMAPPED, POOL_TABLE),
        ('teddy bear', TOY, TOY),
        ('bear', BEAR, BEAR),  # the own name of one class, a synonym of another
        ('stable', UNMAPPED, UNMAPPED),
        ('table lamp', UNMAPPED, UNMAPPED),
        ('', UNMAPPED, UNMAPPED),
    ],
)
def test_a_name_is_a_class_or_ends_with_one(
    vocabulary: Vocabulary, name: str, strict: int, words: int
) -> None:
    assert vocabulary.strict(name) == strict
    assert vocabulary.by_words(name) == words


def test_every_name_of_a_class_stands_for_it(vocabulary: Vocabulary) -> None:
    for number, names in enumerate(CLASSES[:5]):
        for name in names:
            assert vocabulary.strict(name) == vocabulary.by_words(name) == number


def test_the_nearest_class_is_asked_for_once_a_name(vocabulary: Vocabulary) -> None:
    asked: list[tuple[str, ...]] = []

    def encode(names: tuple[str, ...]) -> torch.Tensor:
        asked.append(tuple(names))
        places = [BEAR if name == 'panda' else names.index(name) for name in names]
        return torch.eye(len(CLASSES))[places]

    nearest = vocabulary.nearest(encode)
    assert [nearest(name) for name in ('panda', 'panda', '')] == [BEAR, BEAR, UNMAPPED]
    assert asked == [vocabulary.names, ('panda',)]


@pytest.mark.parametrize(
    'classes', [(), (('car',), ()), (('car',), (' ',)), (('car',), ('Cars',))]
)
def test_classes_without_a_name_of_their_own_are_refused(classes) -> None:
    with pytest.raises(DataError, match='name'):
        Vocabulary(classes)
