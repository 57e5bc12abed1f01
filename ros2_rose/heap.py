"""How the C library keeps memory for later.  Needs nothing but Python, for it comes first."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

_M_TRIM_THRESHOLD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -4, -8
"""What ``malloc.h`` calls them."""
_LARGEST_INT = 2**31 - 1


def even_memory() -> None:
    """Let the C library keep what a frame needs for the next one, all of it in one heap;
    ``malloc_trim`` gives back what is free of it.

    Call it before anything starts a thread, as PyTorch does when it is imported: a heap that a
    thread has made stays in use.

    By itself the library has a heap for each thread, and takes ever larger pieces out of them:
    where the sizes of images change, resident memory goes up and down by tens of MiB and creeps to
    what the worst frame has left in each.  One heap is no bottleneck where one thread, or two of a
    small model, do its work.  And by itself it gives a large piece back as soon as it is free, and
    the system has to clear as many pages for the next one: 25 ms of processor time in a frame of
    nano in float32, 36 ms where images have up to 8 megapixels.  What is kept then is 140 MiB.
    """
    mallopt = of_glibc('mallopt')
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)
        mallopt(_M_MMAP_MAX, 0)
        mallopt(_M_TRIM_THRESHOLD, _LARGEST_INT)


def of_glibc(name: str) -> Callable[..., int] | None:
    """A function that other C libraries lack."""
    function: Callable[..., int] | None = getattr(ctypes.CDLL(None), name, None)
    return function
