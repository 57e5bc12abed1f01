"""``rose merge``: a run's newest checkpoint as a ROSE folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rose_model.checkpoint import CONFIG_FILE
from rose_model.config import RoseConfig
from rose_model.model_card import repository_name
from rose_model.training.merging import merge_run


def merge(
    run: Annotated[Path, typer.Argument(help='The folder of a training run, finished or not.')],
    out: Annotated[Path, typer.Argument(help='A new folder.')],
    weights: Annotated[
        Path | None,
        typer.Option(
            help="Instead of the run's: a folder that DeepSpeed's zero_to_fp32.py wrote."
        ),
    ] = None,
) -> None:
    """Write what a run has learned so far as one ROSE folder, its LoRA adapters merged."""
    typer.echo(f'ROSE folder: {merge_run(run, out, weights)}')
    name = repository_name(RoseConfig.read(out / CONFIG_FILE).name)
    typer.echo(f'To publish it: hf upload USER/{name} {out}')
