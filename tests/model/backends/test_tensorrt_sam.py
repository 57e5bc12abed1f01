"""SAM in TensorRT, with one that runs the graphs in ONNX Runtime: what is bound where and when."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest
import torch

from rose_model.backbones.sam import Sam
from rose_model.backends.engine_cache import EngineCache
from rose_model.backends.exported import PROMPTS_AT_ONCE, ExportedSam
from rose_model.backends.opening import BackendChoice, engine_maker
from rose_model.backends.tensorrt import TensorRtSam
from rose_model.backends.tensorrt_engine import PROFILE, EngineMaker, Gpu
from rose_model.errors import BackendError, ConfigError
from rose_model.mask_decoder import decode_masks

CPU = torch.device('cpu')


@pytest.fixture
def engines(trt: ModuleType, exported: ExportedSam, tmp_path: Path) -> EngineMaker:
    return EngineMaker(trt, exported, Gpu(CPU, 'A', (8, 7)), EngineCache(tmp_path / 'engines'))


@pytest.fixture
def fast(trt: ModuleType, engines: EngineMaker) -> TensorRtSam:
    return TensorRtSam(trt, engines, CPU)


@pytest.fixture(scope='module')
def pixels(sam: Sam) -> torch.Tensor:
    return torch.randn(1, 3, sam.config.input_size, sam.config.input_size)


@torch.inference_mode()
def test_it_equals_pytorch_for_every_number_of_prompts(
    fast: TensorRtSam, sam: Sam, pixels: torch.Tensor
) -> None:
    image = fast.encode(pixels)
    torch.testing.assert_close(image, sam.encode(pixels), atol=1e-4, rtol=1e-4)
    for number in (1, 7, PROMPTS_AT_ONCE, 3, PROMPTS_AT_ONCE):
        prompts = torch.randn(number, sam.config.prompt_width)
        found, expected = fast.decode(prompts, image), sam.decode(prompts, image)
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


@torch.inference_mode()
def test_more_prompts_than_a_call_takes_are_decoded_in_several(
    fast: TensorRtSam, sam: Sam, pixels: torch.Tensor
) -> None:
    """Each call writes to the same memory: what the one before gave must have been copied."""
    image, prompts = (
        sam.encode(pixels),
        torch.randn(2 * PROMPTS_AT_ONCE + 5, sam.config.prompt_width),
    )
    found, expected = decode_masks(fast, prompts, image), decode_masks(sam, prompts, image)
    torch.testing.assert_close(found.logits, expected.logits, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(found.scores, expected.scores, atol=1e-4, rtol=1e-4)


def test_an_earlier_image_stays_as_it_was(fast: TensorRtSam, pixels: torch.Tensor) -> None:
    first = fast.encode(pixels)
    kept = first.clone()
    fast.encode(pixels.flip(-1))
    torch.testing.assert_close(first, kept)


def test_other_types_and_layouts_are_converted(fast: TensorRtSam, pixels: torch.Tensor) -> None:
    """An engine reads raw memory: half the bytes, or columns for rows, would be noise."""
    expected = fast.encode(pixels)
    turned = pixels.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
    assert not turned.is_contiguous()
    torch.testing.assert_close(fast.encode(turned), expected)
    torch.testing.assert_close(fast.encode(pixels.double()), expected)


def test_a_shape_is_set_only_when_it_changes(
    fast: TensorRtSam, trt: ModuleType, sam: Sam, pixels: torch.Tensor
) -> None:
    image = fast.encode(pixels)
    before = trt.calls['set_input_shape']
    for number in (5, 5, 5, 6, 6):
        fast.decode(torch.randn(number, sam.config.prompt_width), image)
    assert trt.calls['set_input_shape'] - before == 3  # the image once, the prompts twice


def test_both_streams_wait_for_each_other(
    fast: TensorRtSam, pixels: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine for its inputs, the consumer for the outputs; the CPU waits for nothing."""
    own, consumer = fast._encoder._stream, torch.cuda.current_stream(CPU)
    fast.encode(pixels)
    assert own.waited_for == [consumer.cuda_stream]
    assert consumer.waited_for == [own.cuda_stream]
    assert own.cuda_stream != consumer.cuda_stream


def test_numbers_of_rows_outside_of_the_profile_are_refused(
    fast: TensorRtSam, sam: Sam, pixels: torch.Tensor
) -> None:
    assert PROFILE == (1, PROMPTS_AT_ONCE, PROMPTS_AT_ONCE)
    image = fast.encode(pixels)
    for number in (0, PROMPTS_AT_ONCE + 1):
        prompts = torch.randn(number, sam.config.prompt_width)
        with pytest.raises(BackendError, match=f'takes 1 to {PROMPTS_AT_ONCE} rows, got {number}'):
            fast._decoder.run({'mask_embedding': prompts, 'image_embeddings': image})


def test_a_shape_that_the_engine_was_not_built_for_is_refused(fast: TensorRtSam) -> None:
    with pytest.raises(BackendError, match=r'refuses the shape \[1, 3, 32, 32\] of pixels'):
        fast.encode(torch.zeros(1, 3, 32, 32))


def test_a_run_that_fails_is_an_error(
    fast: TensorRtSam, trt: ModuleType, pixels: torch.Tensor
) -> None:
    trt.is_out_of_memory = True
    with pytest.raises(BackendError, match='TensorRT failed'):
        fast.encode(pixels)
    trt.is_out_of_memory = False
    assert fast.encode(pixels).isfinite().all()


def test_without_memory_for_activations_there_is_no_backend(
    trt: ModuleType, engines: EngineMaker
) -> None:
    engines.engine('encoder')
    trt.is_out_of_memory = True
    with pytest.raises(BackendError, match='no memory for its activations'):
        TensorRtSam(trt, engines, CPU)


def test_without_a_gpu_it_is_refused(trt: ModuleType, exported: ExportedSam) -> None:
    with pytest.raises(ConfigError, match='needs a GPU, the device is cpu'):
        engine_maker(exported, CPU, None)


def test_without_the_library_the_error_says_how_to_get_it(
    exported: ExportedSam, sam: Sam, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__('sys').modules, 'tensorrt', None)
    with pytest.raises(ConfigError, match='pip install tensorrt'):
        BackendChoice('tensorrt', exported.folder).check(sam.config)
