"""The noun stays when an attribute changes."""

from __future__ import annotations

import torch

from rose_model.category_decoder import IGNORE
from rose_model.training.composition import move_attributes

RED, GREEN, CAR, BUS, ROAD, END = 1, 2, 3, 4, 5, 0
GREEN_CAR, RED_BUS, GREEN_BUS = (GREEN, CAR, END), (RED, BUS, END), (GREEN, BUS, END)
NOUNS = [(CAR, END), (BUS, END), (BUS, END), (ROAD, END)]


def test_a_thing_is_moved_by_the_difference_of_two_things_of_one_noun() -> None:
    embedding = torch.randn(4, 8)
    moved = move_attributes(embedding, [GREEN_CAR, RED_BUS, GREEN_BUS, (ROAD, END)], NOUNS)
    assert moved is not None
    assert moved.row.tolist() == [0, 1, 2]  # a road has no attribute
    step = embedding[1] - embedding[2]
    for row, result in zip(moved.row.tolist(), moved.embedding, strict=True):
        assert any(torch.allclose(result, embedding[row] + sign * step) for sign in (1, -1))


def test_only_the_noun_is_learned_and_the_attribute_is_not_read() -> None:
    moved = move_attributes(torch.randn(4, 8), [GREEN_CAR, RED_BUS, GREEN_BUS, (ROAD, END)], NOUNS)
    assert moved is not None
    assert moved.ids[0] == (IGNORE, CAR, END)
    assert moved.inputs[0] == (END, CAR, END)


def test_the_things_that_lend_their_difference_learn_nothing_by_it() -> None:
    embedding = torch.randn(3, 8, requires_grad=True)
    moved = move_attributes(embedding, [GREEN_CAR, RED_BUS, GREEN_BUS], NOUNS[:3])
    assert moved is not None
    moved.embedding[0].sum().backward()
    assert embedding.grad is not None
    assert embedding.grad[0].eq(1).all()
    assert embedding.grad[1:].eq(0).all()


def test_every_process_that_is_given_the_same_names_draws_the_same() -> None:
    embedding = torch.randn(4, 8)
    draws = [
        move_attributes(embedding, [GREEN_CAR, RED_BUS, GREEN_BUS, (ROAD, END)], NOUNS)
        for seed in (1, 2)
        if torch.manual_seed(seed)
    ]
    assert torch.equal(draws[0].embedding, draws[1].embedding)


def test_without_two_names_of_one_noun_nothing_is_moved() -> None:
    assert move_attributes(torch.randn(2, 8), [GREEN_CAR, RED_BUS], NOUNS[:2]) is None
    assert move_attributes(torch.randn(2, 8), [RED_BUS, RED_BUS], NOUNS[1:3]) is None
