"""Enlarged tables of positions are those of transformers' SigLIP."""

from __future__ import annotations

import pytest
import torch
from transformers import SiglipVisionConfig
from transformers.models.siglip.modeling_siglip import SiglipVisionEmbeddings

from rose_model.backbones.positions import enlarge, enlargement

PATCH, WIDTH = 14, 8


@torch.inference_mode()
@pytest.mark.parametrize(('source', 'target'), [(27, 48), (2, 4), (5, 3), (4, 4), (1, 3)])
@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
def test_they_are_those_of_transformers(source: int, target: int, dtype: torch.dtype) -> None:
    siglip = SiglipVisionEmbeddings(
        SiglipVisionConfig(image_size=source * PATCH, patch_size=PATCH, hidden_size=WIDTH)
    )
    table = siglip.position_embedding.weight.to(dtype)
    siglip.position_embedding.weight.data = table.float()
    side = target * PATCH
    (expected,) = siglip.interpolate_pos_encoding(torch.zeros(1, target**2, WIDTH), side, side)
    found = enlarge(table, enlargement(source, target))
    torch.testing.assert_close(found, expected.to(dtype))


def test_they_keep_their_precision_under_autocast() -> None:
    table, weights = torch.randn(9, WIDTH), enlargement(3, 5)
    with torch.autocast('cpu', torch.bfloat16):
        found = enlarge(table, weights)
    assert torch.equal(found, enlarge(table, weights))


def test_a_gradient_reaches_the_table() -> None:
    table = torch.randn(9, WIDTH, requires_grad=True)
    enlarge(table, enlargement(3, 5)).sum().backward()
    torch.testing.assert_close(table.grad.sum(), torch.tensor(25.0 * WIDTH))


def test_weights_do_not_depend_on_the_type_that_a_model_is_made_in() -> None:
    usual = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    try:
        made = enlargement(27, 48)
    finally:
        torch.set_default_dtype(usual)
    assert torch.equal(made, enlargement(27, 48))
