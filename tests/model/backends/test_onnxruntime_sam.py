"""SAM in ONNX Runtime equals SAM in PyTorch."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from rose_model.backbones.sam import Sam
from rose_model.backends.exported import PROMPTS_AT_ONCE, ExportedSam
from rose_model.backends.onnxruntime import OnnxRuntimeSam
from rose_model.backends.opening import BackendChoice
from rose_model.backends.torch import TorchSam
from rose_model.errors import BackendError, ConfigError
from rose_model.mask_decoder import decode_masks

CPU = torch.device('cpu')


@pytest.fixture(scope='module')
def other(exported: ExportedSam) -> OnnxRuntimeSam:
    return OnnxRuntimeSam(exported, CPU)


@pytest.fixture(scope='module')
def pixels(sam: Sam) -> torch.Tensor:
    return torch.randn(1, 3, sam.config.input_size, sam.config.input_size)


@torch.inference_mode()
@pytest.mark.parametrize('number', [0, 1, 7, PROMPTS_AT_ONCE + 3])
def test_it_equals_pytorch(
    other: OnnxRuntimeSam, sam: Sam, pixels: torch.Tensor, number: int
) -> None:
    image = other.encode(pixels)
    torch.testing.assert_close(image, sam.encode(pixels), atol=1e-4, rtol=1e-4)
    prompts = torch.randn(number, sam.config.prompt_width)
    found, expected = decode_masks(other, prompts, image), decode_masks(sam, prompts, image)
    torch.testing.assert_close(found.logits, expected.logits, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(found.scores, expected.scores, atol=1e-4, rtol=1e-4)


def test_an_earlier_image_stays_as_it_was(other: OnnxRuntimeSam, pixels: torch.Tensor) -> None:
    first = other.encode(pixels)
    kept = first.clone()
    other.encode(pixels.flip(-1))
    torch.testing.assert_close(first, kept)


@torch.inference_mode()
@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float64])
def test_other_types_and_layouts_are_converted(
    other: OnnxRuntimeSam, sam: Sam, pixels: torch.Tensor, dtype: torch.dtype
) -> None:
    turned = pixels.to(dtype).permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
    assert not turned.is_contiguous()
    expected = other.encode(pixels.to(dtype).float())
    torch.testing.assert_close(other.encode(turned), expected)
    torch.testing.assert_close(TorchSam(sam).encode(turned), expected, atol=1e-4, rtol=1e-4)


def test_a_shape_that_the_graph_does_not_have_is_an_error(other: OnnxRuntimeSam) -> None:
    with pytest.raises(BackendError, match='onnxruntime failed'):
        other.encode(torch.zeros(1, 3, 32, 32))


def test_a_graph_that_it_cannot_run_is_refused_with_the_cure(
    exported: ExportedSam, tmp_path
) -> None:
    for name in ('encoder.onnx', 'decoder.onnx'):
        (tmp_path / name).write_bytes(b'no graph')
    with pytest.raises(ConfigError, match=r'cannot run .* export with --precision fp32'):
        OnnxRuntimeSam(replace(exported, folder=tmp_path), CPU)


def test_a_graph_in_bf16_is_refused_before_any_work(
    exported: ExportedSam, sam: Sam, tmp_path: Path
) -> None:
    """Its CUDA provider does not load one, either: a convolution has no bf16 in ONNX there."""
    shutil.copytree(exported.folder, tmp_path, dirs_exist_ok=True)
    record = exported.record.model_copy(update={'precision': 'bf16'})
    (tmp_path / 'export.json').write_text(record.model_dump_json())
    with pytest.raises(ConfigError, match='no convolutions in bf16; run rose export --prec'):
        BackendChoice('onnxruntime', tmp_path).check(sam.config)
    with pytest.raises(ConfigError, match='no convolutions in bf16'):
        OnnxRuntimeSam(replace(exported, record=record), CPU)


def test_without_the_library_the_error_says_how_to_get_it(
    exported: ExportedSam, sam: Sam, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, 'onnxruntime', None)
    with pytest.raises(ConfigError, match=r"pip install 'rose_model\[onnx\]'"):
        BackendChoice('onnxruntime', exported.folder).check(sam.config)


@pytest.mark.parametrize('name', ['onnxruntime', 'tensorrt'])
def test_without_an_export_the_error_says_how_to_make_one(sam: Sam, name: str) -> None:
    with pytest.raises(ConfigError, match='rose export --model MODEL FOLDER'):
        BackendChoice(name).check(sam.config)
