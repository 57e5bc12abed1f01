"""What `make setup` leaves behind."""

import importlib.util
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
PREFIX = Path(sys.prefix)


@pytest.fixture(scope='module')
def repair():
    """The function of tools/repair_wheels.py, which is a script and not part of a package."""
    spec = importlib.util.spec_from_file_location('repair', ROOT / 'tools' / 'repair_wheels.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.repair


def test_container_folders_become_those_of_this_python(repair):
    container = '/opt/python/cp312-cp312'
    text = (
        'INTERFACE_INCLUDE_DIRECTORIES "/usr/include;'
        f'{container}/include/python3.12;'
        f'{container}/lib/python3.12/site-packages/numpy/_core/include"'
    )
    repaired = repair(text)
    assert repaired == (
        'INTERFACE_INCLUDE_DIRECTORIES "/usr/include;'
        f'{sysconfig.get_path("include")};{np.get_include()}"'
    )
    assert repair(repaired) == repaired


def test_text_without_container_folders_stays(repair):
    assert repair('') == ''
    assert repair('include("/opt/ros/jazzy/a.cmake")') == 'include("/opt/ros/jazzy/a.cmake")'


def test_no_cmake_file_of_the_environment_names_a_container_folder():
    files = list((PREFIX / 'share').glob('*/cmake/*.cmake'))
    assert files
    assert [file for file in files if '/opt/python/' in file.read_text()] == []


@pytest.mark.parametrize('command', ['rose', 'rose_node'])
def test_the_commands_run_by_the_python_of_the_environment(command):
    script = PREFIX / 'bin' / command
    assert os.access(script, os.X_OK)
    assert str(PREFIX / 'bin' / 'python') in script.read_text().splitlines()[0]


def test_an_edit_of_the_sources_needs_no_new_installation(tmp_path):
    code = 'import ros2_rose.masks as m; print(m.__file__)'
    run = subprocess.run(
        [sys.executable, '-c', code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert Path(run.stdout.strip()).samefile(ROOT / 'ros2_rose' / 'masks.py')
