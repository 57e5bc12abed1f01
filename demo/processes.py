"""Child processes that always end: with the demonstration, even when that is killed."""

from __future__ import annotations

import ctypes
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

STOP_TIMEOUT_S = 10.0

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)


@contextmanager
def child_process(
    command: Sequence[str], output: Path, errors: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command for the length of a ``with`` block; what it prints goes to the two files."""
    with output.open('ab') as output_file, errors.open('ab') as errors_file:
        process = subprocess.Popen(  # noqa: S603 - our own commands
            command,
            stdin=subprocess.DEVNULL,
            stdout=output_file,
            stderr=errors_file,
            start_new_session=True,  # Ctrl-C reaches the parent alone, which then ends this
            preexec_fn=_end_with_parent,
        )
    try:
        yield process
    finally:
        _stop(process)


def last_line(log: Path) -> str:
    """The last line that says something, or a remark that there is none."""
    lines = [line for line in log.read_text(errors='replace').splitlines() if line.strip()]
    return lines[-1].strip() if lines else '(it printed nothing)'


def _end_with_parent() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ask once; who does not listen is ended."""
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
