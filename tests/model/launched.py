"""Training processes as users start them."""

from __future__ import annotations

import os
import subprocess
import sys

TORCHRUN = (sys.executable, '-m', 'torch.distributed.run', '--standalone', '--nproc-per-node', '2')


def environment() -> dict[str, str]:
    """One thread a process, on the CPU; ROS is not their business."""
    kept = {n: v for n, v in os.environ.items() if n != '_ROS_WHEELS_BOOTSTRAP_COMPLETE'}
    return kept | {'OMP_NUM_THREADS': '1', 'CUDA_VISIBLE_DEVICES': ''}


def torchrun(*words: object, timeout_s: float) -> None:
    """Two processes of a program or module, which must end well."""
    done = subprocess.run(
        [*TORCHRUN, *map(str, words)],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
