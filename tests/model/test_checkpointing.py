"""Checkpoints: whole or not there, and no damage goes unseen."""

from __future__ import annotations

import os
import resource
import shutil
import sys
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from rose_model.errors import CheckpointError, ConfigError, StorageError
from rose_model.training.checkpointing import CheckpointStore, Position, has_checkpoint
from rose_model.training.run_lock import run_lock
from rose_model.training.storage import PARTIAL, verify
from rose_model.training.world import World

WORLD = World(device=torch.device('cpu'))
FILE_EVENTS = {'open', 'os.rename', 'os.remove', 'os.rmdir', 'os.mkdir'}
DIED, SAVED = 9, 0


def tied_module(value: float) -> nn.Module:
    """Two layers that share their weights, as a language model with tied embeddings."""
    module = nn.ModuleDict({'embed': nn.Linear(3, 3), 'head': nn.Linear(3, 3)})
    module['head'].weight = module['embed'].weight
    nn.init.constant_(module['embed'].weight, value)
    return module


def save(folder: Path, total: int) -> Path:
    module, average = tied_module(total), tied_module(-total)
    position = Position(stage='whole', step=total, total=total)
    moments = {'0.exp_avg': torch.full((3, 3), float(total))}
    return CheckpointStore(folder, WORLD).save(position, module, average, moments)


def newest_total(folder: Path) -> int:
    """The steps of the newest whole checkpoint, all of whose tensors are read and checked."""
    checkpoint = CheckpointStore(folder, WORLD).newest()
    assert checkpoint is not None
    total = checkpoint.position.total
    module, average = tied_module(0), tied_module(0)
    checkpoint.restore(module, average)
    assert (module['head'].weight == total).all()
    assert (average['embed'].weight == -total).all()
    assert (checkpoint.optimizer(WORLD)['0.exp_avg'] == total).all()
    return total


def test_a_checkpoint_comes_back(tmp_path: Path) -> None:
    assert CheckpointStore(tmp_path, WORLD).newest() is None
    assert not has_checkpoint(tmp_path)
    save(tmp_path, 7)
    assert newest_total(tmp_path) == 7
    assert has_checkpoint(tmp_path)


def test_the_newest_two_are_kept(tmp_path: Path) -> None:
    for total in (1, 5, 999_999, 1_000_000):
        save(tmp_path, total)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        'checkpoint-1000000',
        'checkpoint-999999',
    ]
    assert newest_total(tmp_path) == 1_000_000


def test_saving_the_same_step_again_replaces_it(tmp_path: Path) -> None:
    save(tmp_path, 3)
    save(tmp_path, 3)
    assert newest_total(tmp_path) == 3


