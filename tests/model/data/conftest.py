"""The scene of ``layouts.py``, and what writes it as each publisher does."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

MAKER = Path(__file__).with_name('layouts.py')
spec = importlib.util.spec_from_file_location('layouts', MAKER)
made = importlib.util.module_from_spec(spec)
sys.modules['layouts'] = made  # dataclasses look their own module up
spec.loader.exec_module(made)


@pytest.fixture(scope='session')
def layouts() -> ModuleType:
    """Functions that write the scene."""
    return made


@pytest.fixture
def scene() -> np.ndarray:
    """The segment of each pixel."""
    return made.make_scene()


@pytest.fixture(params=made.WRITERS)
def folder_name(request: pytest.FixtureRequest) -> str:
    """The folder of each layout, a key of ``WRITERS``."""
    return request.param
