"""Processes that train together end together: each says that it lives, and all end with one.

A process whose peer is gone may wait for it in a collective operation, out of reach of any
exception, for as long as the network takes to notice; so a thread of its own looks, and ends it.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from torch.distributed import DistError
from torch.distributed.distributed_c10d import PrefixStore, Store

from rose_model.exit_codes import EXIT_FAILED

PERIOD_S = 2.0
LOST_AFTER_S = 30.0
"""Without a sign of life; the rest of a minute is left to those who clean up."""
_LEFT = 2**40
"""More signs than anybody gives: a process that is done."""
_MAIN = 0


class Heartbeat:
    """The signs of life of process ``rank`` of ``size``, and how long others have given none.

    All watch the main process, which watches all; it tells whom it misses.
    """

    def __init__(self, store: Store, rank: int, size: int) -> None:
        self._store, self._rank = store, rank
        self._watched = [other for other in range(size) if other != rank]
        if rank != _MAIN:
            self._watched = [_MAIN]
        self._signs = dict.fromkeys(self._watched, 0)
        self._seen_s = dict.fromkeys(self._watched, time.monotonic())

    def beat(self) -> int | None:
        """Give a sign; the process that is lost, or ``None`` where all live or are done."""
        try:
            self._store.add(str(self._rank), 1)
            missed = self._store.add('missed', 0)
            for other in self._watched:
                signs = self._store.add(str(other), 0)
                if signs != self._signs[other] or signs >= _LEFT:
                    self._signs[other], self._seen_s[other] = signs, time.monotonic()
        except DistError:  # what holds the store is gone, which lives with the main process
            return _MAIN
        if missed:
            return missed
        lost = [other for other in self._watched if self._age_s(other) > LOST_AFTER_S]
        if lost and self._rank == _MAIN:
            self._store.add('missed', lost[0])
        return lost[0] if lost else None

    def leave(self) -> None:
        """The last sign: this process is done, and needs nobody.

        The store may end with the main process, which lets the others leave first.
        """
        try:
            self._store.add(str(self._rank), _LEFT)
            self._store.set(_done(self._rank), '')
            if self._rank == _MAIN:
                self._store.wait([_done(other) for other in self._watched])
        except DistError:
            return  # the main process has waited long enough, or is gone

    def _age_s(self, other: int) -> float:
        return time.monotonic() - self._seen_s[other]


def _done(rank: int) -> str:
    return f'{rank} is done'


@contextmanager
def heartbeat(store: Store, rank: int, size: int) -> Iterator[None]:
    """Meanwhile this process ends, with exit code 1, as soon as another is lost.

    ``store``: one that all share; its connection is not used.
    """
    own = store.clone()
    own.set_timeout(timedelta(seconds=LOST_AFTER_S))
    beat = Heartbeat(PrefixStore('heartbeat', own), rank, size)
    done = threading.Event()
    thread = threading.Thread(target=_live, args=(beat, done, rank, size), daemon=True)
    thread.start()
    try:
        yield
    except BaseException:
        done.set()  # without a last sign: the others must not go on
        raise
    done.set()
    thread.join()
    beat.leave()


def _live(beat: Heartbeat, done: threading.Event, rank: int, size: int) -> None:
    while not done.is_set():
        lost = beat.beat()
        if lost is not None and not done.is_set():
            sys.stderr.write(
                f'rose: process {lost} of {size} has given no sign of life for '
                f'{LOST_AFTER_S:.0f} s; process {rank} ends, too. Find out why in the output of '
                f'process {lost}, then go on with --resume.\n'
            )
            sys.stderr.flush()
            os._exit(EXIT_FAILED)  # the main thread may be waiting for the lost one
        done.wait(PERIOD_S)
