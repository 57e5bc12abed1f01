"""The processes that train together: one alone, or several that a launcher started."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import torch
from torch import Tensor, distributed
from torch.distributed.rendezvous import rendezvous

from rose_model.errors import TrainingError
from rose_model.training.heartbeat import heartbeat

TIMEOUT = timedelta(minutes=10)
"""A process that lives, but is this late for an operation of all, ends the run."""
_DIGITS = 15
"""Of a checksum in hex: what fits into an integer of 64 bits."""


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

    def agree(self, text: str) -> bool:
        """Whether all processes give the same text."""
        if self.size == 1:
            return True
        number = int(hashlib.sha256(text.encode()).hexdigest()[:_DIGITS], 16)
        most = torch.tensor([number, -number], device=self.device)
        distributed.all_reduce(most, distributed.ReduceOp.MAX)
        return int(most.sum()) == 0

    def wait(self) -> None:
        """Until all processes are here."""
        if self.size > 1:
            distributed.barrier()


@contextmanager
def join_world() -> Iterator[World]:
    """The processes that ``torchrun`` or ``deepspeed`` started, on one machine or several, over
    NCCL on GPUs and gloo on CPUs; one process where neither was used.

    As soon as one of them is lost, this one ends.

    Raises:
        TrainingError: another process was lost in an operation of all.
    """
    size = int(os.environ.get('WORLD_SIZE', '1'))
    if size == 1:
        yield World()
        return
    device = best_device(int(os.environ['LOCAL_RANK']))
    if device.type == 'cuda':
        torch.cuda.set_device(device)
    backend = 'nccl' if device.type == 'cuda' else 'gloo'
    store, rank, _ = next(iter(rendezvous('env://', timeout=TIMEOUT)))
    distributed.init_process_group(
        backend, store=store, rank=rank, world_size=size, timeout=TIMEOUT
    )
    try:
        with heartbeat(store, rank, size):
            yield World(rank, size, device)
    except RuntimeError as error:
        if not isinstance(error, distributed.DistError) and 'gloo' not in str(error):
            raise
        reason = ' '.join(str(error).split())
        raise TrainingError(
            f'Process {rank} of {size} has lost another one ({reason}); find out why in the '
            f'output of that one, then go on with --resume.'
        ) from error
    finally:
        distributed.destroy_process_group()
