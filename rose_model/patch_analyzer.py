"""The patch analyzer: what each object embedding says (paper, Eq. 2)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

_FIRST_OBJECTNESS = -4.6
"""Bias of the objectness head at the start: a prior of 0.01, so that the many empty patches do not
drown the rest.
"""
_FIRST_TEMPERATURE = 0.07
"""Of the comparison with names, at the start; learned."""
_MAX_SCALE = 100.0
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
        # of one element, not a scalar: DeepSpeed cannot flatten scalars
        self.log_scale = nn.Parameter(torch.full((1,), -math.log(_FIRST_TEMPERATURE)))
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
        return nn.functional.normalize(self.siglip_head(object_embedding).float(), dim=-1)

    def name_logits(self, object_embedding: Tensor, text_embedding: Tensor) -> Tensor:
        """How well each name fits: ``[N, D]`` and ``[C, siglip_width]`` of length 1 to ``[N, C]``.

        Their cosines over the learned temperature; a softmax over C makes probabilities of them.
        """
        scale = self.log_scale.float().exp().clamp(max=_MAX_SCALE)
        return scale * self.siglip_embedding(object_embedding) @ text_embedding.mT


def _mlp(width: int, out: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, out))
