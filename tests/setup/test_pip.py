"""``pip install .`` gives ``rose_model`` without ROS."""

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


def test_the_wheel_has_rose_model_and_nothing_else(wheel):
    tops = {name.split('/')[0] for name in wheel.namelist()}
    (metadata,) = (top for top in tops if top.endswith('.dist-info'))
    assert tops == {'rose_model', metadata}


def test_the_wheel_has_every_file_of_rose_model_weights_included(wheel):
    sources = {
        str(path.relative_to(ROOT))
        for pattern in ('**/*.py', 'weights/**/*')
        for path in (ROOT / 'rose_model').glob(pattern)
        if path.is_file()
    }
    assert sources - set(wheel.namelist()) == set()


def test_the_wheel_brings_the_command_rose_and_its_requirements(wheel):
    (entry_points,) = (n for n in wheel.namelist() if n.endswith('entry_points.txt'))
    assert 'rose = rose_model.cli.main:app' in wheel.read(entry_points).decode()
    (metadata,) = (n for n in wheel.namelist() if n.endswith('METADATA'))
    needed = re.findall(r'^Requires-Dist: ([\w-]+)', wheel.read(metadata).decode(), re.MULTILINE)
    assert {'torch', 'transformers', 'segment-anything'} <= set(needed)
    assert not [name for name in needed if name.startswith('ros')]
