"""What the set-up says on a machine that lacks something: one clear line each, exit code 1."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PREFLIGHT = Path(__file__).parents[2] / 'tools' / 'preflight.sh'


class Machine:
    """A PATH with a working compiler, enough room and a complete Python, to take things from."""

    def __init__(self, folder: Path):
        self.bin = folder / 'bin'
        self.bin.mkdir()
        self.environment = folder / '.venv'
        for tool in ('awk', 'cat', 'dirname'):
            (self.bin / tool).symlink_to(shutil.which(tool))
        self.says('uname', 'case $1 in -s) echo Linux ;; -m) echo x86_64 ;; esac')
        self.has_free(40)
        self.says('cc', 'cat >/dev/null')
        self.says('c++', 'cat >/dev/null')
        self.says('python3.12', f'echo "3.12 yes yes {sys.executable}"')

    def says(self, tool: str, script: str) -> None:
        path = self.bin / tool
        path.write_text(f'#!/bin/sh\n{script}\n')
        path.chmod(0o755)

    def has_free(self, gigabytes: int) -> None:
        kilobytes = gigabytes * 1024 * 1024
        self.says('df', f'echo Filesystem; echo "/dev/disk 99 9 {kilobytes} 1% /"')

    def preflight(self, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {'PATH': str(self.bin), **variables}
        return subprocess.run(
            [PREFLIGHT, self.environment], env=environment, capture_output=True, text=True
        )

    def python(self, **variables: str) -> str:
        """The Python that is chosen."""
        run = self.preflight(**variables)
        assert (run.returncode, run.stderr) == (0, '')
        return run.stdout.strip()

    def faults(self, **variables: str) -> list[str]:
        """What is reported, a line each."""
        run = self.preflight(**variables)
        assert (run.returncode, run.stdout) == (1, '')
        lines = run.stderr.splitlines()
        assert all(line.startswith('setup: ') for line in lines)
        return [line.removeprefix('setup: ') for line in lines]


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def test_a_complete_machine_gives_the_path_of_its_python(machine):
    assert machine.python() == sys.executable


def test_this_machine_is_complete_and_its_python_runs(tmp_path):
    (tmp_path / '.installed').touch()  # or a full disk would be reported
    run = subprocess.run(
        [PREFLIGHT, tmp_path],
        env={**os.environ, 'PYTHON': sys.executable},
        capture_output=True,
        text=True,
    )
    assert (run.returncode, run.stderr) == (0, '')
    assert Path(run.stdout.strip()).samefile(sys.executable)


def test_no_compiler(machine):
    (machine.bin / 'c++').unlink()
    assert machine.faults() == [
        'no working C++ compiler (c++ g++ clang++); install one, for example: apt install g++'
    ]


def test_a_compiler_that_cannot_compile_is_none(machine):
    machine.says('c++', "echo 'fatal error: string: No such file' >&2; exit 1")
    (fault,) = machine.faults()
    assert 'no working C++ compiler' in fault


def test_the_compiler_of_the_user_is_the_one_that_is_tried(machine):
    machine.says('my-c++', 'exit 1')
    (fault,) = machine.faults(CXX='my-c++')
    assert 'no working C++ compiler (my-c++)' in fault


def test_only_an_old_python(machine):
    (machine.bin / 'python3.12').unlink()
    machine.says('python3', 'echo "3.8 yes yes /usr/bin/python3"')
    assert machine.faults() == [
        'no Python 3.11, 3.12 or 3.13 on PATH; install one, or name it with PYTHON=/path/to/it'
    ]


def test_an_old_python_that_the_user_names(machine):
    machine.says('old', 'echo "3.8 yes yes /usr/bin/old"')
    assert machine.faults(PYTHON='old') == [
        'PYTHON=old is 3.8, not one of 3.11, 3.12, 3.13; name another one'
    ]


def test_a_python_that_does_not_exist(machine):
    assert machine.faults(PYTHON='/nowhere') == [
        'PYTHON=/nowhere is no Python, not one of 3.11, 3.12, 3.13; name another one'
    ]


def test_a_python_without_headers(machine):
    machine.says('python3.12', 'echo "3.12 no yes /bin/py"')
    assert machine.faults() == [
        '/bin/py has no headers (Python.h); for example: apt install python3.12-dev'
    ]


def test_a_python_that_cannot_make_environments(machine):
    machine.says('python3.12', 'echo "3.12 yes no /bin/py"')
    assert machine.faults() == [
        '/bin/py cannot make environments; for example: apt install python3.12-venv'
    ]


def test_a_complete_python_is_taken_before_an_incomplete_one(machine):
    machine.says('python3.12', 'echo "3.12 no yes /usr/bin/python3.12"')
    machine.says('python3.11', 'echo "3.11 yes yes /usr/bin/python3.11"')
    assert machine.python() == '/usr/bin/python3.11'


def test_a_full_disk(machine):
    machine.has_free(3)
    folder = machine.environment.parent
    assert machine.faults() == [f'3 GB free in {folder}, 12 GB needed; make room and run it again']


def test_a_full_disk_is_no_fault_once_everything_is_installed(machine):
    machine.has_free(3)
    machine.environment.mkdir()
    (machine.environment / '.installed').touch()
    assert machine.python() == sys.executable


def test_another_platform(machine):
    machine.says('uname', 'case $1 in -s) echo Darwin ;; -m) echo arm64 ;; esac')
    assert machine.faults() == [
        'this is Darwin arm64; the wheels of ROS 2 are for Linux x86_64 only'
    ]


def test_every_fault_has_its_line(machine):
    machine.has_free(3)
    (machine.bin / 'c++').unlink()
    (machine.bin / 'python3.12').unlink()
    assert [fault.split()[:2] for fault in machine.faults()] == [
        ['no', 'Python'],
        ['no', 'working'],
        ['3', 'GB'],
    ]
