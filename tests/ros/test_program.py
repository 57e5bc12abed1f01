"""The program that starts the node."""

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize(('given', 'expected'), [(None, 'PASSIVE'), ('ACTIVE', 'ACTIVE')])
def test_waiting_threads_sleep_unless_the_user_says_otherwise(given, expected):
    """Set before anything loads OpenMP, which reads it only once."""
    program = (
        'import os, sys, types\n'
        'import ros2_rose.program as program\n'
        "assert 'torch' not in sys.modules\n"
        "sys.modules['ros2_rose.rose_node'] = types.SimpleNamespace(\n"
        "    main=lambda: print(os.environ['OMP_WAIT_POLICY'])\n"
        ')\n'
        'program.main()\n'
    )
    environment = {k: v for k, v in os.environ.items() if k != 'OMP_WAIT_POLICY'}
    if given is not None:
        environment['OMP_WAIT_POLICY'] = given
    result = subprocess.run(
        [sys.executable, '-c', program],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.split() == [expected]
