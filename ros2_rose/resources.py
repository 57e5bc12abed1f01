"""What the process takes of the machine, and how it gives memory back.  Linux only."""

from __future__ import annotations

import atexit
import gc
import os
from dataclasses import dataclass
from pathlib import Path

import torch

from ros2_rose.heap import of_glibc

# What is passed over when Python ends would be told of as leaked, by the libraries that look.
atexit.register(gc.unfreeze)

_PROCESS = Path('/proc/self')


@dataclass(frozen=True)
class Resources:
    """``memory_bytes``: resident memory.  ``cuda_bytes``: what PyTorch holds on the GPUs, whether
    in use or kept for later; ``None`` where it has used none.
    """

    memory_bytes: int
    threads: int
    descriptors: int
    cuda_bytes: int | None


def read_resources() -> Resources:
    """What this process takes now; costs a fraction of a millisecond."""
    resident_pages = int((_PROCESS / 'statm').read_text().split()[1])
    cuda_bytes = None
    if _uses_cuda():
        devices = range(torch.cuda.device_count())
        cuda_bytes = sum(torch.cuda.memory_reserved(device) for device in devices)
    return Resources(
        memory_bytes=resident_pages * os.sysconf('SC_PAGE_SIZE'),
        threads=sum(1 for _ in (_PROCESS / 'task').iterdir()),
        descriptors=sum(1 for _ in (_PROCESS / 'fd').iterdir()) - 1,  # without that of the listing
        cuda_bytes=cuda_bytes,
    )


def give_memory_back() -> None:
    """Return to the system what nobody refers to any more; takes up to half a second.

    Python's collector frees what refers to itself in circles; the C library, which keeps freed
    memory for later, and PyTorch's allocator on the GPU are then asked to let go of it.

    What is left, half a million objects of the libraries, the collector passes over from then on:
    it would go through them again and again, with a hundred masks a frame every half minute, and
    all threads would stand still for a third of a second.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    trim = of_glibc('malloc_trim')
    if trim is not None:
        trim(0)
    if _uses_cuda():
        torch.cuda.empty_cache()


def _uses_cuda() -> bool:
    """Whether this process has begun to; only to ask for memory would begin it."""
    return bool(torch.cuda.is_initialized())
