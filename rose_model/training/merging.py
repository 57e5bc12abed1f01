"""From a run, finished or not, to the ROSE folder that its newest checkpoint means."""

from __future__ import annotations

from pathlib import Path

import torch

from rose_model.errors import CheckpointError, ConfigError
from rose_model.training.beginning import begin
from rose_model.training.checkpointing import CheckpointStore
from rose_model.training.ema import WeightAverage
from rose_model.training.objective import Objective
from rose_model.training.recipe import read_recipe
from rose_model.training.run import RECIPE_FILE
from rose_model.training.stages import WHOLE, WORDS
from rose_model.training.world import World


def merge_run(folder: Path, out: Path) -> Path:
    """Write the ROSE folder ``out``: averaged weights where the run averages, adapters merged.

    Raises:
        CheckpointError: the folder holds no run with a whole checkpoint, or the base of its
        adapters has changed.
        ConfigError: ``out`` is there already, or the run stands in a stage that trains one part
        alone.
    """
    if out.exists():
        raise ConfigError(f'{out} is there already; name a new folder.')
    if not (folder / RECIPE_FILE).is_file():
        raise CheckpointError(f'{folder} holds no training run: {RECIPE_FILE} is missing.')
    recipe, world = read_recipe(folder / RECIPE_FILE), World(device=torch.device('cpu'))
    checkpoint = CheckpointStore(folder, world).newest()
    if checkpoint is None:
        raise CheckpointError(f'{folder} holds no checkpoint yet.')
    stage = checkpoint.position.stage
    if stage not in (WORDS, WHOLE):
        raise ConfigError(f'{folder} stands in the stage {stage}, which has no whole model yet.')
    model = begin(recipe, folder, world)
    checkpoint.require_base(model.base)
    objective = Objective(model.rose, model.prompter, model.text_tokenizer)
    average = WeightAverage(objective, recipe.ema_decay)
    checkpoint.restore(objective, average.module)
    average.give_back()
    model.save(out)
    return out
