"""What a folder of weights from others may hold: programs, bombs, headers that lie, configurations
that ask for foreign code.  Each is refused in one line, at once, and nothing of it runs.
"""

from __future__ import annotations

import ast
import io
import json
import os
import pickle
import socket
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rose_model.checkpoint import check_folder, load_pretrained
from rose_model.errors import CheckpointError, ConfigError, RoseError
from rose_model.training.checkpointing import CheckpointStore
from rose_model.training.storage import seal
from rose_model.training.world import World
from rose_model.weights_header import MAX_HEADER, MAX_TENSORS, read_header

ROOT = Path(__file__).parents[2]
MAX_BYTES = 64 << 20


class Program:
    """A pickle of it makes a folder while it is read."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.canary),)


def pickled(canary: Path) -> bytes:
    return pickle.dumps({'model': Program(canary)})


def torch_file(canary: Path) -> bytes:
    buffer = io.BytesIO()
    torch.save({'model': Program(canary)}, buffer)
    return buffer.getvalue()


def torch_bomb(canary: Path) -> bytes:
    """A small file of the form of ``torch.save`` that unpacks to 256 MB."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr('archive/data.pkl', pickle.dumps({}))
        archive.writestr('archive/data/0', bytes(256 << 20))
    return buffer.getvalue()


def numpy_file(canary: Path) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, weights=np.array([Program(canary)], object))
    return buffer.getvalue()


@pytest.mark.parametrize('make', [pickled, torch_file, torch_bomb, numpy_file])
def test_a_program_in_place_of_weights_is_refused_and_does_not_run(
    rose_folder: Path, make: Callable[[Path], bytes]
) -> None:
    canary = rose_folder / 'canary'
    path = rose_folder / 'model.safetensors'
    path.write_bytes(make(canary))
    for read in (check_folder, lambda f: load_pretrained(f, torch.device('cpu'), torch.float32)):
        with pytest.raises(CheckpointError, match=r'model\.safetensors'):
            read(rose_folder)
    assert not canary.exists()


def test_foreign_weights_beside_a_model_are_not_looked_at(rose_folder: Path) -> None:
    canary = rose_folder / 'canary'
    for name in ('pytorch_model.bin', 'model.pt', 'adapter.pkl'):
        (rose_folder / name).write_bytes(torch_file(canary))
    load_pretrained(rose_folder, torch.device('cpu'), torch.float32)
    (rose_folder / 'model.safetensors').unlink()
    with pytest.raises(CheckpointError, match=r'model\.safetensors is missing'):
        check_folder(rose_folder)
    assert not canary.exists()


def test_a_program_in_place_of_a_checkpoint_is_refused_and_does_not_run(tmp_path: Path) -> None:
    """Even where its manifest is right."""
    canary = tmp_path / 'canary'
    partial, target = tmp_path / 'new', tmp_path / 'checkpoint-000001'
    partial.mkdir()
    position = {'stage': 'whole', 'step': 1, 'total': 1}
    (partial / 'state.json').write_text(json.dumps(position))
    for name in ('module.safetensors', 'optimizer-0-of-1.safetensors'):
        (partial / name).write_bytes(torch_file(canary))
    seal(partial, target)
    world = World(device=torch.device('cpu'))
    newest = CheckpointStore(tmp_path, world).newest()
    assert newest is not None
    with pytest.raises(CheckpointError, match=r'module\.safetensors is missing or no safetensors'):
        newest.restore(torch.nn.Linear(2, 2), None)
    with pytest.raises(CheckpointError):
        newest.optimizer(world)
    assert not canary.exists()


