"""``rose train``: a model from scratch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rose_model.errors import ConfigError
from rose_model.training.recipe import RECIPES
from rose_model.training.run import run_training


def train(
    preset: Annotated[str, typer.Option(help='Size of the model and its recipe.')] = 'nano',
    out: Annotated[
        Path | None, typer.Option(help='Folder of the run; runs/PRESET by default.')
    ] = None,
    resume: Annotated[
        bool, typer.Option('--resume', help='Go on with the run in that folder.')
    ] = False,
) -> None:
    """Train a model from scratch on procedural streets, with a progress bar and exact resume."""
    if preset not in RECIPES:
        known = ', '.join(RECIPES)
        raise ConfigError(f'No recipe for preset {preset!r}; known: {known}.')
    folder = run_training(RECIPES[preset](), out or Path('runs') / preset, resume=resume)
    typer.echo(f'Trained model: {folder}')
