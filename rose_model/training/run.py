"""A whole training run, from a recipe to a ROSE folder."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from rose_model.backbones.sam_decoder import freeze_idle
from rose_model.errors import CheckpointError, ConfigError
from rose_model.training.attention import attend_by_products
from rose_model.training.beginning import TrainedModel, begin
from rose_model.training.checkpointing import Checkpoint, CheckpointStore, has_checkpoint
from rose_model.training.recipe import Recipe, StageRecipe
from rose_model.training.recipe_source import check_exclusions, open_source
from rose_model.training.run_lock import run_lock
from rose_model.training.sources import street_words
from rose_model.training.stages import (
    SAM,
    VISION,
    WHOLE,
    WORDS,
    SamStage,
    Stage,
    VisionStage,
    WholeStage,
)
from rose_model.training.stop_signal import stop_signal
from rose_model.training.storage import replace_file
from rose_model.training.trainer import Trainer
from rose_model.training.world import World, join_world

RECIPE_FILE = 'recipe.yaml'
RESULT = 'rose'
"""Folder of the trained model in the folder of a run."""

_logger = logging.getLogger(__name__)


def run_training(recipe: Recipe, folder: Path, *, resume: bool) -> Path:
    """Train in ``folder``, or go on there; the ROSE folder that came of it.

    Under ``torchrun`` all processes call this and train together.

    Raises:
        ConfigError: the folder holds a run already and ``resume`` is false, or another process
            trains there, or the recipe does not fit the model or the number of processes.
        CheckpointError: ``resume`` is true and there is no run, or no checkpoint is whole.
        DataError: a file of excluded images is missing, or a data set cannot be read.
        TrainingError: the loss stayed non-finite, or the examples do not come.
        StorageError: there is no room for a checkpoint.
        StoppedError: a signal ended the run early.
    """
    for stage_recipe in (recipe.vision, recipe.sam, recipe.whole):
        if stage_recipe is not None:
            check_exclusions(stage_recipe)
    with join_world() as world, stop_signal() as stop, _hold(folder, world):
        resumed = _open_run(recipe, folder, world, resume=resume)
        model = begin(recipe, folder, world)
        if resumed is not None:
            resumed.require_base(model.base)
        if world.device.type == 'cpu':
            attend_by_products(model.rose)
        trainer = Trainer(
            folder,
            recipe.ema_decay,
            world=world,
            stop=stop,
            seed=recipe.seed,
            base=model.base,
        )
        for name in _stages_left(recipe, resumed):
            stage, stage_recipe = _stage(name, recipe, model)
            trainer.fit(stage, stage_recipe, resumed)
            resumed = None
        if world.is_main:
            model.save(folder / RESULT)
        world.wait()
    return folder / RESULT


@contextmanager
def _hold(folder: Path, world: World) -> Iterator[None]:
    """Keep other runs out of the folder; it is the main process that does."""
    if not world.is_main:
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    with run_lock(folder):
        yield


def _open_run(recipe: Recipe, folder: Path, world: World, *, resume: bool) -> Checkpoint | None:
    """Where the run goes on; ``None`` where it begins."""
    store = CheckpointStore(folder, world)
    if world.is_main:
        _check_folder(folder, resume=resume)
        store.clear_rest()
        if resume:
            _tell_changes(recipe, folder / RECIPE_FILE)
        replace_file(folder / RECIPE_FILE, recipe.dump().encode())
    world.wait()
    newest = store.newest() if resume else None
    _require_shared(folder, newest, world)
    return newest


def _require_shared(folder: Path, newest: Checkpoint | None, world: World) -> None:
    """Raises ``CheckpointError``, in all processes, where they see other things in the folder."""
    path = folder / RECIPE_FILE
    recipe = path.read_bytes().hex() if path.is_file() else 'no recipe'
    position = 'none' if newest is None else f'{newest.folder.name} {newest.position}'
    if not world.agree(f'{recipe} {position}'):
        raise CheckpointError(
            f'The processes do not see the same run in {folder} (process {world.rank}: '
            f'checkpoint {position}); give them a folder that all machines share, with --out.'
        )


def _check_folder(folder: Path, *, resume: bool) -> None:
    if not resume and has_checkpoint(folder):
        raise ConfigError(
            f'{folder} holds a training run; add --resume, or choose another folder with --out.'
        )
    # A run that was killed before its first checkpoint has left its recipe: it begins anew.
    if resume and not has_checkpoint(folder) and not (folder / RECIPE_FILE).is_file():
        raise CheckpointError(f'{folder} holds no training run to resume; start without --resume.')


def _tell_changes(recipe: Recipe, path: Path) -> None:
    """Warn of what is not as the run was started with."""
    if not path.is_file():
        return
    try:
        before = _leaves(yaml.safe_load(path.read_text(encoding='utf-8')))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise CheckpointError(f'{path} is no recipe; remove it to go on without it.') from error
    now = _leaves(yaml.safe_load(recipe.dump()))
    for key in sorted(before.keys() | now.keys()):
        if before.get(key) != now.get(key):
            _logger.warning('%s was %s, is now %s.', key, before.get(key), now.get(key))


def _leaves(tree: Any, key: str = '') -> dict[str, Any]:  # noqa: ANN401 - what YAML holds
    if not isinstance(tree, dict):
        return {key: tree}
    return {
        name: leaf
        for child, value in tree.items()
        for name, leaf in _leaves(value, f'{key}.{child}' if key else str(child)).items()
    }


def _stages_left(recipe: Recipe, resumed: Checkpoint | None) -> list[str]:
    """The names of the recipe's stages, from the one on in which the run stood."""
    names = [name for name in (VISION, SAM, WORDS, WHOLE) if getattr(recipe, name) is not None]
    return names[names.index(resumed.position.stage) :] if resumed is not None else names


def _stage(name: str, recipe: Recipe, model: TrainedModel) -> tuple[Stage[Any], StageRecipe]:
    """A stage with what it trains, everything else frozen."""
    rose, stage_recipe = model.rose, getattr(recipe, name)
    prompter = model.prompter
    if model.adapters is None:  # with adapters it has been chosen what is frozen
        rose.sam.requires_grad_(name != WORDS)
        if name == WHOLE:
            rose.sam.image_encoder.requires_grad_(not recipe.freeze_sam_encoder)
        freeze_idle(rose.sam.mask_decoder)
    stage: Stage[Any]
    if name == VISION:
        stage = VisionStage(rose.perception.vision_tower, rose.config, open_source(stage_recipe))
    elif name == SAM:
        stage = SamStage(rose.sam, rose.config, open_source(stage_recipe))
    elif name == WORDS:
        source = street_words(stage_recipe.word_questions)
        stage = WholeStage(
            rose, prompter, model.text_tokenizer, source, masks=False, recipe=recipe.objective
        )
    else:
        stage = WholeStage(
            rose,
            prompter,
            model.text_tokenizer,
            open_source(stage_recipe),
            recipe=recipe.objective,
        )
    return stage, stage_recipe
