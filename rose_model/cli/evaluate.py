"""``rose eval``: figures on unseen scenes, on CamVid, or on images with COCO's annotations."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from rose_model.data.camvid import CamVid
from rose_model.errors import ConfigError
from rose_model.evaluation import streets
from rose_model.evaluation.camvid import evaluate_camvid
from rose_model.evaluation.coco import evaluate_coco, open_split
from rose_model.evaluation.figures import Figures
from rose_model.evaluation.report import conditions_record, figures_record, plain
from rose_model.segmenter import RoseSegmenter

DEFAULT_SCENES = 500
FILM_SPLIT = 'val'
"""The split of CamVid whose frames are consecutive."""
_OBJECTS = frozenset({'count_mae', 'count_total_mae'})
"""Figures that are numbers of objects; all others are shares."""


class Data(StrEnum):
    """The data that can be evaluated on."""

    STREETS = 'streets'
    CAMVID = 'camvid'
    COCO = 'coco'


_DEFAULT_SPLITS = {Data.STREETS: 'test', Data.CAMVID: FILM_SPLIT, Data.COCO: 'val2017'}


@dataclass(frozen=True)
class Task:
    """What is to be measured; ``images`` is ``None`` for all that there are."""

    data: Data
    root: Path | None
    split: str
    images: int | None
    is_crowded: bool


def evaluate(
    preset: Annotated[str, typer.Option(help='A shipped model, or a ROSE folder.')] = 'nano',
    data: Annotated[Data, typer.Option(help='What to measure on.')] = Data.STREETS,
    root: Annotated[Path | None, typer.Option(help='Folder of camvid or coco.')] = None,
    split: Annotated[
        str, typer.Option(help='streets: test, validation or train; else a part of the data set.')
    ] = '',
    scenes: Annotated[
        int | None, typer.Option(min=1, help='Number of images: 500 streets, else all.')
    ] = None,
    crowded: Annotated[
        bool, typer.Option('--crowded', help='Streets with 9 to 14 things instead of 2 to 8.')
    ] = False,
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
    task = Task(data, root, split or _DEFAULT_SPLITS[data], scenes, crowded)
    check(task)
    segmenter = RoseSegmenter.from_pretrained(preset, precision=precision, quantise=quantise)
    begin = time.monotonic()
    figures, details = _measure(task, segmenter)
    record = {
        'model': segmenter.name,
        'data': data.value,
        'split': task.split,
        'is_crowded': crowded,
        'precision': precision,
        'quantise': quantise,
        **figures_record(figures),
        **details,
        **conditions_record(segmenter.config, time.monotonic() - begin),
    }
    console = Console()
    console.print(figures_table(figures, f'{segmenter.name} on {data.value}, {task.split}'))
    if json_file is not None:
        text = json.dumps(record, indent=2, allow_nan=False)
        json_file.write_text(text + '\n', encoding='utf-8')


def check(task: Task) -> None:
    """Refuse options that do not go together, before a model is loaded.

    Raises:
        ConfigError: the data set needs a folder, or has no use for an option.
    """
    if task.data is not Data.STREETS:
        if task.root is None:
            raise ConfigError(
                f'--data {task.data.value} is read from a folder; name it by --root.'
            )
        if task.is_crowded:
            raise ConfigError('--crowded is for streets alone; leave it out.')
        return
    if task.root is not None:
        raise ConfigError(f'Streets are drawn, not read; leave out --root {task.root}.')
    if task.split not in streets.SPLITS:
        raise ConfigError(
            f'Streets have no split {task.split!r}; take one of '
            f'{", ".join(sorted(streets.SPLITS))}.'
        )


def _measure(task: Task, segmenter: RoseSegmenter) -> tuple[Figures, dict[str, object]]:
    """Figures, and what else the record holds about the images."""
    if task.root is None:
        split = streets.SPLITS[task.split]
        numbers = range(split.first, split.first + (task.images or DEFAULT_SCENES))
        things = streets.CROWDED_THINGS if task.is_crowded else streets.THINGS
        figures, statistics = streets.evaluate_streets(
            segmenter, _progress(numbers), things, split
        )
        return figures, {'images': len(numbers), 'scenes': statistics.figures()}
    if task.data is Data.CAMVID:
        frames = CamVid(task.root, task.split)
        chosen = range(min(len(frames), task.images or len(frames)))
        figures, by_class = evaluate_camvid(
            segmenter, frames, _progress(chosen), is_film=task.split == FILM_SPLIT
        )
        return figures, {
            'images': len(chosen),
            'class_iou': {key: plain(values) for key, values in by_class.items()},
        }
    pictures = open_split(task.root, task.split)
    chosen = range(min(len(pictures), task.images or len(pictures)))
    figures = evaluate_coco(segmenter, pictures, _progress(chosen))
    return figures, {'images': len(chosen)}


def _progress(numbers: range) -> Iterable[int]:
    return track(numbers, 'images', console=Console(stderr=True))


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
