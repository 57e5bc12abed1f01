"""``rose doctor``: what is installed, which device, do the weights and the ROS side work."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

import numpy as np
import torch
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from rose_model.errors import RoseError
from rose_model.segmenter import RoseSegmenter

ROS_CHECK_TIMEOUT_S = 60.0

_LIBRARIES = (
    'torch',
    'torchvision',
    'transformers',
    'segment-anything',
    'numpy',
    'opencv-python-headless',
    'safetensors',
)
_INSTALL = 'Run make setup, or pip install the project again.'


class State(Enum):
    """How a check went; a ``NOTE`` is worth knowing and nothing to repair."""

    OK = 'ok'
    NOTE = 'note'
    WRONG = 'WRONG'


@dataclass(frozen=True)
class Check:
    """One line of the report; ``cure`` says what to do where the state is ``WRONG``."""

    name: str
    state: State
    detail: str
    cure: str = ''


_STYLES = {State.OK: 'green', State.NOTE: 'yellow', State.WRONG: 'bold red'}


def doctor() -> None:
    """Check libraries, device, shipped weights and ROS 2; exit code 1 if something is wrong."""
    checks = [*library_checks(), device_check(), weights_check(), *ros_checks()]
    table = Table('check', 'state', title='rose doctor', title_justify='left')
    table.add_column('what was found', overflow='fold')
    for check in checks:
        state = Text(check.state.value, style=_STYLES[check.state])
        table.add_row(Text(check.name), state, Text(f'{check.detail}\n{check.cure}'.strip()))
    Console().print(table)
    if any(check.state is State.WRONG for check in checks):
        raise typer.Exit(1)


def library_checks() -> Iterator[Check]:
    """Python and the libraries of the model, with their versions."""
    yield Check('python', State.OK, f'{platform.python_version()} at {sys.executable}')
    for library in _LIBRARIES:
        try:
            yield Check(library, State.OK, importlib.metadata.version(library))
        except importlib.metadata.PackageNotFoundError:
            yield Check(library, State.WRONG, 'not installed', _INSTALL)


def device_check() -> Check:
    """Where the model would run."""
    if not torch.cuda.is_available():
        threads = torch.get_num_threads()
        return Check('device', State.NOTE, f'cpu, {threads} threads; torch sees no CUDA device')
    properties = torch.cuda.get_device_properties(0)
    memory_gib = properties.total_memory / 2**30
    return Check('device', State.OK, f'cuda: {properties.name}, {memory_gib:.0f} GiB')


def weights_check() -> Check:
    """Load the shipped model and let it segment one grey picture."""
    try:
        segmenter = RoseSegmenter.from_pretrained('nano')
        started = time.perf_counter()
        segmenter.segment(np.full((96, 128, 3), 128, np.uint8))
    except RoseError as error:
        return Check('weights nano', State.WRONG, str(error), _INSTALL)
    latency_ms = (time.perf_counter() - started) * 1000
    return Check('weights nano', State.OK, f'{segmenter.name}, first picture {latency_ms:.0f} ms')


def ros_checks() -> list[Check]:
    """The checks of the ROS side, made in a process of its own: the model never loads ROS."""
    if importlib.util.find_spec('ros2_rose') is None:
        return [Check('ROS 2', State.NOTE, 'the package ros2_rose is not installed: no node')]
    command = [sys.executable, '-m', 'ros2_rose.doctor']
    try:
        process = subprocess.run(  # noqa: S603 - our own module
            command, capture_output=True, text=True, timeout=ROS_CHECK_TIMEOUT_S, check=True
        )
        return [_read_check(line) for line in process.stdout.splitlines()]
    except subprocess.TimeoutExpired:
        detail = f'no answer within {ROS_CHECK_TIMEOUT_S:.0f} s'
    except subprocess.CalledProcessError as error:
        detail = error.stderr.strip().splitlines()[-1] if error.stderr.strip() else str(error)
    except (ValueError, KeyError) as error:
        detail = f'the answer cannot be read: {error}'
    return [Check('ROS 2', State.WRONG, detail, f'Run {" ".join(command)} to see all of it.')]


def _read_check(line: str) -> Check:
    record = json.loads(line)
    return Check(record['name'], State(record['state']), record['detail'], record['cure'])
