"""The patch analyzer: what each object embedding says (paper, Eq. 2)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_FIRST_OBJECTNESS = -4.6
"""Bias of the objectness head at the start: a prior of 0.01, so that the many empty patches do not
drown the rest.
"""
_TOKEN_SCALE = 0.02
"""Size of a token embedding in Qwen2 at the start; the category embedding takes a token's place.
"""


class PatchAnalyzer(nn.Module):
    """Four two-layer ReLU MLPs: objectness for every patch, the other three for those that are
    kept.
    """

    def __init__(self, width: int, prompt_width: int, siglip_width: int) -> None:
        super().__init__()
        self.objectness_head = _mlp(width, 1)
        self.mask_head = _mlp(width, prompt_width)
        self.category_head = _mlp(width, width)
        self.siglip_head = _mlp(width, siglip_width)
        self.category_norm = nn.LayerNorm(width)
        nn.init.constant_(self.category_norm.weight, _TOKEN_SCALE)
        nn.init.constant_(self.objectness_head.get_parameter('2.bias'), _FIRST_OBJECTNESS)

    def objectness_logit(self, object_embedding: Tensor) -> Tensor:
        """``[..., D]`` to ``[...]``, before the sigmoid."""
        logit: Tensor = self.objectness_head(object_embedding)[..., 0]
        return logit

    def mask_embedding(self, object_embedding: Tensor) -> Tensor:
        """``[..., D]`` to ``[..., C]``, a sparse prompt of SAM."""
        embedding: Tensor = self.mask_head(object_embedding)
        return embedding

    def category_embedding(self, object_embedding: Tensor) -> Tensor:
        """``[..., D]`` to ``[..., D]``, at the scale of a token embedding."""
        embedding: Tensor = self.category_norm(self.category_head(object_embedding))
        return embedding

    def siglip_embedding(self, object_embedding: Tensor) -> Tensor:
        """``[..., D]`` to ``[..., siglip_width]``, of length 1, to be compared with SigLIP's text
        embeddings.
        """
        return torch.nn.functional.normalize(self.siglip_head(object_embedding), dim=-1)


def _mlp(width: int, out: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, out))
