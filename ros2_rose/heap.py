"""How the C library keeps memory for later.  Needs nothing but Python, for it comes first."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
"""What ``malloc.h`` calls them."""
_OWN_PAGES_BYTES = 2**23
"""From so many bytes on a piece has pages of its own."""
_KEPT_BYTES = 2**24
"""So many free bytes at the end of the heap stay for the next frame."""


def even_memory() -> None:
    """Keep the C library from scattering what a frame needs.

    Call it before anything starts a thread, as PyTorch does when it is imported: a heap that a
    thread has made stays in use.

    By itself it has a heap for each thread, and takes ever larger pieces out of them: where the
    sizes of images change, resident memory goes up and down by tens of MiB and creeps to what the
    worst frame has left in each.  One heap is no bottleneck where one thread has the model.  What
    a frame leaves free at its end is kept for the next one, up to a limit: to give it back and to
    ask for it again took nano a twentieth of its processor time.
    """
    mallopt = of_glibc('mallopt')
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)
        mallopt(_M_MMAP_THRESHOLD, _OWN_PAGES_BYTES)
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)


def of_glibc(name: str) -> Callable[..., int] | None:
    """A function that other C libraries lack."""
    function: Callable[..., int] | None = getattr(ctypes.CDLL(None), name, None)
    return function
