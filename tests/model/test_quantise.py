"""Weights of the language model in 8 and 4 bits: smaller, and nearly the same words."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from torch import nn

from rose_model import RoseSegmenter
from rose_model.checkpoint import load_pretrained
from rose_model.data.streets import render_scene
from rose_model.errors import ConfigError
from rose_model.precision import cast
from rose_model.quantise import check_quantisation, quantise_language_model
from rose_model.rose import Rose

torchao_utils = pytest.importorskip('torchao.utils', reason='needs the extra `quantise`')

STREETS = range(3)
SIZE = (120, 160)


@pytest.fixture(scope='module')
def images() -> list[np.ndarray]:
    return [render_scene(number, SIZE).image for number in STREETS]


def nano(quantise: str, precision: torch.dtype = torch.bfloat16) -> Rose:
    rose = load_pretrained('nano', torch.device('cpu'), precision).rose
    quantise_language_model(rose, quantise)
    return rose


def names(quantise: str, images: list[np.ndarray]) -> list[dict[int, str]]:
    """The name that each patch gave, one image after another."""
    segmenter = RoseSegmenter.from_pretrained(
        'nano', device='cpu', precision='bf16', quantise=quantise
    )
    return [
        {segment.patch: segment.category for segment in segmenter.segment(image).segments}
        for image in images
    ]


@pytest.mark.parametrize(('quantise', 'most_bits'), [('int8', 8.5), ('int4', 4.75)])
def test_layers_take_so_many_bits_a_weight(quantise: str, most_bits: float) -> None:
    plain = nano('none').perception.language_model.model.layers
    count = sum(parameter.numel() for parameter in plain.parameters())
    layers = nano(quantise).perception.language_model.model.layers
    assert 8 * torchao_utils.get_model_size_in_bytes(layers) / count < most_bits


@pytest.mark.parametrize(('quantise', 'least'), [('int8', 0.9), ('int4', 0.8)])
def test_streets_keep_their_names(quantise: str, least: float, images: list[np.ndarray]) -> None:
    pairs = [
        (name, other[patch])
        for frame, other in zip(names('none', images), names(quantise, images), strict=True)
        for patch, name in frame.items()
        if patch in other
    ]
    assert len(pairs) > 20
    assert np.mean([name == other for name, other in pairs]) >= least


def test_all_else_keeps_its_weights() -> None:
    before, after = nano('none'), nano('int8')
    language = after.perception.language_model
    inside = {id(p) for p in language.model.layers.parameters()}
    rest = [name for name, p in after.named_parameters() if id(p) not in inside]
    assert 'perception.language_model.lm_head.weight' in rest
    for name in rest:
        assert torch.equal(after.get_parameter(name), before.get_parameter(name)), name
    linear = [layer for layer in language.model.layers.modules() if isinstance(layer, nn.Linear)]
    assert len(linear) == 4 * 7
    assert all(type(layer.weight) is not nn.Parameter for layer in linear)


@pytest.mark.parametrize('quantise', ['', 'int2', 'INT8', 'fp8'])
def test_an_unknown_way_is_refused_before_anything_is_loaded(quantise: str) -> None:
    with pytest.raises(ConfigError, match=r'must be one of none, int8, int4, got '):
        RoseSegmenter.from_pretrained('no_such_folder', quantise=quantise)


def test_int4_wants_bf16() -> None:
    with pytest.raises(ConfigError, match=r'computes in bf16, got torch.float32; use precision'):
        nano('int4', torch.float32)


def test_int4_refuses_widths_that_it_would_leave_out(rose: Rose) -> None:
    with pytest.raises(ConfigError, match=r"q_proj has 32 inputs; use quantise 'int8'"):
        quantise_language_model(cast(rose, torch.bfloat16), 'int4')


def test_without_torchao_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'torchao.quantization', None)
    with pytest.raises(ConfigError, match=r"pip install 'rose_model\[quantise\]'"):
        check_quantisation('int8', torch.float32)
    check_quantisation('none', torch.float32)
