"""``rose eval``: figures on unseen scenes or on a data set, or all rows of the paper's Table 2."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from rose_model.errors import ConfigError
from rose_model.evaluation.figures import Figure, Figures
from rose_model.evaluation.opened import LEAST_OBJECTNESS, open_model
from rose_model.evaluation.report import conditions_record, figures_record
from rose_model.evaluation.rows import CANDIDATES, NONE, TRIGGERS, row_suffix
from rose_model.evaluation.table2 import Row, find_benchmarks, missing
from rose_model.evaluation.task import DEFAULT_SPLITS, Data, Task, check, measure_task

_OBJECTS = frozenset({'count_mae', 'count_total_mae'})
"""Figures that are numbers of objects; all others are shares."""


def evaluate(
    preset: Annotated[str, typer.Option(help='A shipped model, or a ROSE folder.')] = 'nano',
    data: Annotated[Data, typer.Option(help='What to measure on.')] = Data.STREETS,
    root: Annotated[Path | None, typer.Option(help='Folder of the data set.')] = None,
    split: Annotated[
        str, typer.Option(help='streets: test, validation or train; else a part of the data set.')
    ] = '',
    scenes: Annotated[
        int | None,
        typer.Option(min=1, help='Number of images or sentences: 500 streets, else all.'),
    ] = None,
    crowded: Annotated[
        bool, typer.Option('--crowded', help='Streets with 9 to 14 things instead of 2 to 8.')
    ] = False,
    table2: Annotated[
        Path | None,
        typer.Option(help="The paper's Table 2, on all data sets found below this folder."),
    ] = None,
    precision: Annotated[str, typer.Option(help='fp32, bf16, fp16 or auto.')] = 'auto',
    quantise: Annotated[
        str, typer.Option(help='none, or int8 or int4 weights of the language model.')
    ] = 'none',
    json_file: Annotated[
        Path | None, typer.Option('--json', help='Write the figures here too.')
    ] = None,
) -> None:
    """Measure a model at the node's own thresholds, with 95 % intervals over images."""
    if json_file is not None and not json_file.parent.is_dir():
        raise ConfigError(f'{json_file.parent} is not a folder; make it, or name another file.')
    weights = {'precision': precision, 'quantise': quantise}
    if table2 is not None:
        if data is not Data.STREETS or root is not None or split or crowded:
            raise ConfigError('--table2 finds its data sets itself; leave out the other options.')
        record = _measure_table2(preset, table2, scenes, weights)
    else:
        task = Task(data, root, split or DEFAULT_SPLITS[data], scenes, crowded)
        check(task)
        record = _measure_task(preset, task, weights)
    if json_file is not None:
        text = json.dumps(record, indent=2, allow_nan=False)
        json_file.write_text(text + '\n', encoding='utf-8')


def _measure_task(preset: str, task: Task, weights: dict[str, str]) -> dict[str, object]:
    """Print a table of one data set's figures; its record."""
    model = open_model(preset, **weights)
    begin = time.monotonic()
    figures, details = measure_task(task, model, lambda numbers: _progress(numbers, 'images'))
    name = model.segmenter.name
    split = details.get('split', task.split)
    Console().print(figures_table(figures, f'{name} on {task.data.value}, {split}'))
    return {
        'model': name,
        'data': task.data.value,
        'split': task.split,
        'is_crowded': task.is_crowded,
        **weights,
        **figures_record(figures),
        **details,
        'ap_min_objectness': LEAST_OBJECTNESS,
        **conditions_record(model.segmenter.config, time.monotonic() - begin),
    }


def _measure_table2(
    preset: str, root: Path, most: int | None, weights: dict[str, str]
) -> dict[str, object]:
    """Print the rows of Table 2 for what is found; their record."""
    benchmarks = find_benchmarks(root)
    model = open_model(preset, **weights)
    begin = time.monotonic()
    rows = [benchmark.row(model, most, _progress) for benchmark in benchmarks]
    name = model.segmenter.name
    Console().print(table2_table(rows, f'{name}, {root}'))
    return {
        'model': name,
        'data': 'table2',
        **weights,
        'rows': [
            {
                'name': row.name,
                'root': str(row.root),
                'key': row.key,
                'items': row.items,
                **figures_record(row.figures),
            }
            for row in rows
        ],
        'missing': missing(rows),
        'ap_min_objectness': LEAST_OBJECTNESS,
        **conditions_record(model.segmenter.config, time.monotonic() - begin),
    }


def _progress(numbers: range, what: str) -> Iterable[int]:
    return track(numbers, what, console=Console(stderr=True))


def table2_table(rows: list[Row], title: str) -> Table:
    """A row a data set: its figure by trigger, and with class candidates; below it what is not
    there.
    """
    absent = missing(rows)
    caption = f'Not found: {", ".join(absent)}.' if absent else None
    table = Table(title=title, title_justify='left', caption=caption, caption_justify='left')
    table.add_column('data set, figure')
    for heading in ('items', 'not refined', 'self-triggered', 'oracle', 'candidates'):
        table.add_column(heading, justify='right')
    for row in rows:
        keys = [row_suffix(trigger) for trigger in TRIGGERS] + [row_suffix(NONE, CANDIDATES)]
        cells = [_cell(row.figures.get(f'{row.key}{key}')) for key in keys]
        table.add_row(f'{row.name}\n{row.key}', str(row.items), *cells, end_section=True)
    return table


def _cell(figure: Figure | None) -> str:
    """A share in per cent, its interval below."""
    if figure is None or math.isnan(figure.value):
        return '-'
    value, low, high = (100 * part for part in (figure.value, figure.low, figure.high))
    return f'{value:.1f}\n{low:.1f} to {high:.1f}'


def figures_table(figures: Figures, title: str) -> Table:
    """A row a figure, shares in per cent."""
    table = Table(title=title, title_justify='left')
    table.add_column('figure')
    for heading in ('value', 'from', 'to', 'items'):
        table.add_column(heading, justify='right')
    for key, figure in figures.items():
        values = (figure.value, figure.low, figure.high)
        shown = (_shown(value, is_share=key not in _OBJECTS) for value in values)
        table.add_row(key, *shown, str(figure.count))
    return table


def _shown(value: float, *, is_share: bool) -> str:
    if math.isnan(value):
        return '-'
    if not is_share:
        return f'{value:.2f}'
    return f'{round(100 * value, 1) + 0.0:.1f} %'  # + 0.0: no "-0.0 %"
