"""Dense mask prediction: mask embeddings to low-resolution mask logits (paper, Eq. 3)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from rose_model.backends.interface import SamBackend


@dataclass(frozen=True, eq=False)
class LowResolutionMasks:
    """``logits``: float32 ``[N, M, M]`` in SAM's padded frame; ``scores``: predicted IoU ``[N]``
    in [0, 1].
    """

    logits: Tensor
    scores: Tensor


def decode_masks(
    sam: SamBackend, mask_embedding: Tensor, image_embeddings: Tensor
) -> LowResolutionMasks:
    """Masks of one image for mask embeddings ``[N, C]``; N may be 0."""
    if len(mask_embedding) == 0:
        side = 4 * image_embeddings.shape[-1]
        empty = torch.zeros(0, side, side, device=mask_embedding.device)
        return LowResolutionMasks(empty, empty[:, 0, 0])
    logits, scores = sam.decode(mask_embedding, image_embeddings)
    return LowResolutionMasks(logits.float(), scores.float().clamp(0, 1))
