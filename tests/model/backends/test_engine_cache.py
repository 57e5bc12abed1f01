"""Engines are built once, and again when they do not fit or are damaged (faults, no. 56)."""

from __future__ import annotations

import fcntl
import logging
import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from rose_model.backends.engine_cache import EngineCache, EngineKey, default_cache_folder
from rose_model.backends.exported import ExportedSam
from rose_model.backends.sealed_file import DamagedFileError, read_sealed, write_sealed
from rose_model.backends.tensorrt_engine import EngineMaker, Gpu
from rose_model.errors import BackendError, ConfigError

CPU = torch.device('cpu')
GPU = Gpu(CPU, 'A', (8, 7))
KEY = EngineKey('encoder', ('ab', 'cd'), '10.3.0', 'A', (8, 7), (1, 32, 32), 3, 2**32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / 'deep' / 'engines'


def make(trt: ModuleType, exported: ExportedSam, folder: Path, gpu: Gpu = GPU) -> EngineMaker:
    return EngineMaker(trt, exported, gpu, EngineCache(folder))


def engine_file(folder: Path, graph: str = 'encoder') -> Path:
    (path,) = folder.glob(f'{graph}-*.engine')
    return path


def test_an_engine_is_built_once(trt: ModuleType, exported: ExportedSam, folder: Path) -> None:
    make(trt, exported, folder).engine('encoder')
    make(trt, exported, folder).engine('encoder')
    assert trt.calls['build'] == 1
    assert trt.calls['load'] == 2


def test_it_is_built_strongly_typed_within_its_limits(
    trt: ModuleType, exported: ExportedSam, folder: Path
) -> None:
    plan = make(trt, exported, folder).engine('decoder').plan
    assert plan['profile'] == {'mask_embedding': [[1, 32], [32, 32], [32, 32]]}
    assert plan['tf32'] is False
    assert (plan['workspace'], plan['level']) == (4 * 2**30, 3)
    assert make(trt, exported, folder).engine('encoder').plan['profile'] == {}


@pytest.mark.parametrize(
    'change',
    [
        {'graph': 'decoder'},
        {'sums': ('ab', 'ce')},
        {'sums': ('ac', 'cd')},
        {'tensorrt': '10.3.1'},
        {'gpu': 'B'},
        {'compute_capability': (8, 9)},
        {'profile': (1, 32, 64)},
        {'level': 4},
        {'workspace_bytes': 2**33},
    ],
)
def test_an_engine_has_another_name_if_anything_differs_that_it_depends_on(change: dict) -> None:
    assert replace(KEY, **change).file_name != KEY.file_name
    assert replace(KEY).file_name == KEY.file_name


def test_another_gpu_and_another_version_get_engines_of_their_own(
    trt: ModuleType, exported: ExportedSam, folder: Path
) -> None:
    make(trt, exported, folder).engine('encoder')
    make(trt, exported, folder, Gpu(CPU, 'B', (8, 7))).engine('encoder')
    trt.__version__ = '11.1.0'
    make(trt, exported, folder).engine('encoder')
    assert trt.calls['build'] == 3
    assert len(list(folder.glob('encoder-*.engine'))) == 3


def test_an_engine_that_does_not_load_is_built_anew(
    trt: ModuleType, exported: ExportedSam, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A changed driver, say: there is no way to ask beforehand."""
    make(trt, exported, folder).engine('encoder')
    trt.refused_plans = 1
    make(trt, exported, folder).engine('encoder')
    assert trt.calls['build'] == 2
    assert 'does not load here; it is built anew' in caplog.text


def test_an_engine_that_never_loads_is_an_error(
    trt: ModuleType, exported: ExportedSam, folder: Path
) -> None:
    trt.refused_plans = 9
    with pytest.raises(BackendError, match='cannot load the engine of the encoder'):
        make(trt, exported, folder).engine('encoder')


def test_an_engine_that_cannot_be_built_is_an_error(
    trt: ModuleType, exported: ExportedSam, folder: Path
) -> None:
    trt.is_out_of_memory = True
    with pytest.raises(BackendError, match=r'cannot build the encoder'):
        make(trt, exported, folder).engine('encoder')
    assert not list(folder.glob('*.engine'))


def test_a_graph_that_cannot_be_read_is_an_error_with_the_parsers_words(
    trt: ModuleType, exported: ExportedSam, tmp_path: Path, folder: Path
) -> None:
    (tmp_path / 'encoder.onnx').write_bytes(b'no graph')
    with pytest.raises(BackendError, match=r'TensorRT 10\.3\.0 cannot read .*encoder\.onnx: .+'):
        make(trt, ExportedSam(tmp_path, exported.record), folder).engine('encoder')


def test_timings_of_one_engine_serve_the_next(
    trt: ModuleType, exported: ExportedSam, folder: Path
) -> None:
    make(trt, exported, folder).engine('encoder')
    make(trt, exported, folder).engine('decoder')
    assert (trt.calls['build'], trt.calls['build with timings']) == (2, 1)
    assert len(list(folder.glob('timing-*.cache'))) == 1


def test_timings_that_do_not_fit_are_left_aside(
    trt: ModuleType, exported: ExportedSam, folder: Path
) -> None:
    make(trt, exported, folder).engine('encoder')
    (timings,) = folder.glob('timing-*.cache')
    write_sealed(timings, b'timings of another driver')
    make(trt, exported, folder).engine('decoder')
    assert (trt.calls['build'], trt.calls['build with timings']) == (2, 0)


def test_every_flipped_bit_and_every_cut_is_noticed(
    trt: ModuleType, exported: ExportedSam, folder: Path
) -> None:
    make(trt, exported, folder).engine('encoder')
    path, random = engine_file(folder), np.random.default_rng(0)
    whole = path.read_bytes()
    for offset in random.integers(0, len(whole), 100):
        damaged = bytearray(whole)
        damaged[offset] ^= 1 << random.integers(8)
        path.write_bytes(damaged)
        with pytest.raises(DamagedFileError):
            read_sealed(path)
    for length in (0, 1, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(DamagedFileError):
            read_sealed(path)


@pytest.mark.parametrize('damage', [b'', b'rose sealed file 1\n', b'anything else' * 100])
def test_a_damaged_engine_is_built_anew_with_a_warning(
    trt: ModuleType,
    exported: ExportedSam,
    folder: Path,
    caplog: pytest.LogCaptureFixture,
    damage: bytes,
) -> None:
    make(trt, exported, folder).engine('encoder')
    engine_file(folder).write_bytes(damage)
    make(trt, exported, folder).engine('encoder')
    assert trt.calls['build'] == 2
    assert f'{engine_file(folder)} is damaged' in caplog.text
    make(trt, exported, folder).engine('encoder')
    assert trt.calls['build'] == 2


def test_a_folder_that_cannot_be_written_costs_the_storing_only(
    trt: ModuleType, exported: ExportedSam, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A file in the folder's place: also root, who may write anywhere, cannot write there."""
    (tmp_path / 'file').write_text('')
    maker = make(trt, exported, tmp_path / 'file' / 'engines')
    assert maker.engine('encoder') is not None
    assert maker.engine('encoder') is not None
    assert trt.calls['build'] == 2
    assert 'cannot be written' in caplog.text


def test_a_disk_that_is_full_leaves_no_half_file(
    trt: ModuleType,
    exported: ExportedSam,
    folder: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(os, 'fsync', full)
    assert make(trt, exported, folder).engine('encoder') is not None
    assert 'No space left on device' in caplog.text
    assert [path.suffix for path in folder.iterdir()] == ['.lock']


def test_of_two_processes_that_want_an_engine_the_second_waits_and_finds_it(
    trt: ModuleType, exported: ExportedSam, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, 'rose_model')
    make(trt, exported, folder).engine('encoder')
    path = engine_file(folder)
    plan = path.read_bytes()
    path.unlink()
    found = []
    second = threading.Thread(
        target=lambda: found.append(make(trt, exported, folder).engine('encoder'))
    )
    with path.with_name(f'{path.name}.lock').open() as first:
        fcntl.flock(first, fcntl.LOCK_EX)  # as another process that builds
        second.start()
        while 'waiting for it' not in caplog.text:
            assert second.is_alive()
        assert not found
        path.write_bytes(plan)
    second.join()
    assert len(found) == 1
    assert trt.calls['build'] == 1


def test_a_process_that_was_killed_while_it_built_leaves_no_lock(
    trt: ModuleType, exported: ExportedSam, folder: Path
) -> None:
    folder.mkdir(parents=True)
    name = make(trt, exported, folder)._key('encoder').file_name
    code = (
        'import fcntl, sys; fcntl.flock(open(sys.argv[1], "a"), fcntl.LOCK_EX); print(flush=True)'
    )
    command = [sys.executable, '-c', code + '; input()', str(folder / f'{name}.lock')]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        other.kill()
    make(trt, exported, folder).engine('encoder')
    assert trt.calls['build'] == 1


def test_what_is_being_done_is_said(
    trt: ModuleType, exported: ExportedSam, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, 'rose_model')
    make(trt, exported, folder).engine('decoder')
    assert 'Building the TensorRT engine of the decoder of SAM for A' in caplog.text
    assert 'Built it in' in caplog.text


def test_engines_are_kept_in_the_users_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('XDG_CACHE_HOME', '/somewhere')
    assert default_cache_folder() == Path('/somewhere/rose_model/engines')
    monkeypatch.delenv('XDG_CACHE_HOME')
    monkeypatch.setenv('HOME', '/home/me')
    assert default_cache_folder() == Path('/home/me/.cache/rose_model/engines')


def test_without_a_home_folder_the_error_says_what_to_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def homeless() -> Path:
        raise RuntimeError('Could not determine home directory.')

    monkeypatch.delenv('XDG_CACHE_HOME', raising=False)
    monkeypatch.setattr(Path, 'home', homeless)
    with pytest.raises(ConfigError, match='engine_cache'):
        default_cache_folder()
