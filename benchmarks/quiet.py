"""Whether anything else runs on this machine; what is measured beside it is worth nothing."""

from __future__ import annotations

import os
import time
from pathlib import Path

MAX_LOAD = 0.5
"""Load average of one minute beyond which nothing is measured."""
MAX_OTHER_CORES = 0.2
"""Cores in use, by others than this process, beyond which nothing more is measured."""
_TIMEOUT_S = 180.0
_SAMPLE_S = 2.0
_TICKS = os.sysconf('SC_CLK_TCK')


class BusyMachineError(RuntimeError):
    """Something else is running."""


def require_quiet_machine() -> None:
    """Refuse to measure beside other work.

    Raises:
        BusyMachineError: the load average is above ``MAX_LOAD``.
    """
    load = os.getloadavg()[0]
    if load > MAX_LOAD:
        raise BusyMachineError(
            f'The load average is {load:.2f}, more than {MAX_LOAD}; wait until nothing else runs.'
        )


def wait_until_quiet() -> None:
    """Let the load average forget what went before, for some minutes.

    Raises:
        BusyMachineError: it stays above ``MAX_LOAD``.
    """
    give_up_s = time.monotonic() + _TIMEOUT_S
    while os.getloadavg()[0] > MAX_LOAD and time.monotonic() < give_up_s:
        time.sleep(5)
    require_quiet_machine()


def require_idle_cores() -> None:
    """Refuse to go on measuring beside other work.

    The load average is no help then: it remembers our own work for minutes.

    Raises:
        BusyMachineError: others use more than ``MAX_OTHER_CORES``, for two seconds.
    """
    before = _other_cpu_s()
    time.sleep(_SAMPLE_S)
    cores = (_other_cpu_s() - before) / _SAMPLE_S
    if cores > MAX_OTHER_CORES:
        raise BusyMachineError(
            f'Other processes use {cores:.2f} cores, more than {MAX_OTHER_CORES}; wait until '
            'nothing else runs.'
        )


def _other_cpu_s() -> float:
    """Processor time that everything but this process has used since the start of the machine."""
    first, *_ = Path('/proc/stat').read_text(encoding='utf-8').splitlines()
    user, nice, system, _, _, *interrupts_and_stolen = map(int, first.split()[1:9])
    used = user + nice + system + sum(interrupts_and_stolen)
    own = os.times()
    return used / _TICKS - own.user - own.system
