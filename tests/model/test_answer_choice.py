"""Which mask answers a question about one thing: the masks decide, not the places of patches."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from rose_model.answer_choice import MOST_CHANGE, Answer, Known, choose_answer
from rose_model.config import RefinementConfig
from rose_model.errors import RefinementRejectedError
from rose_model.patch_decoder import Proposals
from rose_model.preprocess import FrameGeometry
from rose_model.records import PointHint

SIDE = 32
GEOMETRY = FrameGeometry((SIDE, SIDE), (SIDE, SIDE), SIDE, 4)
CONFIG = RefinementConfig(keep_above=-1.0)


def box(x1: int, y1: int, x2: int, y2: int) -> Tensor:
    """Logits of a rectangle, 1 inside and -1 outside."""
    logits = torch.full((SIDE, SIDE), -4.0)
    logits[y1:y2, x1:x2] = 4.0
    return logits


def choose(
    masks: Sequence[Tensor],
    known: Known,
    clicked: Sequence[Tensor] | None = None,
    config: RefinementConfig = CONFIG,
    scores: float = 0.8,
) -> Answer:
    """Choose among masks, most objective first; ``clicked`` are those of the same patches when
    SAM is shown the clicks.
    """

    def propose(patches: Tensor, points: Sequence[PointHint]) -> Proposals:
        shown = masks if clicked is None or not points else clicked
        logits = torch.stack([shown[patch] for patch in patches.tolist()])
        objectness = torch.linspace(0.9, 0.1, len(masks))[patches]
        return Proposals(patches, objectness, logits, torch.full((len(patches),), scores))

    def area_of(logits: Tensor) -> int:
        return int((logits > 0).sum())

    return choose_answer(propose, area_of, torch.arange(len(masks)), known, config)


def known(
    given: Tensor | None = None, *, growth: int = 0, points: Sequence[PointHint] = ()
) -> Known:
    mask = None if given is None else (given > 0).float()
    return Known(GEOMETRY, points, mask, 0 if mask is None else int(mask.sum()), growth)


def foreground(x: float, y: float) -> PointHint:
    return PointHint(x, y, is_foreground=True)


def background(x: float, y: float) -> PointHint:
    return PointHint(x, y, is_foreground=False)


def mask_of(answer: Answer) -> Tensor:
    return answer.proposals.logits[answer.row] > 0


def test_without_anything_known_the_most_objective_patch_answers() -> None:
    assert choose([box(0, 0, 8, 8), box(8, 8, 30, 30)], known()).row == 0


@pytest.mark.parametrize('place', [(9, 9), (20, 20), (29, 29)])
def test_a_click_anywhere_on_a_thing_finds_it(place: tuple[int, int]) -> None:
    """A click towards its edge gave another object: patches near the click had to answer."""
    masks = [box(0, 0, 7, 7), box(8, 8, 31, 31), box(0, 20, 7, 31)]
    answer = choose(masks, known(points=[foreground(*place)]))
    assert torch.equal(mask_of(answer), masks[1] > 0)


def test_several_clicks_and_background_clicks_decide_together() -> None:
    masks = [box(0, 0, 30, 30), box(0, 0, 14, 14), box(16, 0, 30, 14)]
    clicks = [foreground(4, 4), background(20, 4)]
    assert torch.equal(mask_of(choose(masks, known(points=clicks))), masks[1] > 0)


def test_a_mask_that_sam_draws_by_the_clicks_wins_where_it_agrees() -> None:
    plain, drawn = [box(0, 0, 20, 20)], [box(0, 0, 24, 20)]
    assert torch.equal(
        mask_of(choose(plain, known(points=[foreground(4, 4)]), drawn)), drawn[0] > 0
    )
    wrong = [box(10, 10, 24, 20)]
    assert torch.equal(
        mask_of(choose(plain, known(points=[foreground(4, 4)]), wrong)), plain[0] > 0
    )


def test_a_click_on_what_a_mask_misses_is_never_refused() -> None:
    given = box(0, 0, 16, 16)
    for found in (given, box(0, 0, 14, 14), box(0, 0, 20, 20)):
        mask = mask_of(choose([found], known(given, points=[foreground(18, 18)])))
        assert mask[18, 18]
        assert mask[8, 8]


def test_a_click_on_what_a_mask_has_too_much_takes_it_away() -> None:
    given = box(0, 0, 16, 16)
    mask = mask_of(choose([given], known(given, points=[background(14, 8)])))
    assert not mask[8, 14]
    assert mask[8, 4]


def test_a_mask_of_another_object_is_no_answer() -> None:
    given = box(0, 0, 16, 16)
    far, near = box(20, 20, 31, 31), box(0, 0, 18, 16)
    assert choose([far, near], known(given)).row == 1
    with pytest.raises(RefinementRejectedError, match='another object'):
        choose([far + 8 * (given < 0) - 8 * (given > 0)], known(given))


def test_the_given_mask_stays_where_the_model_is_not_sure() -> None:
    given = box(0, 0, 16, 16)
    unsure = torch.where(given > 0, -0.5, 0.5)
    assert torch.equal(mask_of(choose([unsure], known(given))), given > 0)


def test_a_mask_that_is_not_expected_to_be_better_says_so() -> None:
    given, config = box(0, 0, 16, 16), RefinementConfig(keep_above=0.1, keep_slope=0.8)
    other = box(0, 0, 30, 16)  # of the given one's IoU 0.53
    assert choose([other], known(given), config=config, scores=0.6).is_better
    assert not choose([given], known(given), config=config, scores=0.6).is_better
    larger = choose([box(0, 0, 17, 16)], known(given, growth=1), config=config, scores=0.6)
    assert not larger.is_better


@pytest.mark.parametrize('growth', [1, -1])
def test_the_area_changes_as_it_was_asked_for(growth: int) -> None:
    given = box(4, 4, 20, 20)
    larger, smaller = box(4, 4, 24, 20), box(4, 4, 16, 20)
    answer = choose([given, smaller, larger], known(given, growth=growth))
    wanted = larger if growth > 0 else smaller
    assert torch.equal(mask_of(answer), wanted > 0)


@pytest.mark.parametrize('growth', [1, -1])
def test_what_the_model_adds_is_joined_with_the_mask(growth: int) -> None:
    """Every mask of the model goes the other way round, or shifts the mask."""
    given, shifted = box(4, 4, 20, 20), box(8, 4, 24, 20)
    mask = mask_of(choose([shifted], known(given, growth=growth)))
    both = (given > 0) | (shifted > 0) if growth > 0 else (given > 0) & (shifted > 0)
    assert torch.equal(mask, both)


@pytest.mark.parametrize('growth', [1, -1])
def test_an_answer_in_the_wrong_direction_is_rejected(growth: int) -> None:
    given = box(4, 4, 20, 20)
    same = torch.where(given > 0, 40.0, -40.0)
    with pytest.raises(RefinementRejectedError, match='larger' if growth > 0 else 'smaller'):
        choose([same], known(given, growth=growth))


def test_a_mask_does_not_swallow_the_image() -> None:
    given, everything = box(0, 0, 10, 10), box(0, 0, 31, 31)
    area = int(mask_of(choose([everything + 0, box(0, 0, 12, 10)], known(given, growth=1))).sum())
    assert area <= MOST_CHANGE * 100
