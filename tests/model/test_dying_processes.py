"""Of several processes one dies, or sees another run: all end soon, and say why."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from torch.distributed import HashStore

from rose_model.training import heartbeat
from rose_model.training.heartbeat import Heartbeat
from rose_model.training.recipe import Recipe, StageRecipe

from .launched import TORCHRUN, environment

ALL_END_S = 60
START_S = 300

WAIT = """
import threading
from rose_model.training.world import join_world
with join_world() as world:
    world.wait()
    print("ready", flush=True)
    {}
"""
ALONE = 'threading.Event().wait()'
TRAIN = """
from rose_model.cli.main import app
app({})
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def start(port: int) -> Iterator[object]:
    """Starts process ``rank`` of two, without a launcher that would end one for the other."""
    processes: list[subprocess.Popen[str]] = []

    def start(rank: int, program: str) -> subprocess.Popen[str]:
        world = {'RANK': rank, 'LOCAL_RANK': rank, 'WORLD_SIZE': 2}
        main = {'MASTER_ADDR': '127.0.0.1', 'MASTER_PORT': port}
        process = subprocess.Popen(
            [sys.executable, '-c', program],
            env=environment() | {name: str(value) for name, value in (world | main).items()},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


@pytest.mark.slow
@pytest.mark.parametrize(
    ('dies', 'waits'),
    [(1, 'world.wait()'), (1, ALONE), (0, ALONE)],
    ids=['together', 'alone', 'without main'],
)
def test_with_one_process_all_end(start, port: int, dies: int, waits: str) -> None:
    # The victim never comes to where the survivor waits: it may be killed late.
    programs = [WAIT.format(ALONE if rank == dies else waits) for rank in (0, 1)]
    processes = [start(rank, program) for rank, program in enumerate(programs)]
    victim, survivor = processes[dies], processes[1 - dies]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == 'ready\n'
    victim.send_signal(signal.SIGKILL)
    _, errors = survivor.communicate(timeout=ALL_END_S)
    assert survivor.returncode == 1, errors
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(('127.0.0.1', port))


@pytest.mark.slow
def test_a_run_that_not_all_see_is_refused_by_all(
    start, rose_folder: Path, tmp_path: Path
) -> None:
    recipe = tmp_path / 'recipe.yaml'
    stage = StageRecipe(steps=2, batch_size=2, learning_rate=1e-4, warmup_steps=1)
    recipe.write_text(Recipe(start=str(rose_folder), ema_decay=0.0, whole=stage).dump())
    processes = []
    for rank in (0, 1):
        (tmp_path / f'machine-{rank}').mkdir()
        command = ['train', str(recipe), '--out', str(tmp_path / f'machine-{rank}' / 'run')]
        processes.append(start(rank, TRAIN.format(command)))
    for process in processes:
        _, errors = process.communicate(timeout=START_S)
        assert process.returncode == 4, errors
        assert 'give them a folder that all machines share' in errors


@pytest.mark.slow
@pytest.mark.timeout(START_S + 2 * ALL_END_S)
def test_a_killed_process_ends_a_training_run(rose_folder: Path, tmp_path: Path) -> None:
    """As users start it: ``torchrun``, DeepSpeed, data workers."""
    recipe = tmp_path / 'recipe.yaml'
    stage = StageRecipe(steps=10_000, batch_size=2, learning_rate=1e-4, warmup_steps=1, workers=2)
    recipe.write_text(Recipe(start=str(rose_folder), ema_decay=0.0, whole=stage).dump())
    out = tmp_path / 'run'
    train = ['-m', 'rose_model', 'train', str(recipe), '--out', str(out)]
    with subprocess.Popen(
        [*TORCHRUN, *train],
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
    ) as run:
        family: set[int] = set()
        try:
            wait_for(out / 'tensorboard' / 'whole')
            family = descendants(run.pid)
            os.kill(next(pid for pid in family if is_rank(pid, 1)), signal.SIGKILL)
            _, errors = run.communicate(timeout=ALL_END_S)
            assert run.returncode != 0, errors
            assert not family & set(parents())
        finally:
            family |= descendants(run.pid)
            run.kill()
            for pid in family & set(parents()):
                os.kill(pid, signal.SIGKILL)


def wait_for(path: Path) -> None:
    give_up_s = time.monotonic() + START_S
    while not path.exists():
        assert time.monotonic() < give_up_s, f'{path} did not appear'
        time.sleep(0.05)


def parents() -> dict[int, int]:
    """Of each living process its parent."""
    found = {}
    for stat in Path('/proc').glob('[0-9]*/stat'):
        try:
            state, parent, *_ = stat.read_text().rpartition(')')[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if state != 'Z':
            found[int(stat.parent.name)] = int(parent)
    return found


def descendants(pid: int) -> set[int]:
    """The living processes that a process has started, and those that they have."""
    parent_of = parents()
    found, fresh = set[int](), {pid}
    while fresh:
        fresh = {child for child, parent in parent_of.items() if parent in fresh}
        found |= fresh
    return found


def is_rank(pid: int, rank: int) -> bool:
    words = Path(f'/proc/{pid}/environ').read_bytes().split(b'\0')
    return f'RANK={rank}'.encode() in words


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(heartbeat.time, 'monotonic', lambda: now[0])
    return now


@pytest.mark.parametrize('lost', [0, 2])
def test_who_gives_no_sign_is_missed_by_all(clock: list[float], lost: int) -> None:
    store = HashStore()
    beats = [Heartbeat(store, rank, 3) for rank in range(3)]
    living = [beat for rank, beat in enumerate(beats) if rank != lost]
    for _ in range(4):
        clock[0] += heartbeat.LOST_AFTER_S / 2
        assert [beat.beat() for beat in beats] == [None] * 3
    clock[0] += heartbeat.LOST_AFTER_S / 2
    assert [beat.beat() for beat in living] == [None, None]
    clock[0] += 2 * heartbeat.LOST_AFTER_S
    assert [beat.beat() for beat in living] == [lost, lost]


def test_who_is_done_is_not_missed(clock: list[float]) -> None:
    store = HashStore()
    store.set_timeout(timedelta(milliseconds=10))
    beats = [Heartbeat(store, rank, 3) for rank in range(3)]
    assert [beat.beat() for beat in beats] == [None] * 3
    beats[2].leave()
    beats[0].leave()
    clock[0] += 10 * heartbeat.LOST_AFTER_S
    assert beats[1].beat() is None
