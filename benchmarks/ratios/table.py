"""Ratios as rows of a table, and the files of ``results/`` as a table in Markdown."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.fingerprint import fingerprint
from benchmarks.ratios.ratio import Ratio

HEADER = ('', 'ours against', 'ours', 'other', 'ratio', 'goal', 'A/A', 'outputs', 'holds')
_FIELDS = {field.name for field in fields(Ratio)}
_SECOND_MS = 10_000
"""From here on seconds are easier to read."""


def write(path: Path, ratios: list[Ratio]) -> None:
    """Write the ratios of one benchmark, with the machine and the date."""
    stamp = {'machine': fingerprint(), 'date': f'{datetime.now(UTC):%Y-%m-%d}'}
    records = [{**asdict(ratio), 'ratio': ratio.ratio, **stamp} for ratio in ratios]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(records, indent=2) + '\n', encoding='utf-8')


def markdown(paths: list[Path]) -> str:
    """A table of what is in these files, and below it where and when it was measured and what
    else was.
    """
    lines = [_line(HEADER), _line(('---',) * len(HEADER))]
    notes, machines = [], set()
    for path in paths:
        records = json.loads(path.read_text(encoding='utf-8'))
        for record in records:
            ratio = Ratio(**{name: record[name] for name in _FIELDS})
            lines.append(_line((path.stem, *cells(ratio))))
            machines.add(f'{record["machine"]}; {record["date"]}')
        if extra := records[0]['extra']:
            notes.append(f'{path.stem}: ' + ', '.join(f'{k} {v:.4g}' for k, v in extra.items()))
    return '\n'.join([*lines, '', *sorted(machines), *notes])


def cells(ratio: Ratio) -> tuple[str, ...]:
    """The columns of ``HEADER`` behind the first."""
    equal = {True: 'equal', False: 'DIFFER', None: ratio.forced or 'not compared'}
    return (
        ratio.name,
        _time(ratio.a_ms),
        _time(ratio.b_ms),
        f'{ratio.ratio:.2f}',
        '' if ratio.at_least is None else f'≥ {ratio.at_least:g}',
        f'{100 * ratio.aa_spread:.1f} %',
        equal[ratio.outputs_equal],
        'yes' if ratio.holds else 'NO',
    )


def _time(value_ms: float) -> str:
    return f'{value_ms / 1e3:.1f} s' if value_ms >= _SECOND_MS else f'{value_ms:.2f} ms'


def _line(columns: tuple[str, ...]) -> str:
    return f'| {" | ".join(columns)} |'