def loads(path: Path) -> Iterator[str]:
    """Calls of a file that could run what they read."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        called = ast.unparse(node.func)
        options = {item.arg: ast.unparse(item.value) for item in node.keywords}
        is_safe_torch = called == 'torch.load' and options.get('weights_only') == 'True'
        is_safe_numpy = called == 'np.load' and options.get('allow_pickle', 'False') == 'False'
        dangerous = ('torch.load', 'np.load', 'pickle.load', 'pickle.loads', 'joblib.load')
        if called in dangerous and not is_safe_torch and not is_safe_numpy:
            yield f'{path.relative_to(ROOT)}: {called}'


def test_nothing_unpickles_what_it_is_given() -> None:
    packages = ('rose_model', 'ros2_rose', 'demo', 'tools', 'benchmarks')
    files = [path for package in packages for path in (ROOT / package).rglob('*.py')]
    assert [call for path in files for call in loads(path)] == []


# --- headers ------------------------------------------------------------------------------------


def tensor(begin: int, end: int, shape: list[Any], dtype: str = 'F32') -> dict[str, Any]:
    return {'dtype': dtype, 'shape': shape, 'data_offsets': [begin, end]}


def safetensors(
    header: bytes | dict[str, Any], data: int = 16, length: int | None = None
) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, 'little') + text + bytes(data)


HEADERS = {
    'empty file': (b'', 'it has 0 bytes'),
    'seven bytes': (bytes(7), 'it has 7 bytes'),
    'longer than the file': (safetensors({}, 0, 1000), 'header would have 1000'),
    'four gigabytes': (safetensors({}, 0, 4 << 30), f'would have {4 << 30}'),
    'largest number': (safetensors({}, 0, (1 << 64) - 1), f'would have {(1 << 64) - 1}'),
    'a header of 2 MB': (safetensors(b' ' * (2 << 20)), f'at most {MAX_HEADER}'),
    'no JSON': (safetensors(b'{'), 'header is no JSON'),
    'deep': (safetensors(b'[' * 100_000), 'header is no JSON'),
    'no text': (safetensors(b'\xff\xfe'), 'header is no JSON'),
    'a list': (safetensors(b'[]'), 'header is no object'),
    'twice': (
        safetensors(b'{"a": ' + json.dumps(tensor(0, 16, [4])).encode() + b', "a": 1}'),
        "'a' is there twice",
    ),
    'many': (
        safetensors(json.dumps({str(n): 0 for n in range(100_000)}).encode()[:MAX_HEADER]),
        'header',
    ),
    'unknown type': (safetensors({'a': tensor(0, 16, [4], 'F128')}), "'a' is of type F128"),
    'whole numbers': (safetensors({'a': tensor(0, 16, [4], 'I32')}), "'a' is of type I32"),
    'no record': (safetensors({'a': 7}), "'a' is of type None"),
    'no shape': (
        safetensors({'a': {'dtype': 'F32', 'data_offsets': [0, 16]}}),
        "'a' has no shape",
    ),
    'negative shape': (safetensors({'a': tensor(0, 16, [-4])}), "'a' has no shape"),
    'a shape of truths': (safetensors({'a': tensor(0, 4, [True])}), "'a' has no shape"),
    'shape that overflows': (
        safetensors({'a': tensor(0, 16, [1 << 32, 1 << 32, 4])}),
        "'a' of 295147905179352825856 bytes",
    ),
    'negative place': (safetensors({'a': tensor(-16, 0, [4])}), "'a' has no shape or place"),
    'backwards': (safetensors({'a': tensor(16, 0, [4])}), "'a' of 16 bytes lies from 16 to 0"),
    'overlap': (
        safetensors({'a': tensor(0, 16, [4]), 'b': tensor(8, 24, [4])}, 24),
        "'b' begins at 8, the one before it ends at 16",
    ),
    'gap': (
        safetensors({'a': tensor(0, 16, [4]), 'b': tensor(20, 36, [4])}, 36),
        "'b' begins at 20, the one before it ends at 16",
    ),
    'cut off': (safetensors({'a': tensor(0, 16, [4])}, 10), 'tensors have 16 bytes, the file 10'),
    'bytes behind': (safetensors({'a': tensor(0, 16, [4])}, 20), 'have 16 bytes, the file 20'),
}


@pytest.mark.parametrize('case', HEADERS)
def test_a_header_that_lies_is_refused_at_once_without_memory(tmp_path: Path, case: str) -> None:
    content, told = HEADERS[case]
    path = tmp_path / 'model.safetensors'
    path.write_bytes(content)
    tracemalloc.start()
    with pytest.raises(CheckpointError, match=r'model\.safetensors') as caught:
        read_header(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert told in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 400 + len(str(path))
    assert peak < MAX_BYTES


def test_as_many_tensors_as_no_model_has_are_refused(tmp_path: Path) -> None:
    names = {f'{number:x}': tensor(0, 0, [0]) for number in range(MAX_TENSORS + 1)}
    path = tmp_path / 'model.safetensors'
    path.write_bytes(safetensors(json.dumps(names, separators=(',', ':')).encode(), 0))
    with pytest.raises(CheckpointError, match=f'lists {MAX_TENSORS + 1} tensors'):
        read_header(path)


def test_a_hostile_header_is_refused_through_the_door_that_all_take(rose_folder: Path) -> None:
    for content, _ in HEADERS.values():
        (rose_folder / 'model.safetensors').write_bytes(content)
        with pytest.raises(CheckpointError, match=r'model\.safetensors'):
            check_folder(rose_folder)


def test_what_the_library_writes_is_read(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    path = tmp_path / 'model.safetensors'
    state = {
        'b': torch.zeros(3, 2, dtype=torch.float16),
        'a': torch.zeros(0, 4),
        'c': torch.tensor(1.0, dtype=torch.bfloat16),
    }
    save_file(state, path, metadata={'format': 'pt'})
    assert {name: item.shape for name, item in read_header(path).items()} == {
        'a': (0, 4),
        'b': (3, 2),
        'c': (),
    }


# --- configurations -----------------------------------------------------------------------------


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Calls that would open a socket; each is refused."""
    opened: list[object] = []

    def refuse(*arguments: object, **options: object) -> None:
        opened.append(arguments)
        raise OSError('no network in this test')

    monkeypatch.setattr(socket, 'socket', refuse)
    monkeypatch.setattr(socket, 'create_connection', refuse)
    monkeypatch.setattr(socket, 'getaddrinfo', refuse)
    return opened


