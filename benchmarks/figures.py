"""Measured values with their goals, as a table and as a file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.machine import machine

RESULTS = Path(__file__).parent / 'results'


@dataclass(frozen=True)
class Figure:
    """A measured value and its goal: at least, or at most, so much.  No goal: for information."""

    name: str
    value: float
    unit: str = ''
    at_least: float | None = None
    at_most: float | None = None

    @property
    def goal(self) -> str:
        """The goal in signs, or nothing."""
        low = '' if self.at_least is None else f'≥ {self.at_least:g}'
        high = '' if self.at_most is None else f'≤ {self.at_most:g}'
        return low + high

    @property
    def holds(self) -> bool:
        """The goal is met."""
        return (self.at_least is None or self.value >= self.at_least) and (
            self.at_most is None or self.value <= self.at_most
        )


@dataclass(frozen=True)
class Section:
    """What one scenario gave in so many seconds."""

    seconds: float
    figures: Sequence[Figure]


def report(name: str, sections: Mapping[str, Section], folder: Path = RESULTS) -> None:
    """Print the table and write ``NAME.json`` into the folder, with the machine and the date."""
    date = f'{datetime.now(UTC):%Y-%m-%d}'
    table = Table('scenario', 'figure', 'measured', 'goal', 'holds', title=f'{machine()}; {date}')
    for scenario, section in sections.items():
        for figure in section.figures:
            holds = ('yes' if figure.holds else 'NO') if figure.goal else ''
            value = f'{figure.value:.1f} {figure.unit}'.strip()
            table.add_row(scenario, figure.name, value, figure.goal, holds)
    Console().print(table)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f'{name}.json'
    record = {
        'machine': machine(),
        'date': date,
        'scenarios': {scenario: asdict(section) for scenario, section in sections.items()},
    }
    path.write_text(json.dumps(record, indent=2) + '\n', encoding='utf-8')
    Console().print(f'wrote {path}', markup=False, soft_wrap=True)
