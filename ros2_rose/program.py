"""The program ``rose_node``: what must be set before any library is loaded, then the node."""

from __future__ import annotations

import os
from typing import NoReturn

from ros2_rose.heap import even_memory


def main() -> NoReturn:
    """Run the node in this process, until a signal ends it."""
    prepare()
    from ros2_rose.rose_node import main as run_node

    run_node()


def prepare() -> None:
    """Set what libraries read when they are loaded."""
    # Threads of the model that wait for each other shall soon sleep instead of spinning on: with
    # one more busy process on two cores a frame took up to 1.7 s, and 0.2 s with this; alone it
    # costs nothing.  GNU OpenMP reads it when PyTorch is loaded.
    if 'OMP_WAIT_POLICY' not in os.environ:
        os.environ.setdefault('GOMP_SPINCOUNT', '1000')
    even_memory()
