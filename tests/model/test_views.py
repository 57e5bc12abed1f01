"""The two views of an image, and the way from mask logits back to it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from rose_model.config import RoseConfig
from rose_model.errors import ImageError
from rose_model.postprocess import crop_masks
from rose_model.preprocess import (
    FrameGeometry,
    make_views,
    normalise_lmm,
    normalise_sam,
    resize,
    squash_mask,
)


@pytest.mark.parametrize('size', [(48, 64), (64, 48), (37, 91), (1, 300)])
def test_views_have_their_sizes(config: RoseConfig, size: tuple[int, int]) -> None:
    views = make_views(np.zeros((*size, 3), np.uint8), config)
    assert views.lmm_pixels.shape == (3, 48, 48)
    assert max(views.sam_pixels.shape) == 64
    assert views.geometry.sam_content == tuple(views.sam_pixels.shape[1:])
    assert normalise_sam(views.sam_pixels[None], 64).shape == (1, 3, 64, 64)


def test_an_image_without_pixels_is_refused(config: RoseConfig) -> None:
    with pytest.raises(ImageError, match=r'\[0, 5, 3\]'):
        make_views(np.zeros((0, 5, 3), np.uint8), config)


def test_the_padding_of_sam_is_zero_after_normalising() -> None:
    padded = normalise_sam(torch.full((1, 3, 20, 30), 200, dtype=torch.uint8), 30)
    assert not padded[..., 20:, :].any()
    assert padded[..., :20, :].ne(0).all()


def test_siglip_sees_colours_from_minus_one_to_one_and_the_mask_as_it_is() -> None:
    pixels = torch.tensor([0, 255], dtype=torch.uint8).view(1, 1, 1, 2).expand(1, 3, 1, 2)
    view = normalise_lmm(pixels, torch.tensor([0.25, 1.0]).view(1, 1, 1, 2))
    assert view[0, :3, 0, 0].tolist() == [-1, -1, -1]
    assert view[0, :3, 0, 1].tolist() == [1, 1, 1]
    assert view[0, 3, 0].tolist() == [0.25, 1.0]


def stripes(size: tuple[int, int], axis: int) -> np.ndarray:
    """Lines of one pixel, black and white by turns, one after the other along ``axis``."""
    lines = (np.indices(size)[axis] % 2 * 255).astype(np.uint8)
    return np.ascontiguousarray(np.repeat(lines[..., None], 3, axis=2))


@pytest.mark.parametrize('size', [(400, 1600), (600, 1500), (100, 1600), (100, 5000)])
@pytest.mark.parametrize('axis', [0, 1])
def test_where_one_axis_grows_the_other_one_does_not_alias(
    size: tuple[int, int], axis: int
) -> None:
    """Lines much finer than the pixels are grey, whichever of the two areas is larger."""
    long = size if axis == 1 else size[::-1]
    grey = resize(stripes(long, axis), (672, 672))
    assert grey.shape == (672, 672, 3)
    assert abs(grey.astype(float).mean() - 127.5) < 1
    assert grey.std() < 30
    for part in np.array_split(grey, 8, axis=axis):
        assert abs(part.astype(float).mean() - 127.5) < 3


@pytest.mark.parametrize('size', [(400, 1600), (640, 800)])
def test_a_mask_of_lines_is_squashed_to_grey(size: tuple[int, int]) -> None:
    mask = np.indices(size)[1] % 2 == 1
    squashed = squash_mask(mask, 672)[0].numpy()
    steps = size[1] / 672
    assert abs(squashed - 0.5).max() <= 0.5 / steps


@pytest.mark.parametrize(
    ('size', 'how'),
    [
        ((48, 64), cv2.INTER_AREA),
        ((90, 64), cv2.INTER_AREA),
        ((48, 120), cv2.INTER_AREA),
        ((200, 300), cv2.INTER_LINEAR),
        ((90, 300), cv2.INTER_LINEAR),
    ],
)
def test_where_no_axis_grows_it_is_by_area_and_where_none_shrinks_linear(
    size: tuple[int, int], how: int
) -> None:
    image = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    expected = cv2.resize(image, size[::-1], interpolation=how)
    assert np.array_equal(resize(image, size), expected)


def test_an_image_of_the_right_size_is_not_copied() -> None:
    image = np.zeros((4, 5, 3), np.uint8)
    assert resize(image, (4, 5)) is image


def test_a_squashed_mask_keeps_its_share_of_the_image() -> None:
    mask = np.zeros((90, 120), bool)
    mask[30:60, 30:90] = True
    assert float(squash_mask(mask, 48).mean()) == pytest.approx(mask.mean(), abs=1e-3)


@pytest.mark.parametrize('size', [(48, 64), (360, 480), (540, 960), (75, 100)])
def test_a_mask_finds_back_to_the_image(size: tuple[int, int], config: RoseConfig) -> None:
    """The right half of the image, drawn at low resolution in SAM's padded frame, comes back."""
    geometry = FrameGeometry.of(size, config)
    width = geometry.sam_content[1] / config.sam.input_size * 32
    logits = torch.full((1, 32, 32), -8.0)
    logits[0, :, round(width / 2) :] = 8.0
    crop = crop_masks(logits, geometry)[0]
    x1, y1, x2, y2 = crop.box_xyxy
    assert (y1, x2, y2) == (0, size[1], size[0])
    assert abs(x1 - size[1] / 2) <= size[1] / width + 1
    assert crop.mask.all()


def test_an_empty_mask_has_no_crop(config: RoseConfig) -> None:
    geometry = FrameGeometry.of((48, 64), config)
    assert crop_masks(torch.full((2, 32, 32), -1.0), geometry) == {}


def test_masks_below_the_smallest_area_are_left_out(config: RoseConfig) -> None:
    geometry = FrameGeometry.of((64, 64), config)
    logits = torch.full((2, 32, 32), -8.0)
    logits[0, :2, :2] = logits[1, :16] = 8.0
    assert set(crop_masks(logits, geometry)) == {0, 1}
    assert set(crop_masks(logits, geometry, min_area=0.1)) == {1}
