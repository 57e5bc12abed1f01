"""A given mask drawn into the image: checked pixel by pixel."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from rose_model.drawn_mask import BOX_COLOUR, draw_mask


@pytest.fixture
def pixels() -> Tensor:
    """Two grey images of 8 x 8, the first with a mask of 4 x 3 pixels and a hole."""
    pixels = torch.full((2, 4, 8, 8), 0.2)
    pixels[:, 3] = 0
    pixels[0, 3, 2:6, 1:4] = 1
    pixels[0, 3, 3, 2] = 0
    return pixels


def red(image: Tensor) -> Tensor:
    return (image == torch.tensor(BOX_COLOUR).view(3, 1, 1)).all(0)


def test_a_mask_is_half_green_and_the_fourth_channel_empty(pixels: Tensor) -> None:
    drawn = draw_mask(pixels, with_box=False)
    assert torch.equal(drawn[:, 3], torch.zeros(2, 8, 8))
    torch.testing.assert_close(drawn[0, :3, 2, 1], torch.tensor([-0.4, 0.6, -0.4]))
    torch.testing.assert_close(drawn[0, :3, 3, 2], torch.full((3,), 0.2))  # the hole
    assert not red(drawn[0, :3]).any()


def test_without_a_mask_the_image_stays_as_it_is(pixels: Tensor) -> None:
    for with_box in (False, True):
        assert torch.equal(draw_mask(pixels, with_box=with_box)[1], pixels[1])


def test_a_box_is_outlined_on_its_own_pixels(pixels: Tensor) -> None:
    outline = red(draw_mask(pixels, with_box=True)[0, :3])
    expected = torch.zeros(8, 8, dtype=torch.bool)
    expected[2:6, 1:4] = True
    expected[3:5, 2] = False
    assert torch.equal(outline, expected)


def test_a_box_at_the_edge_of_the_image_has_all_its_lines(pixels: Tensor) -> None:
    pixels[0, 3] = 1
    outline = red(draw_mask(pixels, with_box=True)[0, :3])
    assert outline.sum() == 4 * 7
    assert not outline[1:7, 1:7].any()


def test_a_soft_edge_is_drawn_softly(pixels: Tensor) -> None:
    """The mask is averaged by area; half a pixel is half as green and in no box."""
    pixels[0, 3] = 0
    pixels[0, 3, 4, 4] = 0.4
    drawn = draw_mask(pixels, with_box=True)
    torch.testing.assert_close(drawn[0, :3, 4, 4], torch.tensor([-0.04, 0.36, -0.04]))
    assert not red(drawn[0, :3]).any()


def test_gradients_reach_the_image(pixels: Tensor) -> None:
    pixels.requires_grad_(True)
    draw_mask(pixels, with_box=True).sum().backward()
    assert pixels.grad is not None
    assert (pixels.grad[1, :3] == 1).all()
