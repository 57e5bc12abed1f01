"""What hangs ends the process, and says where."""

from __future__ import annotations

import faulthandler
import subprocess
import sys

import pytest

from ros2_rose.hang_guard import no_longer_than

HANGING = """
import threading
from ros2_rose.hang_guard import no_longer_than

def wait_for_a_lock():
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()

with no_longer_than(0.1):
    wait_for_a_lock()
"""


def test_a_hanging_end_is_cut_short_with_the_stacks() -> None:
    done = subprocess.run(
        [sys.executable, '-c', HANGING], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert 'wait_for_a_lock' in done.stderr
    assert 'Traceback' not in done.stderr


def test_what_ends_or_fails_in_time_is_guarded_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    cancelled = []
    monkeypatch.setattr(faulthandler, 'cancel_dump_traceback_later', lambda: cancelled.append(1))
    monkeypatch.setattr(faulthandler, 'dump_traceback_later', lambda *_, **__: None)
    with no_longer_than(1):
        pass
    with pytest.raises(ZeroDivisionError), no_longer_than(1):
        _ = 1 / 0
    assert len(cancelled) == 2
