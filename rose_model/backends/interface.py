"""What the rest of ROSE uses of SAM, whoever carries it out."""

from __future__ import annotations

from typing import Literal, Protocol, runtime_checkable

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


@runtime_checkable
class ClickableSam(SamBackend, Protocol):
    """A backend that shows SAM clicks beside the mask embedding; exported graphs do not."""

    def decode_clicked(
        self, mask_embedding: Tensor, points: Tensor, labels: Tensor, image_embeddings: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Decode mask embeddings together with the same clicks each.

        Args:
            mask_embedding: ``[N, C]``, at least one.
            points: float ``[1, T, 2]``, as ``clicks.point_prompt`` gives them.
            labels: int32 ``[1, T]``.
            image_embeddings: ``[1, C, h, w]``.

        Returns:
            As ``decode``: logits ``[N, M, M]`` and predicted IoU ``[N]``.
        """
