"""The running average of the weights, which is what a run keeps in the end."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn


class WeightAverage:
    """Follows a module's weights; young averages follow faster, so that no start is remembered.

    ``decay`` 0: there is no average, and ``module`` is ``None``.
    """

    def __init__(self, followed: nn.Module, decay: float) -> None:
        self._followed, self._decay = followed, decay
        self.module = copy.deepcopy(followed).requires_grad_(False) if decay > 0 else None

    def follow(self, step: int) -> None:
        """Move towards the module's weights after step number ``step``, from 0; buffers are
        copied.
        """
        if self.module is None:
            return
        decay = min(self._decay, (step + 1) / (step + 10))
        mine: list[Tensor] = list(self.module.parameters())
        theirs: list[Tensor] = [parameter.detach() for parameter in self._followed.parameters()]
        torch._foreach_lerp_(mine, theirs, 1 - decay)
        for ours, other in zip(self.module.buffers(), self._followed.buffers(), strict=True):
            ours.copy_(other)

    def give_back(self) -> None:
        """Give the module its average."""
        if self.module is not None:
            self._followed.load_state_dict(self.module.state_dict())
