"""Failures of the device that the model runs on: too little memory, or a context that is dead.

After an illegal access or a failed assertion on the GPU every further call in this process fails:
only another process can use the GPU again.
"""

from __future__ import annotations

import torch


class DeviceLostError(Exception):
    """The model's device cannot be used by this process any more."""


def is_out_of_memory(error: Exception) -> bool:
    """Whether there was too little memory; more may come, as when another process ends."""
    return isinstance(error, (torch.OutOfMemoryError, MemoryError))


def is_device_lost() -> bool:
    """Whether a GPU that this process uses answers nothing but errors."""
    if not torch.cuda.is_initialized():
        return False
    used = [gpu for gpu in range(torch.cuda.device_count()) if torch.cuda.memory_reserved(gpu)]
    try:
        for gpu in used:
            torch.cuda.synchronize(gpu)
    except torch.AcceleratorError:
        return True
    return False
