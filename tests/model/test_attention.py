"""Attention by matrix products is SDPA's attention."""

from __future__ import annotations

import pytest
import torch

from rose_model.config import RoseConfig
from rose_model.instructions import ALL_REGIONS, FOREGROUND, Prompter
from rose_model.preprocess import normalise_lmm
from rose_model.rose import Rose
from rose_model.training.attention import attend_by_products, product_attention


@pytest.mark.parametrize('groups', [1, 2, 6])
@pytest.mark.parametrize('masked', [True, False])
def test_products_equal_sdpa(groups: int, masked: bool) -> None:
    query = torch.randn(2, 6, 9, 8)
    key, value = torch.randn(2, 2, groups, 9, 8)
    later = torch.ones(9, 9).triu(1).bool()
    mask = torch.zeros(2, 1, 9, 9).masked_fill(later, torch.finfo(torch.float32).min)
    mask = mask if masked else None
    mine, _ = product_attention(torch.nn.Identity(), query, key, value, mask, 8**-0.5)
    theirs = torch.nn.functional.scaled_dot_product_attention(
        query, key, value, attn_mask=mask, enable_gqa=True
    )
    torch.testing.assert_close(mine, theirs.transpose(1, 2))


def test_what_is_masked_in_half_precision_is_not_seen() -> None:
    query, key, value = torch.randn(3, 1, 1, 4, 8).bfloat16()
    mask = torch.zeros(1, 1, 4, 4)
    mask[..., 3] = torch.finfo(torch.float32).min
    before, _ = product_attention(torch.nn.Identity(), query, key, value, mask, 0.3)
    value[..., 3, :] = 99.0
    after, _ = product_attention(torch.nn.Identity(), query, key, value, mask, 0.3)
    assert torch.equal(before, after)


def test_a_model_perceives_the_same_by_either(
    rose: Rose, config: RoseConfig, prompter: Prompter
) -> None:
    side = config.vision.input_size
    pixels = normalise_lmm(torch.randint(0, 256, (2, 3, side, side), dtype=torch.uint8))
    prompts = [prompter.perception(text) for text in (ALL_REGIONS, FOREGROUND)]
    answers = [prompter.response(text) for text in ('There are 2 car.', 'There is 1 red car.')]
    with torch.no_grad():
        for responses in (None, answers):
            rose.perception.language_model.set_attn_implementation('sdpa')
            rose.perception.vision_tower.siglip.set_attn_implementation('sdpa')
            expected = rose.perception(pixels, prompts, responses)
            attend_by_products(rose)
            seen = rose.perception(pixels, prompts, responses)
            torch.testing.assert_close(
                seen.object_embedding, expected.object_embedding, rtol=1e-3, atol=1e-4
            )
            if responses:
                torch.testing.assert_close(
                    seen.response_logits, expected.response_logits, rtol=1e-3, atol=1e-3
                )
