"""Nothing that is read as YAML can run anything."""

import ast
from pathlib import Path

import pytest

from ros2_rose.ontology import read_ontology
from ros2_rose.parameters import ParameterError
from rose_model.errors import CheckpointError, ConfigError
from rose_model.training.recipe import read_recipe
from rose_model.training.run import _tell_changes

ROOT = Path(__file__).parents[1]
PROGRAMS = (
    '!!python/object/apply:os.mkdir ["{canary}"]',
    'preset: !!python/object/new:os.mkdir ["{canary}"]',
    'a: [!!python/object/apply:subprocess.call [["mkdir", "{canary}"]]]',
    'a: !!python/name:os.mkdir',
    'a: !!python/module:antigravity',
)


def uses_of_yaml(path):
    """Names of what a file uses of the library."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and getattr(node.value, 'id', '') == 'yaml':
            yield node.attr
        elif isinstance(node, ast.ImportFrom) and (node.module or '').split('.')[0] == 'yaml':
            yield from (alias.name for alias in node.names)


def test_only_the_safe_half_of_the_library_is_used():
    packages = ('rose_model', 'ros2_rose', 'demo', 'tools', 'launch', 'benchmarks')
    files = [path for package in packages for path in (ROOT / package).rglob('*.py')]
    used = {name for path in files for name in uses_of_yaml(path)}
    assert 'safe_load' in used
    assert used <= {'safe_load', 'safe_dump', 'YAMLError'}


@pytest.mark.parametrize('program', PROGRAMS)
@pytest.mark.parametrize(
    ('read', 'error'),
    [
        (read_ontology, ParameterError),
        (read_recipe, ConfigError),
        (lambda path: _tell_changes(read_recipe('overfit'), Path(path)), CheckpointError),
    ],
)
def test_a_program_in_a_file_is_refused_and_does_not_run(tmp_path, read, error, program):
    canary = tmp_path / 'canary'
    path = tmp_path / 'file.yaml'
    path.write_text(program.format(canary=canary))
    with pytest.raises(error, match=r'file\.yaml'):
        read(str(path))
    assert not canary.exists()
