"""SAM's image encoder: the numbers of segment_anything's own, with less work."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rose_model.backbones import sam_attention, working_set
from rose_model.backbones.sam_attention import SamAttention

from .conftest import MakePair

SIZES: dict[str, dict[str, Any]] = {
    'windows that divide the grid': {'window': 4},
    'windows that reach over the edge': {'window': 5},
    'windows larger than the grid': {'window': 9},
    'no windows': {'window': 0},
    'no relative positions': {'window': 5, 'relative_positions': False},
}
every_size = pytest.mark.parametrize('changes', SIZES.values(), ids=SIZES.keys())


def draw_pixels(batch: int = 2, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(batch, 3, 64, 64).to(dtype)


@every_size
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_embeddings_equal_the_publishers(
    make_pair: MakePair, changes: dict[str, Any], dtype: torch.dtype
) -> None:
    """In float64 relative positions are further columns of queries and keys, as in half precision,
    in float32 a bias: see ``SamAttention``.
    """
    pair, pixels = make_pair(dtype, **changes), draw_pixels(dtype=dtype)
    torch.testing.assert_close(
        pair.ours.encode(pixels), pair.reference.image_encoder(pixels), rtol=1e-5, atol=1e-5
    )


@every_size
def test_bfloat16_is_as_far_from_float32_as_the_publishers(
    make_pair: MakePair, changes: dict[str, Any]
) -> None:
    pair, pixels = make_pair(**changes), draw_pixels()
    exact = pair.ours.encode(pixels)
    for parameter in pair.ours.parameters():
        parameter.data = parameter.data.bfloat16()
    pair.reference.bfloat16()
    half = pixels.bfloat16()
    ours, theirs = (
        (encode(half).float() - exact).norm() / exact.norm()
        for encode in (pair.ours.encode, pair.reference.image_encoder)
    )
    assert ours < max(1.2 * theirs, 0.01)
    assert theirs < 0.05


@every_size
def test_the_exported_form_equals_the_eager_one(
    make_pair: MakePair, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    sam, pixels = make_pair(**changes).ours, draw_pixels()
    expected = sam.encode(pixels)
    monkeypatch.setattr(sam_attention, 'is_exporting', lambda: True)
    torch.testing.assert_close(sam.encode(pixels), expected, rtol=1e-5, atol=1e-5)


def test_how_many_heads_work_at_once_changes_nothing(
    make_pair: MakePair, monkeypatch: pytest.MonkeyPatch
) -> None:
    sam, pixels = make_pair(window=5, heads=4).ours, draw_pixels()
    expected = sam.encode(pixels)
    monkeypatch.setattr(sam_attention, 'rows_at_once', lambda *_: 3)
    torch.testing.assert_close(sam.encode(pixels), expected, rtol=1e-5, atol=1e-5)


@every_size
def test_weights_have_the_publishers_names_and_shapes(
    make_pair: MakePair, changes: dict[str, Any]
) -> None:
    pair = make_pair(**changes)
    ours, theirs = (
        [(name, value.shape) for name, value in sam.state_dict().items()]
        for sam in (pair.ours, pair.reference)
    )
    assert ours == theirs


@every_size
def test_gradients_equal_the_publishers(make_pair: MakePair, changes: dict[str, Any]) -> None:
    pair, pixels = make_pair(**changes), draw_pixels()
    encoder, reference = pair.ours.image_encoder, pair.reference.image_encoder
    weights = torch.randn_like(reference(pixels))
    gradients = []
    for module in (encoder, reference):
        module.requires_grad_(True)
        loss = (module(pixels) * weights).sum()
        gradients.append(torch.autograd.grad(loss, list(module.parameters())))
        module.requires_grad_(False)
    for (name, _), ours, theirs in zip(encoder.named_parameters(), *gradients, strict=True):
        assert ours.any(), name
        error = (ours - theirs).norm() / theirs.norm()
        assert error < 1e-4, (name, error)


@pytest.mark.parametrize(('window', 'tokens'), [(4, 64), (5, 65), (9, 65)])
def test_the_filling_of_windows_costs_no_products(
    make_pair: MakePair, window: int, tokens: int
) -> None:
    """One token of zeros is projected for all places over the edge, and none is projected back."""
    sam = make_pair(window=window).ours
    seen = []

    def note(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        seen.append(output.shape[1])

    attention = sam.image_encoder.blocks[0].attn
    assert isinstance(attention, SamAttention)
    attention.qkv.register_forward_hook(note)
    attention.proj.register_forward_hook(note)
    sam.encode(draw_pixels())
    assert seen == [tokens, 64]


@pytest.mark.parametrize('mib', [0, 1, 100])
def test_rows_at_once_fit_into_the_memory_that_is_kept(mib: int) -> None:
    rows = working_set.rows_at_once(mib * 2**20 or 1, torch.device('cpu'))
    assert rows >= 1
    assert rows == 1 or rows * mib <= 32
