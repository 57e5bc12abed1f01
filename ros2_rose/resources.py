"""What the process takes of the machine, and how it gives memory back.  Linux only."""

from __future__ import annotations

import ctypes
import gc
import os
from dataclasses import dataclass
from pathlib import Path

import torch

_PROCESS = Path('/proc/self')
_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8
"""Of ``malloc.h``."""
_OWN_PAGES_BYTES = 8 * 2**20


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


def even_memory() -> None:
    """Keep resident memory even while images of changing sizes come; call it before the first.

    By itself the C library takes ever larger pieces out of heaps that it shares with small ones,
    one heap a thread, and a process creeps for minutes towards what the worst frame leaves
    scattered in each: eight sizes of image in turn took 1043 MiB and varied by 30, so they take
    970 and vary by 6.  One heap is no bottleneck where one thread has the model; pages for pieces
    below 8 MiB, taken anew for each frame, would cost a frame of the small model a tenth of its
    time.
    """
    mallopt = getattr(ctypes.CDLL(None), 'mallopt', None)
    if mallopt is not None:  # glibc has it
        mallopt(_M_ARENA_MAX, 1)
        mallopt(_M_MMAP_THRESHOLD, _OWN_PAGES_BYTES)


def give_memory_back() -> None:
    """Return to the system what nobody refers to any more; takes up to half a second.

    Python's collector frees what refers to itself in circles; the C library, which keeps freed
    memory for later, and PyTorch's allocator on the GPU are then asked to let go of it.
    """
    gc.collect()
    trim = getattr(ctypes.CDLL(None), 'malloc_trim', None)
    if trim is not None:  # glibc has it
        trim(0)
    if _uses_cuda():
        torch.cuda.empty_cache()


def _uses_cuda() -> bool:
    """Whether this process has begun to; only to ask for memory would begin it."""
    return bool(torch.cuda.is_initialized())
