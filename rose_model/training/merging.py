"""From a run, finished or not, to the ROSE folder that its newest checkpoint means."""

from __future__ import annotations

from pathlib import Path

import torch

from rose_model.conversion.weights import read_consolidated
from rose_model.errors import CheckpointError, ConfigError
from rose_model.training.beginning import TrainedModel, begin
from rose_model.training.checkpointing import CheckpointStore
from rose_model.training.ema import WeightAverage
from rose_model.training.module_state import load_tensors, stored_names
from rose_model.training.objective import Objective
from rose_model.training.recipe import Recipe, read_recipe
from rose_model.training.run import RECIPE_FILE
from rose_model.training.stages import WHOLE, WORDS
from rose_model.training.world import World

_ENGINE = 'module.'
"""What the engine puts before the names of what it trains."""


def merge_run(folder: Path, out: Path, weights: Path | None = None) -> Path:
    """Write the ROSE folder ``out``: averaged weights where the run averages, adapters merged.

    ``weights``: those instead of the newest checkpoint's, in a folder that DeepSpeed's
    ``zero_to_fp32.py`` wrote.

    Raises:
        CheckpointError: the folder holds no run with a whole checkpoint, the base of its
        adapters has changed, or ``weights`` are of another model.
        ConfigError: ``out`` is there already, or the run stands in a stage that trains one part
        alone.
    """
    if out.exists():
        raise ConfigError(f'{out} is there already; name a new folder.')
    if not (folder / RECIPE_FILE).is_file():
        raise CheckpointError(f'{folder} holds no training run: {RECIPE_FILE} is missing.')
    recipe, world = read_recipe(folder / RECIPE_FILE), World(device=torch.device('cpu'))
    if weights is not None:
        model = begin(recipe, folder, world)
        _load_consolidated(weights, _objective(model))
    else:
        model = _newest(recipe, folder, world)
    model.save(out)
    return out


def _newest(recipe: Recipe, folder: Path, world: World) -> TrainedModel:
    checkpoint = CheckpointStore(folder, world).newest()
    if checkpoint is None:
        raise CheckpointError(f'{folder} holds no checkpoint yet.')
    stage = checkpoint.position.stage
    if stage not in (WORDS, WHOLE):
        raise ConfigError(f'{folder} stands in the stage {stage}, which has no whole model yet.')
    model = begin(recipe, folder, world)
    checkpoint.require_base(model.base)
    objective = _objective(model)
    average = WeightAverage(objective, recipe.ema_decay)
    checkpoint.restore(objective, average.module)
    average.give_back()
    return model


def _objective(model: TrainedModel) -> Objective:
    """What a checkpoint stores of the model."""
    return Objective(model.rose, model.prompter, model.text_tokenizer)


def _load_consolidated(weights: Path, objective: Objective) -> None:
    tensors = {
        name.removeprefix(_ENGINE): tensor for name, tensor in read_consolidated(weights).items()
    }
    known = objective.state_dict().keys()
    trained = stored_names(objective, with_frozen=False)
    if different := sorted((tensors.keys() - known) | (trained - tensors.keys())):
        raise CheckpointError(
            f'{weights} does not fit the model: tensor {different[0]!r} is in one of them only '
            f'({len(different)} in all). Name the run that it was made by.'
        )
    load_tensors(weights, objective, tensors)