def in_child(action) -> int:
    """Exit code of ``action`` in a fork of this process; torch is imported there already."""
    child = os.fork()
    if child == 0:
        try:
            action()
        except StorageError:
            os._exit(5)
        except BaseException:
            os._exit(1)
        os._exit(SAVED)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def save_and_die(folder: Path, total: int, fatal_event: int, *, torn: bool) -> None:
    """Die at that operation on the run's files: before it, or with half of what it wrote."""
    seen = 0

    def count(path: Path | None) -> None:
        nonlocal seen
        seen += 1
        if seen == fatal_event:
            if torn and path is not None and path.is_file():
                os.truncate(path, path.stat().st_size // 2)
            os._exit(DIED)

    def audit(event: str, arguments: tuple) -> None:
        name = str(arguments[0]) if event in FILE_EVENTS else '/'
        if str(folder) in name or not name.startswith('/'):  # a folder is emptied by short names
            count(Path(name))

    sys.addaudithook(audit)
    real_fsync = os.fsync

    def fsync(descriptor: int) -> None:
        count(Path(os.readlink(f'/proc/self/fd/{descriptor}')))
        real_fsync(descriptor)

    os.fsync = fsync
    save(folder, total)


@pytest.mark.parametrize('torn', [False, True])
def test_a_kill_at_any_file_operation_leaves_a_checkpoint_to_resume_from(
    tmp_path: Path, torn: bool
) -> None:
    """Three older saves, so that the fourth also removes one; every operation is once the last."""
    fatal_event, code = 0, DIED
    while code == DIED:
        fatal_event += 1
        folder = tmp_path / str(fatal_event)
        folder.mkdir()
        for total in (10, 20):
            save(folder, total)
        code = in_child(
            lambda folder=folder, event=fatal_event: save_and_die(folder, 30, event, torn=torn)
        )
        assert code in (DIED, SAVED)
        assert newest_total(folder) in ((20, 30) if code == DIED else (30,))
        CheckpointStore(folder, WORLD).clear_rest()
        assert not list(folder.glob(f'*{PARTIAL}'))
        save(folder, 30)  # the resumed run comes to that step again
        assert newest_total(folder) == 30
    assert fatal_event > 20


def test_every_flipped_bit_and_every_cut_is_noticed(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    folder = save(tmp_path, 1)
    files = sorted(folder.iterdir())
    for attempt in range(200):
        path = files[attempt % len(files)]
        whole = path.read_bytes()
        damaged = bytearray(whole)
        if attempt % 4 == 0:
            del damaged[int(draw.integers(len(damaged))) :]
        else:
            damaged[int(draw.integers(len(damaged)))] ^= 1 << int(draw.integers(8))
        path.write_bytes(damaged)
        # a changed record is seen by the file that it is of
        told = folder.name if path.name == 'manifest.json' else path.name
        with pytest.raises(CheckpointError, match=told):
            verify(folder)
        path.write_bytes(whole)
    verify(folder)


def test_a_missing_and_a_foreign_file_are_noticed(tmp_path: Path) -> None:
    folder = save(tmp_path, 1)
    (folder / 'notes.txt').write_text('')
    with pytest.raises(CheckpointError, match='notes'):
        verify(folder)
    (folder / 'notes.txt').unlink()
    (folder / 'module.safetensors').unlink()
    with pytest.raises(CheckpointError, match=r'module\.safetensors is missing'):
        verify(folder)


def test_a_damaged_checkpoint_is_put_aside_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    save(tmp_path, 1)
    damaged = save(tmp_path, 2)
    with (damaged / 'average.safetensors').open('ab') as file:
        file.write(b'!')
    assert newest_total(tmp_path) == 1
    assert 'average.safetensors' in caplog.text
    assert not damaged.exists()
    save(tmp_path, 2)
    assert newest_total(tmp_path) == 2


def test_a_run_without_any_whole_checkpoint_is_refused(tmp_path: Path) -> None:
    folder = save(tmp_path, 1)
    (folder / 'manifest.json').unlink()
    with pytest.raises(CheckpointError, match=r'manifest\.json'):
        CheckpointStore(tmp_path, WORLD).newest()


def test_another_number_of_processes_is_refused(tmp_path: Path) -> None:
    save(tmp_path, 1)
    checkpoint = CheckpointStore(tmp_path, WORLD).newest()
    with pytest.raises(CheckpointError, match='written by 1 processes, these are 2'):
        checkpoint.optimizer(World(0, 2, torch.device('cpu')))


def test_another_model_is_refused(tmp_path: Path) -> None:
    save(tmp_path, 1)
    checkpoint = CheckpointStore(tmp_path, WORLD).newest()
    with pytest.raises(CheckpointError, match=r'module\.safetensors does not fit'):
        checkpoint.restore(nn.Linear(3, 3), None)


def test_too_little_room_is_known_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path, 1)
    usage = namedtuple('usage', 'free')
    monkeypatch.setattr(shutil, 'disk_usage', lambda _: usage(100))
    with pytest.raises(StorageError, match=r'0\.0 MB are free'):
        save(tmp_path, 2)
    assert newest_total(tmp_path) == 1
    assert [path.name for path in tmp_path.iterdir()] == ['checkpoint-000001']


@pytest.mark.parametrize('limit', [1, 150, 300])
def test_a_disk_that_fills_up_in_a_save_costs_that_checkpoint_only(
    tmp_path: Path, limit: int
) -> None:
    """The limit of a file's size makes writing fail in Python, and in safetensors."""
    save(tmp_path, 1)

    def save_limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        save(tmp_path, 2)

    assert in_child(save_limited) == 5
    assert newest_total(tmp_path) == 1
    assert [path.name for path in tmp_path.iterdir()] == ['checkpoint-000001']


def test_two_runs_in_one_folder_are_refused(tmp_path: Path) -> None:
    def second() -> None:
        with pytest.raises(ConfigError, match=f'process {os.getppid()}'), run_lock(tmp_path):
            pass

    with run_lock(tmp_path):
        assert in_child(second) == SAVED
    with run_lock(tmp_path):
        pass


def test_a_worker_that_outlives_its_trainer_does_not_hold_the_folder(tmp_path: Path) -> None:
    until_end, end = os.pipe()
    until_ready, ready = os.pipe()

    def trainer_that_is_killed() -> None:
        with run_lock(tmp_path):
            if os.fork() == 0:
                os.close(end)
                os.write(ready, b'.')
                os.read(until_end, 1)
                os._exit(0)
            os.read(until_ready, 1)
            os._exit(DIED)

    assert in_child(trainer_that_is_killed) == DIED
    with run_lock(tmp_path):
        os.close(end)


def test_weights_that_are_pieces_of_one_buffer_come_back(tmp_path: Path) -> None:
    """ZeRO lays the weights of a module into one long tensor."""
    module, other = nn.Linear(2, 2), nn.Linear(2, 2)
    buffer = torch.arange(6.0)
    module.weight.data, module.bias.data = buffer[:4].view(2, 2), buffer[4:]
    position = Position(stage='whole', step=1, total=1)
    CheckpointStore(tmp_path, WORLD).save(position, module, None, {})
    checkpoint = CheckpointStore(tmp_path, WORLD).newest()
    assert checkpoint is not None
    checkpoint.restore(other, None)
    assert torch.equal(other.weight, module.weight)
    assert torch.equal(other.bias, module.bias)
