"""What a run begins with: random weights of a preset, or the weights of a ROSE folder."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from rose_model.answers import tokens_of
from rose_model.checkpoint import (
    TOKENIZER_FILE,
    find_folder,
    load_pretrained,
    save_pretrained,
)
from rose_model.config import CategoryQuestion
from rose_model.errors import ConfigError
from rose_model.instructions import Prompter
from rose_model.model_card import read_base_models, write_model_card
from rose_model.presets import PRESETS
from rose_model.rose import Rose, build_rose
from rose_model.tokenizer import RoseTokenizer
from rose_model.training.arm import become_arm
from rose_model.training.corpus import street_corpus
from rose_model.training.recipe import Recipe
from rose_model.training.storage import PARTIAL, flush
from rose_model.training.world import World

if TYPE_CHECKING:  # importing it takes seconds
    from peft import LoraModel


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """A model that is being trained.

    ``origin``: what it began as, in words.  ``adapters``: those in its language model; ``base``:
    with them, the sha256 of the weights that the run began with, in hex.  ``base_models``:
    repositories whose weights are in it.
    """

    rose: Rose
    tokenizer: RoseTokenizer
    text_tokenizer: RoseTokenizer | None
    origin: str
    adapters: LoraModel | None = None
    base: str | None = None
    base_models: tuple[str, ...] = ()

    @property
    def prompter(self) -> Prompter:
        """How the model is spoken to."""
        return Prompter.of(self.tokenizer, self.rose.config.category)

    def save(self, folder: Path) -> None:
        """Write the ROSE folder; adapters are merged for good."""
        if self.adapters is not None:
            from rose_model.training.adapters import merge_adapters

            merge_adapters(self.adapters)
        save_pretrained(
            folder, self.rose.cpu(), self.tokenizer, text_tokenizer=self.text_tokenizer
        )
        origin = f'Trained by `rose train` from {self.origin}.'
        write_model_card(folder, self.rose.config.name, origin, self.base_models)


def begin(recipe: Recipe, folder: Path, world: World) -> TrainedModel:
    """The model before the first step of a run in ``folder``, the same whenever it is asked for.

    Raises:
        ConfigError: there is no such preset, or it needs the weights of its publishers.
        CheckpointError: ``start`` is no ROSE folder.
    """
    torch.manual_seed(recipe.seed)
    model = _random(recipe, folder, world) if recipe.start is None else _started(recipe)
    if recipe.name is not None:
        model.rose.config = model.rose.config.model_copy(update={'name': recipe.name})
    if recipe.category_question is not None:
        _ask(model.rose, recipe.category_question)
    if recipe.gradient_checkpointing:
        model.rose.perception.language_model.activation_checkpointing_enable()
        model.rose.perception.vision_tower.siglip.activation_checkpointing_enable()
    return model


def _ask(rose: Rose, question: CategoryQuestion) -> None:
    """Ask for names before or after the category embedding from now on."""
    category = rose.config.category.model_copy(update={'question': question})
    rose.config = rose.config.model_copy(update={'category': category})


def _started(recipe: Recipe) -> TrainedModel:
    folder = find_folder(str(recipe.start))
    pretrained = load_pretrained(folder, torch.device('cpu'), torch.float32)
    rose = pretrained.rose.requires_grad_(True).train()
    tokenizer = pretrained.tokenizer
    if recipe.arm is not None:
        tokenizer = become_arm(rose, tokenizer, recipe.arm)
    model = TrainedModel(
        rose,
        tokenizer,
        pretrained.text_tokenizer,
        f'{rose.config.name}@{pretrained.weights_hash[:8]}',
        base_models=read_base_models(folder),
    )
    if recipe.lora is None:
        return model
    from rose_model.training.adapters import add_adapters

    arm_ids = [tokenizer.special(token) for token in tokens_of(rose.config.ablation.framework)]
    adapters = add_adapters(rose, recipe.lora, [*model.prompter.special_ids(), *arm_ids])
    return replace(model, adapters=adapters, base=pretrained.weights_hash)


def _random(recipe: Recipe, folder: Path, world: World) -> TrainedModel:
    if recipe.preset not in PRESETS:
        raise ConfigError(f'No preset {recipe.preset!r}; known: {", ".join(sorted(PRESETS))}.')
    config = PRESETS[recipe.preset]()
    if config.text is None or config.text.tokenizer != TOKENIZER_FILE:
        raise ConfigError(
            f"Preset {recipe.preset} needs its publishers' tokenizers and weights; make a ROSE "
            f'folder of them (rose init) and name it as start.'
        )
    tokenizer = _tokenizer(folder / TOKENIZER_FILE, config.language.vocabulary, world)
    rose = build_rose(config)
    if recipe.arm is not None:
        tokenizer = become_arm(rose, tokenizer, recipe.arm)
    return TrainedModel(rose, tokenizer, tokenizer, 'random weights')


def _tokenizer(path: Path, vocabulary: int, world: World) -> RoseTokenizer:
    """The run's tokenizer: learned when it begins, the same ever after."""
    if world.is_main and not path.is_file():
        partial = path.with_name(path.name + PARTIAL)
        RoseTokenizer.train(street_corpus(), vocabulary).save(partial)
        flush(partial)
        partial.replace(path)
    world.wait()
    return RoseTokenizer.load(path)
