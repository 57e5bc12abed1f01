"""A second line of work beside the caller's: a stream of a GPU, or a thread of the processor."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Protocol, TypeAlias

import torch
from torch import Tensor

from rose_model.config import RoseConfig

Work: TypeAlias = Callable[[], tuple[Tensor, ...]]

_SMALL_PRODUCT = 10**9
"""FLOP that one core does in milliseconds.  A model of smaller products gains nothing where each
is shared out: its threads would wait for each other hundreds of times in a frame.
"""


class SideStream(Protocol):
    """One thread uses it, the one that uses the model.

    ``lines``: into how many parts work of the processor is best cut.
    """

    lines: int

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Inside, the lines share PyTorch's threads."""

    def begin(self, work: Work) -> Work:
        """Begin with ``work``, which waits for what was begun before, and for nothing later.  What
        comes back gives its result, for the caller's line, or raises its error.
        """


def open_side_stream(config: RoseConfig, device: torch.device) -> SideStream:
    """What pays for a model on a device."""
    if device.type == 'cuda':
        return _CudaStream(device)
    vision = config.vision
    product = 2 * vision.grid_size**2 * vision.width * vision.mlp_width
    return _SideThread() if product < _SMALL_PRODUCT else ONE_LINE


class _OneLine:
    """Everything in the caller's line: for models whose every operation keeps all cores busy."""

    lines = 1

    @contextmanager
    def shared(self) -> Iterator[None]:
        yield

    def begin(self, work: Work) -> Work:
        made = work()
        return lambda: made


ONE_LINE: SideStream = _OneLine()


class _CudaStream(_OneLine):
    """For what a GPU can do at the same time; the processor only launches it."""

    def __init__(self, device: torch.device) -> None:
        self._stream = torch.cuda.Stream(device)

    def begin(self, work: Work) -> Work:
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            made = work()

        def join() -> tuple[Tensor, ...]:
            current = torch.cuda.current_stream()
            current.wait_stream(self._stream)
            for tensor in made:
                tensor.record_stream(current)
            return made

        return join


class _SideThread:
    """For small models: two lines, each with half of PyTorch's threads.  Where there is only one
    thread, and outside of ``shared``, everything is in the caller's line.
    """

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix='rose_side')
        self._threads = 1
        self.lines = 1

    @contextmanager
    def shared(self) -> Iterator[None]:
        threads = torch.get_num_threads()
        if threads == 1:
            yield
            return
        self.lines, self._threads = 2, threads // 2
        torch.set_num_threads(self._threads)
        try:
            yield
        finally:
            self.lines = 1
            torch.set_num_threads(threads)

    def begin(self, work: Work) -> Work:
        if self.lines == 1:
            return ONE_LINE.begin(work)
        return self._executor.submit(self._run, work).result

    def _run(self, work: Work) -> tuple[Tensor, ...]:
        torch.set_num_threads(self._threads)  # it is each thread's own, as is inference mode
        with torch.inference_mode():
            return work()
