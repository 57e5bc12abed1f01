"""Work of fixed shapes that is launched as one: a CUDA graph in place of hundreds of launches."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


class CudaGraph:
    """``work`` without arguments and results: it reads and writes tensors that stay where they
    are, which were made outside of it, and nothing of what it does depends on their values.

    The first call carries it out as it is, which also warms it up, and records it, which carries
    nothing out; later ones replay the record.  ``pool``, of ``torch.cuda.graph_pool_handle``, is
    where the record keeps what it needs for itself; records that never run at the same time may
    share it.
    """

    def __init__(self, work: Callable[[], None], pool: object | None = None) -> None:
        self._work = work
        self._pool = pool
        self._graph: torch.cuda.CUDAGraph | None = None

    def __call__(self) -> None:
        """Carry the work out, on the current stream."""
        if self._graph is not None:
            self._graph.replay()
            return
        # Libraries that choose their kernels at first use would break a recording.
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            self._work()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with _no_collection(), torch.cuda.graph(graph, pool=self._pool):  # type: ignore[arg-type]
            self._work()
        self._graph = graph


@contextmanager
def _no_collection() -> Iterator[None]:
    """Inside, the garbage collector does not run: a record that it frees breaks the one that is
    being made.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class GraphedFunction:
    """A function of one tensor, replayed as a CUDA graph for the first shape that it sees.

    Other shapes, and tensors that are not on a GPU, are computed as they are.  The result is a
    copy: the next call does not change it.
    """

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        self._function = function
        self._input: Tensor | None = None
        self._output: Tensor | None = None
        self._graph = CudaGraph(self._run)

    def __call__(self, tensor: Tensor) -> Tensor:
        """``function(tensor)``."""
        if not tensor.is_cuda:
            return self._function(tensor)
        if self._input is None:
            self._input = tensor.clone()
        elif self._input.shape == tensor.shape and self._input.dtype == tensor.dtype:
            self._input.copy_(tensor)
        else:
            return self._function(tensor)
        self._graph()
        if self._output is None:
            raise RuntimeError('The function gave no tensor.')
        return self._output.clone()

    def _run(self) -> None:
        if self._input is None:
            return
        output = self._function(self._input)
        if self._output is None:
            self._output = torch.empty_like(output)
        # What is recorded has to write where the first, real run has written.
        self._output.copy_(output)
