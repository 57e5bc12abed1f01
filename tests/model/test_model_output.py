"""A model whose numbers are not finite says so; it does not give an empty frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from rose_model import RoseSegmenter
from rose_model.errors import ModelOutputError


@pytest.fixture
def spoilt(rose_folder: Path) -> RoseSegmenter:
    """One whose weights may be changed."""
    return RoseSegmenter.from_pretrained(rose_folder, device='cpu')


@pytest.mark.parametrize('value', [float('nan'), float('inf')])
def test_objectness_that_is_not_finite_is_an_error(
    spoilt: RoseSegmenter, image: np.ndarray, value: float
) -> None:
    with torch.no_grad():
        next(spoilt._rose.perception.parameters()).fill_(value)
    with pytest.raises(ModelOutputError, match=r'objectness of \d+ of \d+ patches'):
        spoilt.segment(image)


def test_masks_that_are_not_finite_are_an_error(spoilt: RoseSegmenter, image: np.ndarray) -> None:
    with torch.no_grad():
        for weight in spoilt._rose.sam.parameters():
            weight.fill_(float('nan'))
    with pytest.raises(ModelOutputError, match='score of a mask'):
        spoilt.segment(image)
