"""SAM in float16: nothing overflows, where segment_anything's own does."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from rose_model.backbones.sam import Sam
from rose_model.backbones.sam_norm import ChannelNorm, LayerNorm
from rose_model.checkpoint import load_pretrained, shipped_models
from rose_model.data.streets import render_scene
from rose_model.preprocess import make_views, normalise_sam
from rose_model.rose import Rose

from .conftest import MakePair

CPU = torch.device('cpu')
LIMIT = 65504 / 4
"""A quarter of the largest number of float16: other images reach further than the one tried."""


def to_half(sam: nn.Module) -> None:
    for parameter in sam.parameters():
        parameter.data = parameter.data.half()


def test_embeddings_stay_right_where_the_publishers_overflow(make_pair: MakePair) -> None:
    """Their norm of channels squares differences; above 255 that is infinite, and all is 0."""
    pair, pixels = make_pair(), torch.randn(1, 3, 64, 64)
    projection = pair.ours.image_encoder.neck[0]
    deviations = []
    hook = projection.register_forward_hook(lambda *call: deviations.append(call[-1].std()))
    pair.ours.encode(pixels)
    hook.remove()
    projection.weight *= 1e3 / deviations[0]
    exact = pair.ours.encode(pixels)
    to_half(pair.ours)
    to_half(pair.reference)
    ours, theirs = pair.ours.encode(pixels.half()), pair.reference.image_encoder(pixels.half())
    assert ours.dtype == torch.float16
    assert (ours.float() - exact).norm() < 0.01 * exact.norm()
    assert (theirs.float() - exact).norm() > 0.5 * exact.norm()


@pytest.mark.parametrize('norm', [LayerNorm(4), ChannelNorm(4)])
def test_norms_of_float16_work_in_float32(
    norm: LayerNorm, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    layer_norm = functional.layer_norm

    def note(input: Tensor, *others: object) -> Tensor:
        seen.append((input.dtype, others[1].dtype, others[2].dtype))
        return layer_norm(input, *others)

    monkeypatch.setattr(functional, 'layer_norm', note)
    assert norm.half()(torch.randn(1, 4, 4, 4).half()).dtype == torch.float16
    assert seen == [(torch.float32,) * 3]


def test_no_norm_of_segment_anything_is_left(rose: Rose) -> None:
    norms = [module for module in rose.sam.modules() if 'Norm' in type(module).__name__]
    assert {type(norm) for norm in norms} == {LayerNorm, ChannelNorm}


@pytest.fixture(scope='module', params=shipped_models())
def shipped(request: pytest.FixtureRequest) -> tuple[Sam, Tensor]:
    rose = load_pretrained(request.param, CPU, torch.float32).rose
    views = make_views(render_scene(2_000_000, (240, 320)).image, rose.config)
    return rose.sam, normalise_sam(views.sam_pixels[None], rose.config.sam.input_size)


@torch.inference_mode()
def test_the_shipped_models_leave_room_in_float16(shipped: tuple[Sam, Tensor]) -> None:
    sam, pixels = shipped
    largest: dict[str, float] = {}

    def note(name: str, output: Tensor) -> None:
        largest[name] = max(largest.get(name, 0.0), float(output.abs().max()))

    handles = [
        module.register_forward_hook(lambda _module, _input, output, name=name: note(name, output))
        for name, module in sam.named_modules()
        if not list(module.children())
    ]
    prompts = torch.randn(9, sam.config.prompt_width)
    logits, scores = sam.decode(prompts, sam.encode(pixels))
    for handle in handles:
        handle.remove()
    note('logits', logits)
    note('scores', scores)
    assert len(largest) > 50
    assert max(largest.values()) < LIMIT


@torch.inference_mode()
def test_masks_of_float16_are_those_of_float32(shipped: tuple[Sam, Tensor]) -> None:
    sam, pixels = shipped
    prompts = torch.randn(9, sam.config.prompt_width)
    exact, _ = sam.decode(prompts, sam.encode(pixels))
    half = Sam(sam.config)
    half.load_state_dict(sam.state_dict())
    to_half(half)
    logits, scores = half.decode(prompts.half(), half.encode(pixels.half()))
    assert logits.isfinite().all()
    assert scores.isfinite().all()
    both, either = ((logits > 0) & (exact > 0)).sum(), ((logits > 0) | (exact > 0)).sum()
    assert both / either > 0.99
