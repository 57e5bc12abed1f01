"""Qwen2's norms in one call."""

from __future__ import annotations

import pytest
import torch
from transformers.models.qwen2.modeling_qwen2 import Qwen2RMSNorm

from rose_model.backbones.rms_norm import RmsNorm, replace_rms_norms
from rose_model.rose import Rose

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
DEVICES = ['cpu', pytest.param('cuda', marks=needs_gpu)]


def test_the_language_model_has_no_other(rose: Rose) -> None:
    norms = [
        module
        for module in rose.perception.language_model.modules()
        if 'Norm' in str(type(module))
    ]
    assert len(norms) == 2 * rose.config.language.layers + 1
    assert {type(norm) for norm in norms} == {RmsNorm}


def test_the_weights_stay_under_their_names() -> None:
    module = torch.nn.Sequential(torch.nn.Sequential(Qwen2RMSNorm(4, 1e-5)))
    weight = module[0][0].weight
    replace_rms_norms(module)
    norm = module.get_submodule('0.0')
    assert isinstance(norm, RmsNorm)
    assert norm.weight is weight
    assert norm.variance_epsilon == 1e-5


@torch.inference_mode()
@pytest.mark.parametrize('device', DEVICES)
@pytest.mark.parametrize('dtype', [torch.float32, torch.float16, torch.bfloat16])
def test_it_differs_from_that_of_transformers_by_one_rounding(
    device: str, dtype: torch.dtype
) -> None:
    norm, other, states = _pair(device, dtype)
    found = norm(states)
    assert found.dtype == dtype
    exact = other.double()(states.double())
    torch.testing.assert_close(found.double(), exact, rtol=torch.finfo(dtype).eps, atol=1e-6)


@pytest.mark.parametrize('device', DEVICES)
def test_outside_of_inference_it_is_the_norm_of_transformers(device: str) -> None:
    norm, other, states = _pair(device, torch.bfloat16)
    assert torch.equal(norm(states), other(states))


def _pair(device: str, dtype: torch.dtype) -> tuple[RmsNorm, Qwen2RMSNorm, torch.Tensor]:
    """Our norm, that of transformers with the same weights, and what is normalised."""
    other = Qwen2RMSNorm(64, 1e-6).to(device, dtype)
    other.weight.data = 1 + 0.1 * torch.randn(64, device=device, dtype=dtype)
    norm = RmsNorm(64, 1e-6)
    norm.weight = other.weight
    return norm, other, 300 * torch.randn(2, 7, 64, device=device, dtype=dtype)
