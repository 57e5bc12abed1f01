"""All that is used of TensorRT is in 10.3, 10.16 and 11.1 alike, so no version is asked for.

``tensorrt_api.json`` has the public names of the classes in the bindings' own sources.
"""

from __future__ import annotations

import ast
import inspect
import json
from pathlib import Path
from types import ModuleType

import pytest

from rose_model.backends import tensorrt, tensorrt_api, tensorrt_engine

VERSIONS = ('10.3', '10.16', '11.1')
API = json.loads(Path(__file__).with_name('tensorrt_api.json').read_text())
# Part of every binding, but of no class in the list.
OF_THE_MODULE = {'__version__'}


def tree(module: ModuleType) -> ast.Module:
    return ast.parse(inspect.getsource(module))


def declared() -> dict[str, set[str]]:
    """The members of each class that ``tensorrt_api`` declares."""
    members: dict[str, set[str]] = {}
    for node in tree(tensorrt_api).body:
        if isinstance(node, ast.ClassDef):
            names = {item.name for item in node.body if isinstance(item, ast.FunctionDef)}
            names |= {item.target.id for item in node.body if isinstance(item, ast.AnnAssign)}
            members[node.name] = names
    return members


DECLARED = declared()
MODULE = DECLARED.pop('TensorRt')


@pytest.mark.parametrize('version', VERSIONS)
def test_every_class_and_every_member_exists(version: str) -> None:
    assert len(DECLARED) > 10
    missing = {
        f'{name}.{member}'
        for name, members in DECLARED.items()
        for member in members - {'__call__', '__buffer__'}  # that it can be made, and read
        if member not in API[name][version]
    }
    assert missing == set()


def test_a_name_that_one_version_lacks_would_be_noticed() -> None:
    """What everybody used up to 10: gone in 11."""
    assert 'FP16' in API['BuilderFlag']['10.16']
    assert 'FP16' not in API['BuilderFlag']['11.1']
    assert 'EXPLICIT_BATCH' not in API['NetworkDefinitionCreationFlag']['11.1']


def test_the_module_is_used_by_these_classes_alone() -> None:
    assert set(API) >= MODULE - OF_THE_MODULE


@pytest.mark.parametrize('module', [tensorrt, tensorrt_engine])
def test_everything_of_the_library_goes_through_the_declared_names(module: ModuleType) -> None:
    """The type checker compares what is done with the classes; this, that nothing gets past it."""
    everything = list(ast.walk(tree(module)))
    imported = {
        alias.name for node in everything if isinstance(node, ast.Import) for alias in node.names
    }
    assert 'tensorrt' not in imported
    casts = {node.id for node in everything if isinstance(node, ast.Name)} & {
        'Any',
        'cast',
        'getattr',
    }
    assert casts == set()
    used = {
        node.attr
        for node in everything
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in {'trt', 'self._trt'}
    }
    assert used
    assert used <= MODULE
    members = {
        (ast.unparse(node.value).rpartition('.')[2], node.attr)
        for node in everything
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Attribute)
        and ast.unparse(node.value.value) in {'trt', 'self._trt'}
    }
    assert {(name, member) for name, member in members if member not in DECLARED[name]} == set()


@pytest.mark.parametrize('version', VERSIONS)
def test_the_tensorrt_of_the_tests_has_no_names_of_its_own(trt: ModuleType, version: str) -> None:
    classes = DECLARED.keys() & vars(trt).keys()
    assert len(classes) > 10
    invented = {
        f'{name}.{member}'
        for name in classes
        for member in vars(getattr(trt, name))
        if not member.startswith('_') and member not in API[name][version]
    }
    assert invented == set()
