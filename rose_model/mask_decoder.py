"""Dense mask prediction: mask embeddings to low-resolution mask logits (paper, Eq. 3)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from rose_model.backends.interface import SamBackend
from rose_model.side_stream import ONE_LINE, SideStream


@dataclass(frozen=True, eq=False)
class LowResolutionMasks:
    """``logits``: float32 ``[N, M, M]`` in SAM's padded frame; ``scores``: predicted IoU ``[N]``
    in [0, 1].
    """

    logits: Tensor
    scores: Tensor


def decode_masks(
    sam: SamBackend,
    mask_embedding: Tensor,
    image_embeddings: Tensor,
    beside: SideStream = ONE_LINE,
) -> LowResolutionMasks:
    """Masks of one image for mask embeddings ``[N, C]``; N may be 0."""
    if len(mask_embedding) == 0:
        side = 4 * image_embeddings.shape[-1]
        empty = torch.zeros(0, side, side, device=mask_embedding.device)
        return LowResolutionMasks(empty, empty[:, 0, 0])
    own, *others = mask_embedding.chunk(beside.lines)
    begun = [beside.begin(partial(sam.decode, part, image_embeddings)) for part in others]
    logits, scores = sam.decode(own, image_embeddings)
    for join in begun:
        more_logits, more_scores = join()
        logits, scores = torch.cat((logits, more_logits)), torch.cat((scores, more_scores))
    return LowResolutionMasks(logits.float(), scores.float().clamp(0, 1))
