"""The program that starts the node."""

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ('given', 'expected'),
    [
        ({}, '1000'),
        ({'GOMP_SPINCOUNT': '7'}, '7'),
        ({'OMP_WAIT_POLICY': 'ACTIVE'}, 'None'),
    ],
)
def test_waiting_threads_soon_sleep_unless_the_user_says_otherwise(given, expected):
    """Set before anything loads OpenMP, which reads it only once."""
    program = (
        'import os, sys, types\n'
        'import ros2_rose.program as program\n'
        "assert 'torch' not in sys.modules\n"
        "sys.modules['ros2_rose.rose_node'] = types.SimpleNamespace(\n"
        "    main=lambda: print(os.environ.get('GOMP_SPINCOUNT'))\n"
        ')\n'
        'program.main()\n'
    )
    settings = ('GOMP_SPINCOUNT', 'OMP_WAIT_POLICY')
    clean = {name: value for name, value in os.environ.items() if name not in settings}
    result = subprocess.run(
        [sys.executable, '-c', program],
        env=clean | given,
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.split() == [expected]


def test_memory_is_evened_before_any_library_can_start_a_thread():
    program = (
        'import sys, types\n'
        'import ros2_rose.program as program\n'
        "program.even_memory = lambda: print('numpy' in sys.modules, 'torch' in sys.modules)\n"
        "sys.modules['ros2_rose.rose_node'] = types.SimpleNamespace(main=lambda: print('node'))\n"
        'program.main()\n'
    )
    command = [sys.executable, '-c', program]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout.split() == ['False', 'False', 'node']
