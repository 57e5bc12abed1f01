"""Masks by the short way are those by the long one: everything resized, compared with 0, cut."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from segment_anything.utils.amg import remove_small_regions
from torch import Tensor
from torch.nn.functional import interpolate, pad

from rose_model.errors import ModelOutputError
from rose_model.postprocess import crop_mask, crop_masks, keep_unique, shared_pixels
from rose_model.preprocess import FrameGeometry, fitted_size
from rose_model.specks import without_specks

MASK, SAM = 32, 128
ROUNDING = 1e-5  # of the largest logit
SIZES = [
    (48, 64),
    (64, 48),
    (1080, 1920),
    (37, 91),
    (1, 1),
    (7, 7),
    (1, 4000),
    (4000, 1),
    (128, 9),
]


def geometry_of(size: tuple[int, int]) -> FrameGeometry:
    return FrameGeometry(size, fitted_size(size, SAM), SAM, grid_size=6)


def resized(logit: Tensor, geometry: FrameGeometry) -> np.ndarray:
    """segment_anything's ``Sam.postprocess_masks``, before the threshold, of logits whose padding
    continues the content: SAM's own way reads the padding at the border.
    """
    height, width = geometry.content_in(MASK)
    padding = (0, MASK - width, 0, MASK - height)
    filled = pad(logit[None, None, :height, :width], padding, mode='replicate')
    framed = interpolate(filled, (SAM, SAM), mode='bilinear', align_corners=False)
    content = framed[..., : geometry.sam_content[0], : geometry.sam_content[1]]
    image = interpolate(content, geometry.original_size, mode='bilinear', align_corners=False)
    return image[0, 0].numpy()


def check(logit: Tensor, size: tuple[int, int]) -> None:
    """The crop is the whole mask; only where a logit is 0 but for rounding it may say either."""
    geometry = geometry_of(size)
    whole = resized(logit, geometry)
    crops = crop_masks([logit], geometry)
    mask = np.zeros(size, bool)
    if crops:
        x1, y1, x2, y2 = crops[0].box_xyxy
        assert 0 <= x1 < x2 <= size[1]
        assert 0 <= y1 < y2 <= size[0]
        assert crops[0].mask.any(axis=1)[[0, -1]].all()
        assert crops[0].mask.any(axis=0)[[0, -1]].all()
        assert crops[0].mask.flags.c_contiguous
        mask[y1:y2, x1:x2] = crops[0].mask
    differs = mask != (whole > 0)
    assert (np.abs(whole[differs]) <= ROUNDING * float(logit.abs().max())).all()


@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize('bias', [-1.0, 0.0, 1.0])
def test_a_crop_is_the_mask_of_the_whole_image(size: tuple[int, int], bias: float) -> None:
    check(10 * (torch.randn(MASK, MASK) + bias), size)


@settings(max_examples=60, deadline=None)
@given(
    size=st.tuples(st.integers(1, 300), st.integers(1, 300)),
    corner=st.tuples(st.integers(0, MASK - 1), st.integers(0, MASK - 1)),
    extent=st.tuples(st.integers(1, MASK), st.integers(1, MASK)),
    seed=st.integers(0, 2**31),
)
def test_a_crop_is_the_mask_of_the_whole_image_wherever_it_lies(
    size: tuple[int, int], corner: tuple[int, int], extent: tuple[int, int], seed: int
) -> None:
    noise = torch.randn(MASK, MASK, generator=torch.Generator().manual_seed(seed))
    logit = noise - 6
    place = tuple(slice(a, a + b) for a, b in zip(corner, extent, strict=True))
    logit[place] = noise[place] + 1
    check(logit, size)


@pytest.mark.parametrize('pixel', [(0, 0), (0, 15), (15, 0), (23, 31), (23, 15), (15, 31), (9, 9)])
def test_a_mask_of_one_pixel_at_any_border_is_found(pixel: tuple[int, int]) -> None:
    logit = torch.full((MASK, MASK), -3.0)
    logit[pixel] = 5.0
    check(logit, (96, 128))
    assert crop_masks([logit], geometry_of((96, 128)))


@pytest.mark.parametrize('size', SIZES)
def test_a_full_mask_is_the_whole_image(size: tuple[int, int]) -> None:
    crop = crop_masks([torch.full((MASK, MASK), 2.0)], geometry_of(size))[0]
    assert crop.box_xyxy == (0, 0, size[1], size[0])
    assert crop.mask.all()


def test_a_mask_in_the_padding_only_is_none_of_the_image() -> None:
    logit = torch.full((MASK, MASK), -3.0)
    logit[26:] = 3.0  # the image ends at row 24
    assert crop_masks([logit], geometry_of((96, 128))) == {}


def test_masks_below_the_threshold_after_resizing_are_none() -> None:
    """One pixel of little, amid much of the opposite, vanishes where the image is small."""
    logit = torch.full((MASK, MASK), -9.0)
    logit[0, 0] = 1e-3
    check(logit, (3, 4))
    assert crop_masks([logit], geometry_of((3, 4))) == {}


def test_no_masks_have_no_crops() -> None:
    assert crop_masks([], geometry_of((48, 64))) == {}
    assert crop_masks(torch.zeros(0, MASK, MASK), geometry_of((48, 64))) == {}
    assert crop_masks(torch.full((3, MASK, MASK), -1.0), geometry_of((48, 64))) == {}
    assert crop_mask(np.zeros((0, 0), bool)) is None


@pytest.mark.parametrize('value', [math.nan, math.inf])
def test_logits_that_are_not_finite_are_an_error(value: float) -> None:
    logit = torch.full((MASK, MASK), 1.0)
    logit[3, 3] = value
    with pytest.raises(ModelOutputError, match='not finite'):
        crop_masks([logit], geometry_of((48, 64)))


@settings(max_examples=300, deadline=None)
@given(arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=9)), st.integers(0, 30))
def test_specks_are_those_of_segment_anything(mask: np.ndarray, least: int) -> None:
    if not mask.any():
        assert without_specks(mask, least) is mask
        return
    filled, _ = remove_small_regions(mask, least, 'holes')
    *_, second, first = sorted((0, 0, *island_sizes(filled)))
    assume(first >= least or first > second)  # of equally large specks either may stay
    expected, _ = remove_small_regions(filled, least, 'islands')
    assert np.array_equal(without_specks(mask, least), expected)


def island_sizes(mask: np.ndarray) -> list[int]:
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    return stats[1:, cv2.CC_STAT_AREA].tolist()


def test_of_equally_large_specks_one_stays() -> None:
    mask = np.zeros((8, 8), bool)
    mask[5:7, 2] = mask[6:, 0] = True
    assert island_sizes(without_specks(mask, 3)) == [2]
    assert not without_specks(mask, 3)[~mask].any()


def test_specks_and_pinholes_go_and_the_rest_stays() -> None:
    mask = np.zeros((40, 40), bool)
    mask[5:25, 5:25] = True
    mask[15:20, 15:20] = False  # a real hole
    spoilt = mask.copy()
    spoilt[10, 10] = False  # a pinhole
    spoilt[35, 35] = True  # a speck
    assert np.array_equal(without_specks(spoilt, 5), mask)
    assert without_specks(mask, 5) is mask
    assert without_specks(spoilt, 0) is spoilt


def test_specks_are_removed_before_a_mask_is_resized() -> None:
    logit = torch.full((MASK, MASK), -3.0)
    logit[4:12, 4:12] = 3.0
    clean = crop_masks([logit], geometry_of((128, 128)))[0]
    logit[8, 8], logit[30, 30] = -1.0, 1.0
    crop = crop_masks([logit], geometry_of((128, 128)), min_region=2 / MASK**2)[0]
    assert crop.box_xyxy == clean.box_xyxy
    assert np.array_equal(crop.mask, clean.mask)


def test_areas_stand_in_the_diagonal_of_what_masks_share() -> None:
    logits = torch.randn(5, 8, 8)
    masks = logits > 0
    shared = shared_pixels(logits, geometry_of((8, 8)))
    assert shared.diagonal().tolist() == masks.sum((1, 2)).tolist()
    assert shared[1, 3] == (masks[1] & masks[3]).sum()


def test_nothing_is_kept_of_no_masks() -> None:
    shared = shared_pixels(torch.zeros(0, 4, 4), geometry_of((4, 4)))
    assert keep_unique(shared, torch.zeros(0), 0.5).tolist() == []
