"""Facts about the source tree: who may import whom, and what stands nowhere."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ('rose_model', 'ros2_rose', 'demo', 'tools')
ROS_MODULES = {'ament_index_python', 'cv_bridge', 'launch', 'launch_ros', 'rclpy', 'ros2_rose'}
OUTER_PACKAGES = {'cli', 'conversion', 'data', 'evaluation', 'export', 'training'}


def sources(*packages: str) -> list[Path]:
    return sorted(path for package in packages for path in (ROOT / package).rglob('*.py'))


def imported_modules(path: Path) -> Iterator[str]:
    """Absolute names of the modules and the members that a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = path.relative_to(ROOT).parts[: -node.level] if node.level else ()
            module = '.'.join((*package, *filter(None, [node.module])))
            yield from (f'{module}.{alias.name}' for alias in node.names)


def is_ros(module: str) -> bool:
    top = module.split('.')[0]
    return top in ROS_MODULES or top.endswith(('_msgs', '_interfaces', '_srvs'))


def is_outer(module: str) -> bool:
    parts = module.split('.')
    return parts[0] == 'rose_model' and len(parts) > 1 and parts[1] in OUTER_PACKAGES


def violations(paths: list[Path], is_forbidden) -> list[str]:
    return [
        f'{path.relative_to(ROOT)} imports {module}'
        for path in paths
        for module in imported_modules(path)
        if is_forbidden(module)
    ]


def test_sources_are_found():
    for package in PACKAGES:
        assert sources(package), package


def test_a_relative_import_is_seen_as_its_absolute_name(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], 'ROOT', tmp_path)
    file = tmp_path / 'rose_model' / 'export' / 'a.py'
    file.parent.mkdir(parents=True)
    file.write_text('from . import b\nfrom ..data import c\nimport rclpy.node\n')
    assert list(imported_modules(file)) == [
        'rose_model.export.b',
        'rose_model.data.c',
        'rclpy.node',
    ]
    assert violations([file], is_ros) == ['rose_model/export/a.py imports rclpy.node']


def test_the_model_never_imports_ros():
    # The command `rose doctor` reports on the ROS side by running it in a process of its own.
    assert violations(sources('rose_model'), is_ros) == []


def test_the_core_of_the_model_never_imports_what_is_built_around_it():
    outer = OUTER_PACKAGES | {'__main__.py'}  # the door to the command line
    core = [p for p in sources('rose_model') if p.parts[len(ROOT.parts) + 1] not in outer]
    assert violations(core, is_outer) == []


def test_the_node_uses_the_core_of_the_model_only():
    assert violations(sources('ros2_rose'), is_outer) == []


def test_no_assert_outside_tests():
    # `python -O` removes them, and their message rarely says what to do.
    asserts = [
        f'{path.relative_to(ROOT)}:{node.lineno}'
        for path in sources(*PACKAGES)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Assert)
    ]
    assert asserts == []


def test_no_file_is_longer_than_400_lines():
    lengths = {p: len(p.read_text().splitlines()) for p in sources(*PACKAGES, 'tests')}
    assert {str(p.relative_to(ROOT)): n for p, n in lengths.items() if n > 400} == {}


def test_the_package_of_the_node_starts_with_two_statements():
    """Everybody who reads the messages imports it, `ros2 topic echo` included.

    The two statements merge the sources with the generated messages, which lie elsewhere.
    """
    tree = ast.parse((ROOT / 'ros2_rose' / '__init__.py').read_text())
    assert [ast.unparse(statement) for statement in tree.body] == [
        'from pkgutil import extend_path',
        '__path__ = extend_path(__path__, __name__)',
    ]


@pytest.mark.parametrize('name', ['action', 'msg', 'srv'])
def test_no_source_hides_the_generated_modules(name):
    package = ROOT / 'ros2_rose'
    assert not (package / name).exists()
    assert not (package / f'{name}.py').exists()


def test_reading_messages_and_masks_never_loads_torch():
    code = (
        'import sys, ros2_rose.msg, ros2_rose.srv, ros2_rose.masks\n'
        "print({'torch', 'cv2', 'transformers', 'rose_model'} & set(sys.modules))"
    )
    run = subprocess.run(
        [sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == 'set()'
