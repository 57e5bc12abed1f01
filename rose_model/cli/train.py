"""``rose train``: a model from a recipe, in one process or under ``torchrun``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rose_model.training.recipe import read_recipe, shipped_recipes
from rose_model.training.run import run_training
from rose_model.training.stop_signal import StoppedError

_SIGNAL_BASE = 128
"""Shells tell the death by signal N as exit code 128 + N."""


def train(
    config: Annotated[
        str, typer.Argument(help=f'A YAML file, or a recipe: {", ".join(shipped_recipes())}.')
    ],
    out: Annotated[
        Path | None, typer.Option(help='Folder of the run; runs/NAME by default.')
    ] = None,
    resume: Annotated[
        bool, typer.Option('--resume', help='Go on with the run in that folder.')
    ] = False,
) -> None:
    """Train a model, with a progress bar, TensorBoard's scalars and exact resume.

    Several processes: torchrun --nproc-per-node N -m rose_model train CONFIG
    """
    recipe = read_recipe(config)
    folder = out or Path('runs') / Path(config).stem
    try:
        trained = run_training(recipe, folder, resume=resume)
    except StoppedError as stopped:
        typer.echo(f'{stopped} {folder} is saved; go on with --resume.', err=True)
        raise typer.Exit(_SIGNAL_BASE + stopped.number) from None
    typer.echo(f'Trained model: {trained}')
