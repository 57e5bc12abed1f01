"""SAM's padding is never trained, so that nothing may depend on what stands there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from rose_model import RoseSegmenter, patch_decoder
from rose_model.config import RoseConfig
from rose_model.data.sample import LabelledRegion, Sample
from rose_model.data.streets import render_scene
from rose_model.mask_decoder import LowResolutionMasks, decode_masks
from rose_model.postprocess import (
    content_logits,
    crop_masks,
    keep_unique,
    shared_pixels,
    suppress_duplicates,
)
from rose_model.preprocess import FrameGeometry, fitted_size
from rose_model.training.losses import mask_losses
from rose_model.training.mask_targets import content_target

MASK = 32
SIZES = st.tuples(st.integers(1, 300), st.integers(1, 300))
SAM_SIZES = st.sampled_from([32, 64, 128])


def geometry_of(size: tuple[int, int], sam_size: int) -> FrameGeometry:
    return FrameGeometry(size, fitted_size(size, sam_size), sam_size, grid_size=6)


def with_padding(logits: Tensor, geometry: FrameGeometry, random: torch.Generator) -> Tensor:
    """The same logits with large random ones in the padding, most of them positive."""
    noise = 50 * (torch.rand(logits.shape, generator=random) - 0.2)
    content_logits(noise, geometry).copy_(content_logits(logits, geometry))
    return noise


def drawn(seed: int, bias: float = 0.0) -> tuple[Tensor, torch.Generator]:
    """Logits of eight masks with some large shapes and some specks."""
    random = torch.Generator().manual_seed(seed)
    coarse = 3 * torch.randn(8, 1, 5, 5, generator=random) + bias
    smooth = torch.nn.functional.interpolate(coarse, (MASK, MASK), mode='bilinear')[:, 0]
    return smooth + torch.randn(8, MASK, MASK, generator=random), random


@settings(max_examples=60, deadline=None)
@given(SIZES, SAM_SIZES, st.integers(0, 2**31), st.sampled_from([0.0, 0.004, 0.05]))
def test_logits_in_the_padding_change_no_mask(
    size: tuple[int, int], sam_size: int, seed: int, min_region: float
) -> None:
    geometry = geometry_of(size, sam_size)
    logits, random = drawn(seed)
    plain = crop_masks(logits, geometry, min_region=min_region)
    noisy = crop_masks(with_padding(logits, geometry, random), geometry, min_region=min_region)
    assert plain.keys() == noisy.keys()
    for row, crop in plain.items():
        assert noisy[row].box_xyxy == crop.box_xyxy
        assert np.array_equal(noisy[row].mask, crop.mask)


@settings(max_examples=60, deadline=None)
@given(SIZES, SAM_SIZES, st.integers(0, 2**31))
def test_logits_in_the_padding_change_no_suppression(
    size: tuple[int, int], sam_size: int, seed: int
) -> None:
    geometry = geometry_of(size, sam_size)
    logits, random = drawn(seed, bias=1.0)
    scores = torch.rand(8, generator=random)
    noisy = with_padding(logits, geometry, random)
    assert torch.equal(shared_pixels(logits, geometry), shared_pixels(noisy, geometry))
    kept = [suppress_duplicates(each, scores, geometry, 0.6).tolist() for each in (logits, noisy)]
    assert kept[0] == kept[1]


def test_a_mask_in_the_padding_alone_is_empty() -> None:
    geometry = geometry_of((96, 128), 128)
    logits = torch.full((1, MASK, MASK), -3.0)
    logits[:, 24:] = 3.0  # the image ends at row 24
    assert keep_unique(shared_pixels(logits, geometry), torch.ones(1), 0.6).tolist() == []
    assert crop_masks(logits, geometry) == {}


def test_a_bridge_through_the_padding_keeps_no_speck() -> None:
    """Two specks that touch the border of the image are joined in the padding alone."""
    logit = torch.full((MASK, MASK), -3.0)
    logit[4:12, 4:12] = 3.0
    logit[23, 4:6] = logit[23, 10:12] = 3.0
    logit[24:, 4:12] = 3.0  # the image ends at row 24
    crop = crop_masks([logit], geometry_of((96, 128), 128), min_region=8 / MASK**2)[0]
    assert crop.box_xyxy[3] < 96 * 14 / 24


@pytest.mark.parametrize('size', [(90, 120), (60, 120), (120, 45), (79, 120)])
def test_logits_in_the_padding_change_no_segment(
    segmenter: RoseSegmenter, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    """The whole way of a frame: suppression, specks, the emptiness test, and names."""
    image = render_scene(3, size).image
    geometry = FrameGeometry.of(size, segmenter.config)
    plain = segmenter.segment(image).segments

    def noisy(*arguments) -> LowResolutionMasks:
        masks = decode_masks(*arguments)
        random = torch.Generator().manual_seed(0)
        return replace(masks, logits=with_padding(masks.logits, geometry, random))

    monkeypatch.setattr(patch_decoder, 'decode_masks', noisy)
    changed = segmenter.segment(image).segments
    assert len(plain) > 1
    for one, other in zip(plain, changed, strict=True):
        assert np.array_equal(one.mask, other.mask)
        assert vars(one) | {'mask': None} == vars(other) | {'mask': None}


@pytest.mark.parametrize('size', [(48, 64), (48, 61), (61, 48), (64, 64), (1, 64)])
def test_logits_in_the_padding_change_no_loss(size: tuple[int, int], config: RoseConfig) -> None:
    geometry = FrameGeometry.of(size, config)
    whole = (LabelledRegion('road', '', False),)
    sample = Sample(np.zeros((*size, 3), np.uint8), np.zeros(size, np.uint8), whole)
    content = content_target(sample, geometry, config.sam)
    assert content.sum() == np.prod(geometry.content_in(config.sam.mask_size))
    logits, random = drawn(0)
    masks = (torch.rand(8, MASK, MASK, generator=random) > 0.5).float()
    noisy = with_padding(logits, geometry, random)
    for one, other in zip(
        mask_losses(logits, masks, content.expand_as(logits)),
        mask_losses(noisy, masks, content.expand_as(logits)),
        strict=True,
    ):
        torch.testing.assert_close(one, other)
