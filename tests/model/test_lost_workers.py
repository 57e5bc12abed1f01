"""A process that makes examples is killed, or hangs."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import active_children
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor
from torch.utils.data import Dataset

from rose_model.errors import TrainingError
from rose_model.training.trainer import Trainer

from .tiny_stage import WORLD, Numbers, TinyStage, tiny_recipe


@dataclass
class FailingStage(TinyStage):
    """``fail`` is called in the worker that makes the fifth example."""

    fail: Callable[[], object] = time.monotonic

    def dataset(self, first: int, length: int) -> Dataset[Any]:
        fail = self.fail

        class Failing(Numbers):
            def __getitem__(self, index: int) -> Tensor:
                if index == 4:
                    fail()
                return super().__getitem__(index)

        return Failing(first, length)


def test_a_killed_worker_is_said(tmp_path: Path) -> None:
    stage = FailingStage(fail=lambda: os.kill(os.getpid(), signal.SIGKILL))
    with pytest.raises(TrainingError, match=r'lost: DataLoader worker.*--resume'):
        Trainer(tmp_path, ema_decay=0.0, world=WORLD).fit(stage, tiny_recipe())


def test_a_worker_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('rose_model.training.batches.PATIENCE_S', 1.0)
    stage = FailingStage(fail=threading.Event().wait)
    with pytest.raises(TrainingError, match=r'timed out.*--resume'):
        Trainer(tmp_path, ema_decay=0.0, world=WORLD).fit(stage, tiny_recipe())
    for worker in active_children():
        worker.join(timeout=10)
    assert not active_children()
