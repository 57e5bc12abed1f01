"""SIGTERM and Ctrl-C end a training run after the step at hand, with a checkpoint."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class StoppedError(Exception):
    """The run was asked to end and did, after a checkpoint; ``number`` is the signal's."""

    def __init__(self, number: int) -> None:
        super().__init__(f'Stopped by {signal.Signals(number).name}.')
        self.number = number


class StopSignal:
    """The signal that came last, or 0."""

    def __init__(self) -> None:
        self.number = 0

    def __bool__(self) -> bool:
        return self.number != 0


@contextmanager
def stop_signal() -> Iterator[StopSignal]:
    """Watch for signals; a second one ends the process at once, as signals do.

    Only the main thread can watch; elsewhere signals do what they did.
    """
    stop = StopSignal()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}

    def remember(number: int, _: FrameType | None) -> None:
        stop.number = number
        for each, handler in before.items():
            signal.signal(each, handler)

    for number in _SIGNALS:
        signal.signal(number, remember)
    try:
        yield stop
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def ignore_stop_signals() -> None:
    """For data workers: the group's Ctrl-C is the trainer's business, which still needs them."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
