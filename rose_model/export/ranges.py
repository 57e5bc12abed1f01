"""Would a graph in fp16 overflow?  Its numbers, computed in fp32."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx
from torch.utils import _pytree

from rose_model.errors import BackendError
from rose_model.export.onnx import Traced

LIMIT = 65504 / 4
"""A quarter of fp16's largest number: other pictures reach further than the one that is tried."""


@dataclass(frozen=True)
class Largest:
    """The largest number among all tensors of fp16, and the operator that gives it."""

    value: float
    operator: str


def check_range(traced: Traced, inputs: Mapping[str, Tensor]) -> Largest:
    """The largest number of a graph in fp16, which the CPU's own fp16 would hide: run in fp32.

    Raises:
        BackendError: it is above ``LIMIT``.
    """
    largest = largest_value(traced, inputs)
    if not largest.value < LIMIT:  # NaN is not, either
        raise BackendError(
            f'{largest.operator} reaches {largest.value:.3g}, above {LIMIT:.0f}: in fp16 it could '
            'overflow. Export with --precision bf16.'
        )
    return largest


@torch.inference_mode()
def largest_value(traced: Traced, inputs: Mapping[str, Tensor]) -> Largest:
    """The largest number in any fp16 tensor of a graph, on some inputs."""
    run = _InFloat32(traced.program.module())
    run.run(*(_widen(inputs[name]) for name in traced.inputs))
    return run.largest


class _InFloat32(fx.Interpreter):
    """Runs a graph of fp16 in fp32, and looks at what would be fp16."""

    def __init__(self, graph: fx.GraphModule) -> None:
        super().__init__(graph)
        self.largest = Largest(0.0, '')

    def run_node(self, n: fx.Node) -> Any:  # noqa: ANN401 - as fx has it
        result = super().run_node(n)
        traced = _pytree.tree_leaves(n.meta.get('val'))
        for meant, found in zip(traced, _pytree.tree_leaves(result), strict=False):
            if isinstance(meant, Tensor) and meant.dtype == torch.float16 and found.numel():
                value = float(found.abs().max())
                if not value <= self.largest.value:  # NaN replaces what is there
                    self.largest = Largest(value, n.name)
        return result

    def get_attr(self, target: Any, args: Any, kwargs: Any) -> Any:  # noqa: ANN401
        return _widen(super().get_attr(target, args, kwargs))

    def fetch_args_kwargs_from_env(self, n: fx.Node) -> Any:  # noqa: ANN401
        return _pytree.tree_map(_widen, super().fetch_args_kwargs_from_env(n))


def _widen(value: Any) -> Any:  # noqa: ANN401
    """fp32 in the place of fp16, be it a tensor or the name of a type."""
    if isinstance(value, Tensor) and value.dtype == torch.float16:
        return value.float()
    return torch.float32 if value is torch.float16 else value
