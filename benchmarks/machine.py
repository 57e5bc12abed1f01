"""What a figure was measured on."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def machine() -> str:
    """Processor, number of its cores that may be used, and the version of Python."""
    lines = Path('/proc/cpuinfo').read_text(encoding='utf-8').splitlines()
    names = [line.partition(':')[2].strip() for line in lines if line.startswith('model name')]
    processor = names[0] if names else platform.machine()
    cores = len(os.sched_getaffinity(0))
    return f'{processor}, {cores} cores, Python {platform.python_version()}'
