"""Keep the patches most likely to hold an object (paper, Sec. 3.3)."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rose_model.config import PatchFilterConfig


def select_patches(
    objectness: Tensor, roles: NDArray[np.str_], config: PatchFilterConfig
) -> Tensor:
    """Indices ``[N]`` of the kept patches, best first; N is 0 to ``max_segments``.

    ``objectness``: ``[P]`` in [0, 1].  ``roles``: ``[S, S]``.  With ``select='peaks'`` a patch is
    kept only where no patch of its own role within one step has more: neighbours that answer for
    the same object do not use up places.
    """
    score = objectness
    if config.select == 'peaks':
        score = torch.where(_is_peak(objectness, roles), objectness, 0.0)
    ranked = torch.argsort(score, descending=True, stable=True)[: config.max_segments]
    return ranked[score[ranked] >= max(config.min_objectness, torch.finfo(score.dtype).tiny)]


def _is_peak(objectness: Tensor, roles: NDArray[np.str_]) -> Tensor:
    grid = objectness.view(1, 1, *roles.shape).float()
    peak = torch.zeros_like(grid, dtype=torch.bool)
    for role in np.unique(roles):
        mine = torch.from_numpy(roles == role).to(grid.device)
        own = torch.where(mine, grid, 0.0)
        peak |= mine & (own >= torch.nn.functional.max_pool2d(own, 3, stride=1, padding=1))
    return peak.flatten()
