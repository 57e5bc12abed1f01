"""A whole training run from scratch, from a recipe to a ROSE folder."""

from __future__ import annotations

from pathlib import Path

import torch

from rose_model.checkpoint import save_pretrained
from rose_model.errors import ConfigError
from rose_model.instructions import Prompter
from rose_model.presets import PRESETS
from rose_model.rose import build_rose
from rose_model.tokenizer import RoseTokenizer
from rose_model.training.checkpointing import STATE_FILE, load_state
from rose_model.training.corpus import street_corpus
from rose_model.training.recipe import Recipe
from rose_model.training.stages import VisionStage, WholeStage
from rose_model.training.trainer import Trainer


def run_training(recipe: Recipe, folder: Path, *, resume: bool) -> Path:
    """Train from scratch in ``folder``, or go on there; the ROSE folder that came of it.

    Raises:
        ConfigError: the folder holds a run already and ``resume`` is false.
        CheckpointError: ``resume`` is true and there is no run, or its state is damaged.
        TrainingError: the loss stayed non-finite.
    """
    if not resume and (folder / STATE_FILE).exists():
        raise ConfigError(
            f'{folder} holds a training run; add --resume, or choose another folder.'
        )
    state = load_state(folder) if resume else None
    folder.mkdir(parents=True, exist_ok=True)
    (folder / 'recipe.json').write_text(recipe.model_dump_json(indent=2) + '\n', encoding='utf-8')
    torch.manual_seed(recipe.seed)
    config = PRESETS[recipe.preset]()
    rose = build_rose(config)
    tokenizer = RoseTokenizer.train(street_corpus(), config.language.vocabulary)
    trainer = Trainer(folder, recipe.ema_decay)
    if state is None or state.stage == VisionStage.name:
        vision = VisionStage(rose.perception.vision_tower, config)
        trainer.fit(vision, recipe.vision, state)
        state = None
    whole = WholeStage(rose, Prompter(tokenizer, config.category.template))
    trainer.fit(whole, recipe.whole, state)
    save_pretrained(folder / 'rose', rose.cpu(), tokenizer)
    return folder / 'rose'
