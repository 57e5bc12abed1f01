"""A CUDA graph does what its function does, from the first call on."""

from __future__ import annotations

import gc
from contextlib import nullcontext
from unittest import mock

import pytest
import torch

from rose_model.backends.torch import TorchSam
from rose_model.category_decoder import CategoryDecoder
from rose_model.cuda_graph import CudaGraph, GraphedFunction
from rose_model.instructions import Prompter
from rose_model.rose import Rose

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')


def test_every_run_writes_to_the_same_place() -> None:
    """What is recorded is not carried out: a record that wrote elsewhere made the first result
    memory that nobody had written.
    """
    double = GraphedFunction(lambda tensor: 2 * tensor)
    double._input = torch.ones(3)
    double._run()
    first = double._output
    double._input.fill_(2)
    double._run()
    assert double._output is first
    assert first is not None
    assert first.tolist() == [4.0] * 3


def test_a_function_on_a_cpu_is_called_as_it_is() -> None:
    double = GraphedFunction(lambda tensor: 2 * tensor)
    assert torch.equal(double(torch.ones(3)), torch.full((3,), 2.0))
    assert torch.equal(double(torch.ones(2)), torch.full((2,), 2.0))


def test_nothing_is_collected_while_a_record_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """An older record that was freed meanwhile, on a GPU, broke the new one."""
    for name in ('Stream', 'current_stream', 'CUDAGraph'):
        monkeypatch.setattr(torch.cuda, name, mock.MagicMock)
    for name in ('stream', 'graph'):
        monkeypatch.setattr(torch.cuda, name, lambda *_, **__: nullcontext())
    seen = []
    CudaGraph(lambda: seen.append(gc.isenabled()))()
    assert seen == [True, False]  # carried out, then recorded
    with pytest.raises(ZeroDivisionError):
        CudaGraph(lambda: seen.append(1 // gc.isenabled()))()
    assert gc.isenabled()


@needs_gpu
def test_older_records_do_not_break_a_new_one() -> None:
    """They are in circles, so only the garbage collector frees them."""
    threshold = gc.get_threshold()
    try:
        for size in range(1, 10):
            GraphedFunction(lambda tensor: 2 * tensor)(torch.ones(size, device='cuda'))
            gc.set_threshold(1)  # as often as can be
    finally:
        gc.set_threshold(*threshold)


@needs_gpu
def test_the_first_call_gives_what_later_calls_give() -> None:
    double = GraphedFunction(lambda tensor: 2 * tensor)
    for value in range(1, 4):
        given = torch.full((1000,), float(value), device='cuda')
        assert torch.equal(double(given), 2 * given)
    other = torch.ones(3, device='cuda')
    assert torch.equal(double(other), 2 * other)


@needs_gpu
def test_a_result_is_not_changed_by_the_next_call() -> None:
    double = GraphedFunction(lambda tensor: 2 * tensor)
    first = double(torch.ones(4, device='cuda'))
    double(torch.zeros(4, device='cuda'))
    assert first.tolist() == [2.0] * 4


@needs_gpu
@torch.inference_mode()
def test_a_replayed_image_is_that_of_single_launches(rose: Rose) -> None:
    sam, side = rose.sam.cuda(), rose.config.sam.input_size
    replayed = TorchSam(sam)
    for _ in range(3):
        pixels = torch.randn(1, 3, side, side, device='cuda')
        torch.testing.assert_close(
            replayed.encode(pixels), sam.encode(pixels), atol=1e-4, rtol=1e-4
        )


@needs_gpu
@pytest.mark.parametrize('count', [1, 7, 20])
def test_replayed_names_are_those_of_single_launches(
    rose: Rose, prompter: Prompter, count: int
) -> None:
    embeddings = torch.randn(count, 32, device='cuda')
    model, prompt = rose.perception.language_model.cuda(), prompter.category()
    launched = CategoryDecoder(model, prompt, 4)
    launched._is_graphed = False  # each frame is carried out for the first time
    expected = launched.decode(embeddings)
    decoder = CategoryDecoder(model, prompt, 4)
    decoder.prepare(count)
    for _ in range(3):  # replayed, and again after another number of names
        names = decoder.decode(embeddings)
        decoder.decode(embeddings[:1])
        assert names.token_ids == expected.token_ids
        torch.testing.assert_close(names.scores, expected.scores, rtol=1e-3, atol=1e-4)
