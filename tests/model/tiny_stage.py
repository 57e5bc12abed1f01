"""The smallest thing that the trainer can train."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from rose_model.training.recipe import StageRecipe
from rose_model.training.world import World

WORLD = World(device=torch.device('cpu'))


class Numbers(Dataset[Tensor]):
    def __init__(self, first: int, length: int) -> None:
        self.first, self.length = first, length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Tensor:
        return torch.randn(4, generator=torch.Generator().manual_seed(self.first + index))


class Regression(nn.Module):
    """A small network with dropout; ``spoiled``: passes whose loss is not finite."""

    def __init__(self, spoiled: tuple[int, ...] = ()) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.layers = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.3), nn.Linear(8, 1))
        self.spoiled, self.passes = spoiled, 0

    def forward(self, batch: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        with torch.autocast('cpu', enabled=False):
            error = (self.layers(batch).squeeze(1) - batch.sum(1)).square().mean()
        loss = error * (torch.inf if self.passes in self.spoiled else 1)
        self.passes += 1
        return loss, {'error': error}


@dataclass
class TinyStage:
    module: nn.Module = field(default_factory=Regression)
    name: str = 'tiny'

    def dataset(self, first: int, length: int) -> Dataset[Any]:
        return Numbers(first, length)

    def collate(self, examples: list[Tensor]) -> Tensor:
        return torch.stack(examples)


def tiny_recipe(**changes: Any) -> StageRecipe:
    settings = {'steps': 12, 'batch_size': 4, 'learning_rate': 1e-2, 'warmup_steps': 2}
    return StageRecipe(**(settings | changes))
