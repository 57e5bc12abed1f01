"""What became of the images of a recording: counted by camera, as a record and as a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from rich.table import Table
from rich.text import Text

from ros2_rose.offline.journal import Tally


@dataclass(frozen=True)
class CameraReport:
    """``images`` = ``processed`` + the sum of ``refused``, which is by reason."""

    camera: str
    topic: str
    images: int
    processed: int
    segments: int
    refused: dict[str, int]


@dataclass(frozen=True)
class BagReport:
    """A recording that is done.  ``model``: name and hash of the weights."""

    model: str
    cameras: tuple[CameraReport, ...]

    def to_record(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def make_report(model: str, cameras: Mapping[str, str], tallies: Iterable[Tally]) -> BagReport:
    """``cameras``: names by topic."""
    by_camera: dict[str, list[Tally]] = {name: [] for name in cameras.values()}
    for tally in tallies:
        by_camera[tally.camera].append(tally)
    return BagReport(
        model,
        tuple(
            CameraReport(
                camera=name,
                topic=topic,
                images=sum(tally.frames for tally in by_camera[name]),
                processed=sum(tally.frames for tally in by_camera[name] if not tally.reason),
                segments=sum(tally.segments for tally in by_camera[name]),
                refused={t.reason: t.frames for t in by_camera[name] if t.reason},
            )
            for topic, name in cameras.items()
        ),
    )


def report_from(record: Mapping[str, Any]) -> BagReport:
    """The report of what :meth:`BagReport.to_record` gave."""
    return BagReport(record['model'], tuple(CameraReport(**item) for item in record['cameras']))


def report_table(reports: Mapping[str, BagReport]) -> Table:
    """A row a camera; ``reports`` by the name of their recording."""
    models = ', '.join(sorted({report.model for report in reports.values()}))
    table = Table(title=Text(f'/rose/segments of {models}'), title_justify='left')
    for heading in ('recording', 'camera', 'topic'):
        table.add_column(heading, overflow='fold')
    for heading in ('images', 'processed', 'segments'):
        table.add_column(heading, justify='right')
    table.add_column('refused')
    for name, report in reports.items():
        for item in report.cameras:
            refused = ', '.join(f'{reason} {count}' for reason, count in item.refused.items())
            numbers = (item.images, item.processed, item.segments)
            texts = (name, item.camera, item.topic, *map(str, numbers), refused or '-')
            table.add_row(*map(Text, texts))
    return table
