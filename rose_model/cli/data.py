"""``rose data``: data sets as files."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import track
from rich.table import Table
from rich.text import Text

from rose_model.cli.output import write_json
from rose_model.config import RoseConfig
from rose_model.data.check import SetReport, check_set
from rose_model.data.exclusion import read_excluded
from rose_model.data.formats import Found, find_sets
from rose_model.data.sample import Sample
from rose_model.data.street_export import export_streets
from rose_model.data.streets import ALL_PAIRS, SEEN_PAIRS
from rose_model.errors import ConfigError
from rose_model.exit_codes import EXIT_DATA
from rose_model.presets import rose_7b
from rose_model.training.labelled_source import seen
from rose_model.training.targets import assign_patches

SPLITS = {
    'test': (1_000_000, ALL_PAIRS),
    'val': (2_000_000, ALL_PAIRS),
    'train': (20_000_000, SEEN_PAIRS),
}
"""First scene of each split, and what its things may be: training never shows a held-out pair."""

SHOWN_FAULTS = 10
"""Lines of a data set that are shown; all of them are in the JSON file."""

data = typer.Typer(no_args_is_help=True, help='Write data sets as files, and check yours.')


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


@data.command('check')
def check(
    root: Annotated[Path, typer.Argument(help='A folder with data sets in it or below.')],
    json_file: Annotated[
        Path | None, typer.Option('--json', help='Write everything that was found here, too.')
    ] = None,
    strict: Annotated[
        bool, typer.Option('--strict', help='Exit with 3 at any fault, not only above 1 %.')
    ] = False,
    workers: Annotated[int, typer.Option(min=1, help='Processes that read.')] = 1,
    exclude: Annotated[
        list[Path] | None,
        typer.Option(
            help="Leave out what a recipe's exclude_images does: refs(SPLIT_BY).p or a text file "
            'with ids of COCO; may be given several times.'
        ),
    ] = None,
) -> None:
    """Find the data sets below a folder, read all of them, and tell what is in them and what is
    lost; exit code 3 where training would refuse one.
    """
    # Every fault is told below; the readers' own warnings would tell them twice.
    logging.getLogger('rose_model.data').setLevel(logging.ERROR)
    excluded = read_excluded(exclude or ())
    reports = [
        check_set(
            found, without_patch, workers=workers, progress=_progress(found), excluded=excluded
        )
        for found in find_sets(root)
    ]
    console = Console()
    console.print(reports_table(reports, root))
    side = _model().vision.grid_size
    console.print(
        f'no patch: regions that none of the {side} x {side} patches of rose_7b answers for'
    )
    for line in remarks(reports):
        console.print(Text(line), soft_wrap=True)
    if json_file is not None:
        record = {
            'root': str(root),
            'grid_size': _model().vision.grid_size,
            'sets': [report.record() for report in reports],
        }
        write_json(json_file, record)
    if any(not report.is_usable or (strict and report.faults) for report in reports):
        raise typer.Exit(EXIT_DATA)


def without_patch(sample: Sample) -> tuple[str, ...]:
    """The names of the regions that ``rose_7b`` would not learn: too small for a mask, or no patch
    answers for them.
    """
    config = _model()
    small = seen(sample)
    everything = tuple(range(len(small.regions)))
    lost = assign_patches(small, everything, config.super_patch, config.vision.grid_size).lost
    return tuple(small.regions[index].name for index in lost) + small.lost[len(sample.lost) :]


@cache
def _model() -> RoseConfig:
    return rose_7b()


def reports_table(reports: Iterable[SetReport], root: Path) -> Table:
    """A row a split; folders as seen from ``root``."""
    table = Table(title=Text(f'rose data check {root}'), box=SIMPLE_HEAD)
    table.title_justify, table.padding = 'left', (0, 1, 0, 0)
    table.add_column('data set', overflow='fold', min_width=20)
    headings = ('images', 'faults', 'things', 'stuff', 'void', 'lost', 'no\npatch')
    for heading in headings:
        table.add_column(heading, justify='right', no_wrap=True)
    table.add_column('state', no_wrap=True)
    for report in reports:
        state = 'ok' if report.is_usable and not report.faults else 'faulty'
        state = state if report.is_usable else 'REFUSED'
        found = report.found
        folder = found.root.relative_to(root)
        table.add_row(
            Text(f'{found.format.value} {found.split}\n{folder}'),
            str(report.images),
            str(len(report.faults)),
            str(report.things.total()),
            str(report.stuff.total()),
            f'{100 * report.void:.0f} %',
            str(report.lost.total()),
            str(report.without_patch.total()),
            state,
            style={'ok': None, 'faulty': 'yellow', 'REFUSED': 'bold red'}[state],
        )
    return table


def remarks(reports: Iterable[SetReport]) -> Iterable[str]:
    """Faults and notes of each split, the first of many faults."""
    for report in reports:
        lines = [*report.notes, *report.faults[:SHOWN_FAULTS]]
        if len(report.faults) > SHOWN_FAULTS:
            lines.append(f'{len(report.faults) - SHOWN_FAULTS} more; --json FILE lists all')
        if lines:
            yield f'\n{report.found.format.value} {report.found.split}, {report.found.root}:'
            yield from (f'  {line}' for line in lines)


def _progress(found: Found) -> Any:  # noqa: ANN401 - rich passes on what it is given
    def progress(reads: Iterable[Any], count: int) -> Iterable[Any]:
        title = f'{found.format.value} {found.split}'
        return track(reads, title, total=count, console=Console(stderr=True))

    return progress
