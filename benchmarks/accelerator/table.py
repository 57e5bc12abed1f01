"""Readings as a table on the console, and a file of them as tables in Markdown."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from benchmarks.accelerator.reading import Reading

HEADER = ('', 'measured', 'p95', 'bound', 'over the bound', '')


def console_table(title: str, readings: Sequence[Reading]) -> Table:
    """A row a reading."""
    table = Table(*HEADER, title=title)
    for reading in readings:
        table.add_row(*cells(reading))
    return table


def markdown(path: Path, sections: Sequence[str]) -> str:
    """The sections of that name in a file that was measured, then where and when."""
    record = json.loads(path.read_text(encoding='utf-8'))
    lines = []
    for name, section in record['sections'].items():
        if name in sections:
            readings = [Reading(**reading) for reading in section['readings']]
            rows = [(name, *HEADER[1:]), len(HEADER) * ('---',), *map(cells, readings)]
            lines += [*(f'| {" | ".join(row)} |' for row in rows), '']
    return '\n'.join([*lines, f'{record["machine"]}; {record["date"]}'])


def cells(reading: Reading) -> tuple[str, ...]:
    """The columns of ``HEADER``."""
    bound = reading.bound
    return (
        reading.name,
        f'{reading.value:.4g} {reading.unit}'.strip(),
        '' if reading.p95 is None else f'{reading.p95:.4g}',
        '' if bound is None else f'{bound:.4g}',
        '' if bound is None else f'{reading.value / bound:.2f} x',
        reading.note,
    )
