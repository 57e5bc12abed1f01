"""Floating-point types by the names that users give them."""

from __future__ import annotations

from typing import Literal, TypeVar

import torch
from torch import nn

Precision = Literal['fp32', 'bf16', 'fp16']
DTYPES: dict[Precision, torch.dtype] = {
    'fp32': torch.float32,
    'bf16': torch.bfloat16,
    'fp16': torch.float16,
}

Module = TypeVar('Module', bound=nn.Module)


def cast(module: Module, dtype: torch.dtype) -> Module:
    """The module itself, its weights in ``dtype``.

    Unlike ``to(dtype)`` it leaves the tables as they are that positions are computed from: in
    half precision the angle of token 2,000 would be wrong by up to 2.3 radians.
    """
    for parameter in module.parameters():
        parameter.data = parameter.data.to(dtype)
    return module
