"""The only way of tensors from the model's device to the CPU: many at once, in one copy.

Each copy waits until the device has done all its work, so a frame makes two: one for all that
becomes of its masks, and one for its names.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

_ALIGNMENT = 8
"""Every tensor begins at a multiple of so many bytes, as its own type wants."""


def to_host(*tensors: Tensor) -> tuple[Tensor, ...]:
    """The same tensors in the memory of the CPU; those that are there already are not copied.

    All are on one device.  From a GPU they come packed into one copy.
    """
    if all(tensor.device.type == 'cpu' for tensor in tensors):
        return tensors
    packed = pack(tensors)
    # Pinned memory is several times as fast to copy to, and PyTorch keeps it for the next frame.
    is_cuda = packed.device.type == 'cuda'
    landed = torch.empty(packed.shape, dtype=packed.dtype, pin_memory=is_cuda)
    landed.copy_(packed)
    return unpack(landed, tensors)


def pack(tensors: Sequence[Tensor]) -> Tensor:
    """The bytes of tensors, one after the other: uint8 ``[B]``."""
    parts = []
    for tensor in tensors:
        data = tensor.contiguous().reshape(-1).view(torch.uint8)
        parts.append(torch.nn.functional.pad(data, (0, -len(data) % _ALIGNMENT)))
    return torch.cat(parts)


def unpack(packed: Tensor, like: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """What :func:`pack` was given, as views of the packed bytes; only shapes and types of
    ``like`` are looked at.
    """
    tensors, start = [], 0
    for tensor in like:
        size = math.prod(tensor.shape) * tensor.element_size()
        tensors.append(packed[start : start + size].view(tensor.dtype).view(tensor.shape))
        start += size + -size % _ALIGNMENT
    return tuple(tensors)
