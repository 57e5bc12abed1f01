"""``pip install .`` gives the model and ``rose bag`` without ROS."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope='module')
def wheel(tmp_path_factory):
    """The wheel that pip builds, from a copy of the sources: a build leaves folders in them."""
    source = tmp_path_factory.mktemp('source')
    files = subprocess.run(
        ['git', 'ls-files', '-co', '--exclude-standard', 'rose_model', 'requirements', '*.*'],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    for file in files:
        (source / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, source / file)
    pip = [sys.executable, '-m', 'pip', 'wheel', '--no-deps', '--no-build-isolation', '.']
    subprocess.run(pip, cwd=source, check=True, capture_output=True)
    (path,) = source.glob('*.whl')
    with ZipFile(path) as opened:
        yield opened


def test_the_wheel_has_the_version_of_the_manifest(wheel):
    version = re.search('<version>(.+)</version>', (ROOT / 'package.xml').read_text()).group(1)
    assert wheel.filename.endswith(f'rose_model-{version}-py3-none-any.whl')


def test_the_wheel_has_our_two_packages_and_nothing_else(wheel):
    tops = {name.split('/')[0] for name in wheel.namelist()}
    (metadata,) = (top for top in tops if top.endswith('.dist-info'))
    (data,) = (top for top in tops if top.endswith('.data'))
    assert tops == {'rose_model', 'ros2_rose', metadata, data}


def test_the_wheel_has_every_table(wheel):
    tables = {str(path.relative_to(ROOT)) for path in (ROOT / 'rose_model').rglob('*.csv')}
    assert tables
    assert tables <= set(wheel.namelist())


def test_the_wheel_has_the_definitions_that_rose_bag_writes(wheel):
    names = {name.split('.data/')[1] for name in wheel.namelist() if '.data/' in name}
    folder = 'data/share/ros2_rose/msg'
    assert names == {f'{folder}/{path.name}' for path in (ROOT / 'msg').glob('*.msg')}


def test_the_wheel_hides_no_generated_message(wheel, tmp_path):
    """It may come before or behind the folder that CMake has installed."""
    wheel.extractall(tmp_path)
    built = Path(sys.prefix, 'lib', f'python{sys.version_info[0]}.{sys.version_info[1]}')
    for path in (f'{tmp_path}:{built}/site-packages', f'{built}/site-packages:{tmp_path}'):
        environment = {**os.environ, 'PYTHONPATH': path}
        environment.pop('_ROS_WHEELS_BOOTSTRAP_COMPLETE', None)
        code = 'import ros2_rose.msg; print(ros2_rose.msg.SegmentArray.__name__)'
        command = [sys.executable, '-c', code]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == 'SegmentArray'


def test_the_wheel_has_every_file_of_both_packages_weights_included(wheel):
    sources = {
        str(path.relative_to(ROOT))
        for pattern in ('rose_model/**/*.py', 'rose_model/weights/**/*', 'ros2_rose/**/*.py')
        for path in ROOT.glob(pattern)
        if path.is_file()
    }
    assert sources - set(wheel.namelist()) == set()


def test_the_wheel_brings_the_command_rose_and_its_requirements(wheel):
    (entry_points,) = (n for n in wheel.namelist() if n.endswith('entry_points.txt'))
    assert 'rose = rose_model.cli.main:app' in wheel.read(entry_points).decode()
    (metadata,) = (n for n in wheel.namelist() if n.endswith('METADATA'))
    needed = re.findall(r'^Requires-Dist: ([\w-]+)', wheel.read(metadata).decode(), re.MULTILINE)
    assert {'torch', 'transformers', 'segment-anything', 'rosbags', 'ray'} <= set(needed)
    assert not [name for name in needed if name.startswith('ros-')]
