"""SAM in PyTorch."""

from __future__ import annotations

import torch
from torch import Tensor

from rose_model.backbones.sam import Sam
from rose_model.cuda_graph import GraphedFunction


class TorchSam:
    """A ``SamBackend`` of the module itself, which may be of another type than the model.

    On a GPU the encoder is replayed as a CUDA graph: what is to run beside it would have to wait
    for its hundreds of launches.
    """

    def __init__(self, sam: Sam) -> None:
        self._sam = sam
        self._encode = GraphedFunction(sam.encode)
        self._dtype: torch.dtype = sam.prompt_encoder.no_mask_embed.weight.dtype

    def encode(self, pixels: Tensor) -> Tensor:
        """As ``SamBackend.encode``."""
        return self._encode(pixels.to(self._dtype))

    def decode(self, mask_embedding: Tensor, image_embeddings: Tensor) -> tuple[Tensor, Tensor]:
        """As ``SamBackend.decode``."""
        return self._sam.decode(mask_embedding.to(self._dtype), image_embeddings.to(self._dtype))

    def decode_clicked(
        self, mask_embedding: Tensor, points: Tensor, labels: Tensor, image_embeddings: Tensor
    ) -> tuple[Tensor, Tensor]:
        """As ``ClickableSam.decode_clicked``."""
        clicks = self._sam.embed_points(points, labels).to(self._dtype)
        count = len(mask_embedding)
        prompts = torch.cat(
            (mask_embedding.to(self._dtype)[:, None], clicks.expand(count, -1, -1)), dim=1
        )
        return self._sam.decode_prompts(prompts, image_embeddings.to(self._dtype))
