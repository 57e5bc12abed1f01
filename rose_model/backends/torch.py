"""SAM in PyTorch."""

from __future__ import annotations

import torch
from torch import Tensor

from rose_model.backbones.sam import Sam


class TorchSam:
    """A ``SamBackend`` of the module itself, which may be of another type than the model."""

    def __init__(self, sam: Sam) -> None:
        self._sam = sam
        self._dtype: torch.dtype = sam.prompt_encoder.no_mask_embed.weight.dtype

    def encode(self, pixels: Tensor) -> Tensor:
        """As ``SamBackend.encode``."""
        return self._sam.encode(pixels.to(self._dtype))

    def decode(self, mask_embedding: Tensor, image_embeddings: Tensor) -> tuple[Tensor, Tensor]:
        """As ``SamBackend.decode``."""
        return self._sam.decode(mask_embedding.to(self._dtype), image_embeddings.to(self._dtype))
