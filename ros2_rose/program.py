"""The program ``rose_node``: what must be set before any library is loaded, then the node."""

from __future__ import annotations

import os
from typing import NoReturn


def main() -> NoReturn:
    """Run the node in this process, until a signal ends it."""
    # Threads of the model that wait for each other shall sleep, not spin: where other processes
    # want the cores as well, a frame took up to 2.2 s with spinning and 0.25 s without.  OpenMP
    # reads this when PyTorch is loaded.
    os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')
    from ros2_rose.rose_node import main as run_node

    run_node()
