"""The processes that train together: one alone, or several that ``torchrun`` started."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import torch
from torch import Tensor, distributed

TIMEOUT = timedelta(minutes=10)
"""After this long without a sign of another process, the group gives up."""


def best_device(local_rank: int = 0) -> torch.device:
    """The GPU of that number on this machine, or the CPU where there is none."""
    return torch.device('cuda', local_rank) if torch.cuda.is_available() else torch.device('cpu')


@dataclass(frozen=True)
class World:
    """The ``size`` processes of a run, of which this is number ``rank``."""

    rank: int = 0
    size: int = 1
    device: torch.device = field(default_factory=best_device)

    @property
    def is_main(self) -> bool:
        """Whether this process writes what all share: log, recipe, weights."""
        return self.rank == 0

    def any(self, *flags: bool) -> list[bool]:
        """Each flag, true if it is true in any process."""
        if self.size == 1:
            return list(flags)
        told = torch.tensor(flags, dtype=torch.int32, device=self.device)
        distributed.all_reduce(told, distributed.ReduceOp.MAX)
        return [bool(flag) for flag in told.tolist()]

    def mean(self, values: Tensor) -> Tensor:
        """The mean of the processes' values."""
        if self.size > 1:
            distributed.all_reduce(values, distributed.ReduceOp.SUM)
        return values / self.size

    def wait(self) -> None:
        """Until all processes are here."""
        if self.size > 1:
            distributed.barrier()


@contextmanager
def join_world() -> Iterator[World]:
    """The processes that ``torchrun`` started, over NCCL on GPUs and gloo on CPUs; one process
    where it was not used.
    """
    size = int(os.environ.get('WORLD_SIZE', '1'))
    if size == 1:
        yield World()
        return
    device = best_device(int(os.environ['LOCAL_RANK']))
    if device.type == 'cuda':
        torch.cuda.set_device(device)
    backend = 'nccl' if device.type == 'cuda' else 'gloo'
    distributed.init_process_group(backend, timeout=TIMEOUT)
    try:
        yield World(distributed.get_rank(), size, device)
    finally:
        distributed.destroy_process_group()
