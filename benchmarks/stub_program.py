"""The program around ``stub_node``, as ``rose_node`` is around the node: what must be set first.

``python -m benchmarks.stub_program ARGUMENT...``, those of ``stub_node``.
"""

from __future__ import annotations

from typing import NoReturn

from ros2_rose.program import prepare


def main() -> NoReturn:
    """Run the node with the stub until a signal ends it."""
    prepare()
    from benchmarks.stub_node import main as run_stub

    run_stub()


if __name__ == '__main__':
    main()
