"""SAM's layer norms, safe in float16."""

from __future__ import annotations

import torch
from segment_anything.modeling.common import LayerNorm2d
from torch import Tensor, nn
from torch.nn import functional


class LayerNorm(nn.LayerNorm):
    """A layer norm that works in float32 where its input is float16, also in an exported graph."""

    def forward(self, input: Tensor) -> Tensor:
        """As ``nn.LayerNorm``; the result has the type of the input."""
        if input.dtype is not torch.float16:
            return super().forward(input)
        weight, bias = self.weight.float(), self.bias.float()
        return functional.layer_norm(
            input.float(), self.normalized_shape, weight, bias, self.eps
        ).half()


class ChannelNorm(LayerNorm):
    """The same over the channels of an image ``[B, C, h, w]``.

    ``LayerNorm2d`` of segment_anything squares differences as they are, which overflows in float16
    where one is above 255, and exports as a dozen operators instead of one.
    """

    def forward(self, input: Tensor) -> Tensor:
        """``[B, C, h, w]``, its memory in the order of ``torch.channels_last``."""
        return super().forward(input.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)

    def last(self, input: Tensor) -> Tensor:
        """The same for channels that come last: ``[..., C]``."""
        return super().forward(input)


def replace_norms(module: nn.Module) -> None:
    """Put the norms above in the place of all others in a module; the parameters stay."""
    for name, child in module.named_children():
        if isinstance(child, nn.LayerNorm):
            norm = LayerNorm(child.normalized_shape, child.eps)
        elif isinstance(child, LayerNorm2d):
            norm = ChannelNorm(len(child.weight), child.eps)
        else:
            replace_norms(child)
            continue
        norm.weight, norm.bias = child.weight, child.bias
        setattr(module, name, norm)