KEYS = [
    {'auto_map': {'AutoModel': 'evil.Model'}},
    {'_attn_implementation_internal': 'org/kernels'},
    {'attn_implementation': 'org/kernels'},
    {'trust_remote_code': True},
    {'_name_or_path': 'org/model'},
    {'architectures': ['Evil']},
    {'quantization_config': {'quant_method': 'org/method'}},
]


@pytest.mark.parametrize('keys', KEYS)
@pytest.mark.parametrize('part', ['', 'vision', 'language', 'text', 'sam', 'category'])
def test_a_configuration_that_asks_for_foreign_code_is_refused_without_network(
    rose_folder: Path, no_network: list[object], keys: dict[str, Any], part: str
) -> None:
    path = rose_folder / 'config.json'
    record = json.loads(path.read_text())
    (record[part] if part else record).update(keys)
    path.write_text(json.dumps(record))
    with pytest.raises(ConfigError, match=next(iter(keys))):
        check_folder(rose_folder)
    assert no_network == []


@pytest.mark.parametrize('value', ['org/tokenizer', '../tokenizer.json', '/etc/passwd', ''])
def test_a_tokenizer_of_the_hub_or_elsewhere_is_refused(
    rose_folder: Path, no_network: list[object], value: str
) -> None:
    path = rose_folder / 'config.json'
    record = json.loads(path.read_text())
    record['text']['tokenizer'] = value
    path.write_text(json.dumps(record))
    with pytest.raises(RoseError, match='tokenizer'):
        check_folder(rose_folder)
    assert no_network == []


def test_a_model_is_loaded_without_network(rose_folder: Path, no_network: list[object]) -> None:
    load_pretrained(rose_folder, torch.device('cpu'), torch.float32)
    assert no_network == []
