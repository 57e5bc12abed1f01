"""``rose eval``: figures on unseen scenes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from rose_model.errors import ConfigError
from rose_model.evaluation.streets import FIRST_TEST_SCENE, GROUPS, evaluate_streets
from rose_model.segmenter import RoseSegmenter


def evaluate(
    preset: Annotated[str, typer.Option(help='A shipped model, or a ROSE folder.')] = 'nano',
    scenes: Annotated[int, typer.Option(min=1, help='Number of unseen scenes.')] = 300,
    json_file: Annotated[
        Path | None, typer.Option('--json', help='Write the figures here too.')
    ] = None,
) -> None:
    """Measure masks and names on unseen procedural streets, at the node's own thresholds."""
    if json_file is not None and not json_file.parent.is_dir():
        raise ConfigError(f'{json_file.parent} is not a folder; make it, or name another file.')
    segmenter = RoseSegmenter.from_pretrained(preset)
    numbers = range(FIRST_TEST_SCENE, FIRST_TEST_SCENE + scenes)
    console = Console()
    figures = evaluate_streets(
        segmenter.segment,
        segmenter.config,
        track(numbers, 'scenes', console=Console(stderr=True)),
    )
    record = {'model': segmenter.name, **figures}
    console.print(_table(record))
    console.print_json(data=figures['scenes'])
    if json_file is not None:
        json_file.write_text(json.dumps(record, indent=2) + '\n', encoding='utf-8')


def _table(record: dict[str, Any]) -> Table:
    table = Table(title=f'{record["model"]} on unseen streets')
    table.add_column('figure')
    for group in GROUPS:
        table.add_column(group, justify='right')
    for name in record[GROUPS[0]]:
        values = [record[group][name] for group in GROUPS]
        table.add_row(name, *(str(v) if isinstance(v, int) else f'{v:.3f}' for v in values))
    return table
