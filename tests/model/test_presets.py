"""The large presets have exactly the sizes of the published models; nothing is allocated."""

from __future__ import annotations

import pytest
import torch

from rose_model.config import RoseConfig
from rose_model.presets import PRESETS, nano, rose_0_5b, rose_7b
from rose_model.rose import ParameterCount, build_rose


def count(config: RoseConfig) -> ParameterCount:
    with torch.device('meta'):
        return build_rose(config).count_parameters()


def test_rose_7b_is_llava_onevision_7b_with_sam_vit_h() -> None:
    sizes = count(rose_7b())
    assert sizes.language_model == pytest.approx(7.07e9, rel=1e-3)
    assert sizes.lm_head == pytest.approx(0.545e9, rel=1e-3)
    assert sizes.vision_tower == pytest.approx(0.398e9, rel=1e-3)
    assert sizes.text_tower == pytest.approx(449.7e6, rel=1e-3)  # google/siglip-so400m-patch14-384
    assert sizes.sam_encoder == pytest.approx(637.0e6, rel=1e-3)
    assert sizes.sam_decoder == pytest.approx(4.06e6, rel=1e-3)


def test_rose_0_5b_ties_its_head_and_has_sam_vit_b() -> None:
    sizes = count(rose_0_5b())
    assert sizes.lm_head == 0
    assert sizes.language_model == pytest.approx(0.494e9, rel=1e-3)
    assert sizes.sam_encoder == pytest.approx(89.67e6, rel=1e-3)


def test_nano_fits_into_25_megabytes_in_half_precision() -> None:
    sizes = count(nano())
    assert 2 * sum(vars(sizes).values()) < 25e6


@pytest.mark.parametrize('name', PRESETS)
def test_a_preset_bears_its_name(name: str) -> None:
    assert PRESETS[name]().name == name


def test_the_paper_sees_48_by_48_patches() -> None:
    assert rose_7b().vision.grid_size == 48
