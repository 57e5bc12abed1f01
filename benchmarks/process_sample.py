"""What a process holds at one moment, from ``/proc``."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

_PAGE = os.sysconf('SC_PAGE_SIZE')
_TICKS = os.sysconf('SC_CLK_TCK')


@dataclass(frozen=True)
class ProcessSample:
    """``time_s`` on the monotonic clock, and processor time used so far.

    ``rss_mib``: resident memory; the system may take pages of files from it at any time.
    ``own_mib``: the part of it that is of no file, where a leak shows.
    """

    time_s: float
    rss_mib: float
    own_mib: float
    threads: int
    descriptors: int
    cpu_s: float


def sample_process(pid: int) -> ProcessSample:
    """A sample of a living process."""
    folder = Path('/proc', str(pid))
    # The name of the process, in brackets, may hold blanks.
    fields = (folder / 'stat').read_text(encoding='utf-8').rpartition(')')[2].split()
    user, system, threads, rss = int(fields[11]), int(fields[12]), int(fields[17]), int(fields[21])
    return ProcessSample(
        time_s=time.monotonic(),
        rss_mib=rss * _PAGE / 2**20,
        own_mib=_own_kib(folder) / 2**10,
        threads=threads,
        descriptors=len(os.listdir(folder / 'fd')),
        cpu_s=(user + system) / _TICKS,
    )


def _own_kib(folder: Path) -> int:
    lines = (folder / 'status').read_text(encoding='utf-8').splitlines()
    [line] = [line for line in lines if line.startswith('RssAnon:')]
    return int(line.split()[1])
