"""Two lines of work: what is begun beside the caller's line, and that nothing else comes of it."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor

from rose_model import RoseSegmenter
from rose_model.config import RoseConfig
from rose_model.mask_decoder import decode_masks
from rose_model.presets import nano, rose_0_5b, rose_7b
from rose_model.rose import Rose
from rose_model.side_stream import ONE_LINE, SideStream, open_side_stream

CPU = torch.device('cpu')


@pytest.fixture
def beside(config: RoseConfig) -> SideStream:
    return open_side_stream(config, CPU)


@pytest.fixture
def _four_threads() -> Iterator[None]:
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(1)


def where() -> tuple[Tensor, ...]:
    """The thread that does it, its number of threads, and whether it records gradients."""
    grad = torch.ones(1, requires_grad=True).mul(2).requires_grad
    return tuple(map(torch.tensor, (threading.get_ident(), torch.get_num_threads(), grad)))


@pytest.mark.usefixtures('_four_threads')
def test_a_small_model_has_a_second_thread_and_each_line_half_of_them(beside: SideStream) -> None:
    with beside.shared():
        ident, threads, has_gradients = beside.begin(where)()
        own = torch.get_num_threads()
        assert beside.lines == 2
    assert int(ident) != threading.get_ident()
    assert (int(threads), own, torch.get_num_threads()) == (2, 2, 4)
    assert not has_gradients
    assert beside.lines == 1


@pytest.mark.usefixtures('_four_threads')
@pytest.mark.parametrize('preset', [rose_0_5b, rose_7b])
def test_a_large_model_does_everything_in_one_line_with_all_threads(preset) -> None:
    beside = open_side_stream(preset(), CPU)
    with beside.shared():
        ident, threads, _ = beside.begin(where)()
        assert beside.lines == 1
    assert (int(ident), int(threads)) == (threading.get_ident(), 4)


def test_with_one_thread_there_is_one_line() -> None:
    beside = open_side_stream(nano(), CPU)
    with beside.shared():
        ident, threads, _ = beside.begin(where)()
    assert (int(ident), int(threads)) == (threading.get_ident(), 1)


@pytest.mark.usefixtures('_four_threads')
def test_outside_of_shared_there_is_one_line(beside: SideStream) -> None:
    ident, threads, _ = beside.begin(where)()
    assert (int(ident), int(threads)) == (threading.get_ident(), 4)


@pytest.mark.usefixtures('_four_threads')
def test_an_error_comes_with_the_result_and_the_next_work_is_done(beside: SideStream) -> None:
    def fail() -> tuple[Tensor, ...]:
        raise ValueError('no image')

    def use() -> None:
        with beside.shared():
            beside.begin(fail)()

    with pytest.raises(ValueError, match='no image'):
        use()
    assert torch.get_num_threads() == 4
    with beside.shared():
        assert len(beside.begin(where)()) == 3


@pytest.mark.usefixtures('_four_threads')
def test_the_thread_ends_with_its_model(config: RoseConfig) -> None:
    before = set(threading.enumerate())
    beside = open_side_stream(config, CPU)
    with beside.shared():
        beside.begin(where)()
    (thread,) = set(threading.enumerate()) - before
    del beside
    gc.collect()
    thread.join(10.0)
    assert not thread.is_alive()


@pytest.mark.usefixtures('_four_threads')
@torch.inference_mode()
@pytest.mark.parametrize('count', [0, 1, 2, 7])
def test_masks_decoded_in_two_lines_are_those_of_one(
    rose: Rose, beside: SideStream, count: int
) -> None:
    sam, side = rose.sam, rose.config.sam.embedding_size
    prompts = torch.randn(count, rose.config.sam.prompt_width)
    image = torch.randn(1, rose.config.sam.prompt_width, side, side)
    one = decode_masks(sam, prompts, image, ONE_LINE)
    with beside.shared():
        two = decode_masks(sam, prompts, image, beside)
    torch.testing.assert_close(two.logits, one.logits, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(two.scores, one.scores, atol=1e-4, rtol=1e-4)


def test_a_frame_of_two_lines_is_that_of_one(segmenter: RoseSegmenter, image: np.ndarray) -> None:
    one = segmenter.segment(image)
    torch.set_num_threads(2)
    two = segmenter.segment(image)
    assert torch.get_num_threads() == 2
    torch.set_num_threads(1)
    assert [s.category for s in two.segments] == [s.category for s in one.segments]
    assert [s.box_xyxy for s in two.segments] == [s.box_xyxy for s in one.segments]
    assert len(one.segments) > 1
    torch.testing.assert_close(two.context.image_embeddings, one.context.image_embeddings)
