"""Keep the patches most likely to hold an object (paper, Sec. 3.3)."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rose_model.config import PatchFilterConfig
from rose_model.errors import ModelOutputError


def select_patches(
    objectness: Tensor, roles: NDArray[np.str_], config: PatchFilterConfig
) -> Tensor:
    """Indices ``[N]`` of the kept patches, best first; N is 0 to ``max_segments``.

    ``objectness``: ``[P]`` in [0, 1].  ``roles``: ``[S, S]``.  With ``select='peaks'`` a patch is
    kept only where no patch of its own role within one step has more: neighbours that answer for
    the same object do not use up places.  The host learns one number, N.

    Raises:
        ModelOutputError: objectness is not finite.
    """
    score = objectness
    if config.select == 'peaks':
        score = torch.where(_is_peak(objectness, roles), objectness, 0.0)
    ranked = torch.argsort(score, descending=True, stable=True)[: config.max_segments]
    least = max(config.min_objectness, torch.finfo(score.dtype).tiny)
    count = torch.where(objectness.isfinite().all(), (score[ranked] >= least).sum(), -1)
    number = int(count)
    if number < 0:
        raise _not_finite(objectness)
    return ranked[:number]


def distinct_prompts(mask_embedding: Tensor, max_similarity: float) -> Tensor:
    """Which rows of the mask embeddings ``[N, C]``, best first, get a mask: int64 ``[K]``.

    Inside an image a mask depends on its embedding alone: where two of them have a cosine above
    ``max_similarity`` the second mask would go as a duplicate, and need not be decoded.  As in
    YOLACT's fast NMS a row also goes for one that goes itself.  The host learns one number, K.
    """
    direction = torch.nn.functional.normalize(mask_embedding.float(), dim=-1)
    is_like_better = (direction @ direction.mT > max_similarity).triu(diagonal=1)
    return (~is_like_better.any(0)).nonzero()[:, 0]


def best_patch(objectness: Tensor, allowed: Tensor | None = None) -> tuple[Tensor, float]:
    """Index ``[1]`` of the patch with the highest objectness, and how high it is.

    ``objectness``: ``[P]`` in [0, 1].  ``allowed``: bool ``[P]``, the only patches that count.

    Raises:
        ModelOutputError: objectness is not finite.
    """
    score = objectness if allowed is None else torch.where(allowed, objectness, -1.0)
    best = score.argmax(0, keepdim=True)
    height = float(torch.where(objectness.isfinite().all(), score[best[0]], math.nan))
    if math.isnan(height):
        raise _not_finite(objectness)
    return best, height


def _not_finite(objectness: Tensor) -> ModelOutputError:
    """Such patches would fall away one by one, unseen."""
    return ModelOutputError(
        f'The objectness of {int((~objectness.isfinite()).sum())} of {len(objectness)} patches is '
        'not finite; the weights or the precision do not fit this device.'
    )


def _is_peak(objectness: Tensor, roles: NDArray[np.str_]) -> Tensor:
    grid = objectness.view(1, 1, *roles.shape).float()
    peak = torch.zeros_like(grid, dtype=torch.bool)
    for role in np.unique(roles):
        mine = torch.from_numpy(roles == role).to(grid.device)
        own = torch.where(mine, grid, 0.0)
        peak |= mine & (own >= torch.nn.functional.max_pool2d(own, 3, stride=1, padding=1))
    return peak.flatten()
