"""What the rest of ROSE uses of SAM, whoever carries it out."""

from __future__ import annotations

from typing import Literal, Protocol

from torch import Tensor

BackendName = Literal['torch', 'onnxruntime', 'tensorrt']


class SamBackend(Protocol):
    """SAM in two steps (paper, Eq. 3): ``encode`` an image once, ``decode`` many mask embeddings.

    Tensors come on the model's device and in its floating-point type; what comes back is on that
    device, in the type of the backend, and in memory of its own.  One thread uses a backend, save
    that on a CPU two may decode at the same time.
    """

    def encode(self, pixels: Tensor) -> Tensor:
        """Image embeddings ``[1, C, h, w]`` of normalised, padded ``[1, 3, side, side]``."""

    def decode(self, mask_embedding: Tensor, image_embeddings: Tensor) -> tuple[Tensor, Tensor]:
        """Low-resolution mask logits ``[N, M, M]`` and predicted IoU ``[N]`` for at least one mask
        embedding ``[N, C]``, all of the image ``[1, C, h, w]``.
        """
