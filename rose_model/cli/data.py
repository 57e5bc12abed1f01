"""``rose data``: data sets as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track

from rose_model.data.street_export import export_streets
from rose_model.data.streets import ALL_PAIRS, SEEN_PAIRS
from rose_model.errors import ConfigError

SPLITS = {
    'test': (1_000_000, ALL_PAIRS),
    'val': (2_000_000, ALL_PAIRS),
    'train': (20_000_000, SEEN_PAIRS),
}
"""First scene of each split, and what its things may be: training never shows a held-out pair."""

data = typer.Typer(no_args_is_help=True, help='Write data sets as files.')


@data.command('streets')
def streets(
    out: Annotated[Path, typer.Argument(help='A new folder.')],
    scenes: Annotated[int, typer.Option(min=1, help='Number of scenes.')] = 20,
    split: Annotated[str, typer.Option(help='test, val or train.')] = 'test',
) -> None:
    """Write procedural streets as COCO instances, label PNG files and RefCOCO references."""
    if split not in SPLITS:
        raise ConfigError(f'No split {split!r}; take one of {", ".join(SPLITS)}.')
    first, pairs = SPLITS[split]
    numbers = track(range(first, first + scenes), 'scenes', console=Console(stderr=True))
    export_streets(out, numbers, pairs=pairs, split=split)
    typer.echo(f'{scenes} scenes: {out}')
