"""The stages of training: which module, on which examples, by which losses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from rose_model.backbones.lmm import VisionTower
from rose_model.backbones.sam import Sam
from rose_model.config import RoseConfig
from rose_model.instructions import Prompter
from rose_model.rose import Rose
from rose_model.tokenizer import RoseTokenizer
from rose_model.training.dense_labels import DenseLabelImages, DenseLabeller
from rose_model.training.examples import Example, ExampleDataset
from rose_model.training.losses import ObjectiveRecipe
from rose_model.training.objective import Objective
from rose_model.training.prompted_masks import PromptedImage, PromptedImages, PromptedMasks
from rose_model.training.recipe import StageRecipe
from rose_model.training.sources import Source

VISION, SAM, WORDS, WHOLE = 'vision', 'sam', 'words', 'whole'
"""The stages in their order."""

BatchT = TypeVar('BatchT')
BatchT_co = TypeVar('BatchT_co', covariant=True)


class Stage(Protocol[BatchT_co]):
    """What the trainer needs to know of a stage."""

    name: str

    @property
    def module(self) -> nn.Module:
        """What is trained: ``module(batch)`` gives the loss to be minimised, and every figure
        worth a line in the log.
        """

    def dataset(self, first: int, length: int) -> Dataset[Any]:
        """Examples ``first`` to ``first + length``, each determined by its number."""

    def collate(self, examples: list[Any]) -> BatchT_co:
        """A batch of examples."""


class VisionStage:
    """The vision tower alone, on dense labels."""

    name = VISION

    def __init__(self, vision_tower: VisionTower, config: RoseConfig, source: Source) -> None:
        self.module: DenseLabeller = DenseLabeller(vision_tower, source)
        self._config, self._source = config, source

    def dataset(self, first: int, length: int) -> Dataset[Any]:
        """Pixels, nouns and attributes of samples."""
        return DenseLabelImages(self._source, self._config, first, length)

    def collate(self, examples: list[tuple[Tensor, Tensor, Tensor]]) -> list[Tensor]:
        """Stacked tensors."""
        return [torch.stack(column) for column in zip(*examples, strict=True)]


class SamStage:
    """SAM alone, on masks of points and boxes."""

    name = SAM

    def __init__(self, sam: Sam, config: RoseConfig, source: Source) -> None:
        self.module: PromptedMasks = PromptedMasks(sam)
        self._config, self._source = config, source

    def dataset(self, first: int, length: int) -> Dataset[Any]:
        """Samples with prompts."""
        return PromptedImages(self._source, self._config, first, length)

    def collate(self, examples: list[PromptedImage]) -> list[PromptedImage]:
        """The examples as they are: their prompts differ in number."""
        return examples


class WholeStage:
    """The whole model, on all tasks; without ``masks``, on words alone."""

    def __init__(
        self,
        rose: Rose,
        prompter: Prompter,
        text_tokenizer: RoseTokenizer | None,
        source: Source,
        *,
        masks: bool = True,
        recipe: ObjectiveRecipe | None = None,
    ) -> None:
        self.name = WHOLE if masks else WORDS
        self._recipe = recipe or ObjectiveRecipe()
        self.module: Objective = Objective(
            rose, prompter, text_tokenizer, masks=masks, recipe=self._recipe
        )
        self._prompter = prompter
        self._source = source

    def dataset(self, first: int, length: int) -> Dataset[Any]:
        """Examples of all tasks."""
        config = self.module.rose.config
        return ExampleDataset(self._source, first, length, config, self._prompter, self._recipe)

    def collate(self, examples: list[Example]) -> list[Example]:
        """The examples as they are: their questions and regions differ in number."""
        return examples


def parameter_groups(module: nn.Module, recipe: StageRecipe) -> Iterator[dict[str, Any]]:
    """Parameters with their learning rate's share; the vision tower has its own."""
    for is_vision, rate in ((False, 1.0), (True, recipe.vision_rate)):
        members = [
            parameter
            for name, parameter in module.named_parameters()
            if ('vision_tower' in name) == is_vision
        ]
        yield {'params': members, 'share': rate}
