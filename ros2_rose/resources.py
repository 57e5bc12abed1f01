"""What the process takes of the machine, and how it gives memory back.  Linux only."""

from __future__ import annotations

import atexit
import ctypes
import gc
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

# What is passed over when Python ends would be told of as leaked, by the libraries that look.
atexit.register(gc.unfreeze)

_PROCESS = Path('/proc/self')
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
"""What ``malloc.h`` calls them."""
_OWN_PAGES_BYTES = 2**23
"""From so many bytes on a piece has pages of its own."""
_KEPT_BYTES = 2**24
"""So many free bytes at the end of the heap stay for the next frame."""


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
    """Keep the C library from scattering what a frame needs; call it before the first.

    By itself it has a heap for each thread, and takes ever larger pieces out of them: where the
    sizes of images change, resident memory goes up and down by tens of MiB and creeps to what the
    worst frame has left in each.  One heap is no bottleneck where one thread has the model.  What
    a frame leaves free at its end is kept for the next one, up to a limit: to give it back and to
    ask for it again took nano a twentieth of its processor time.
    """
    mallopt = _of_glibc('mallopt')
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)
        mallopt(_M_MMAP_THRESHOLD, _OWN_PAGES_BYTES)
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)


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
    trim = _of_glibc('malloc_trim')
    if trim is not None:
        trim(0)
    if _uses_cuda():
        torch.cuda.empty_cache()


def _of_glibc(name: str) -> Callable[..., int] | None:
    """A function that other C libraries lack."""
    function: Callable[..., int] | None = getattr(ctypes.CDLL(None), name, None)
    return function


def _uses_cuda() -> bool:
    """Whether this process has begun to; only to ask for memory would begin it."""
    return bool(torch.cuda.is_initialized())
