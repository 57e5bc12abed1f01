"""Several recordings: one folder of results, one of them a recording, and a summary."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ros2_rose.offline.bag import LoadSegmenter, OnProgress, process_bag
from ros2_rose.offline.options import Options
from ros2_rose.offline.report import BagReport
from ros2_rose.parameters import RoseParameters
from ros2_rose.worker import Segmenter
from rose_model.errors import ConfigError
from rose_model.exit_codes import KNOWN_ERRORS, exit_code, one_line

SUMMARY = 'summary.json'


@dataclass(frozen=True)
class BagJob:
    """One recording of many."""

    source: Path
    target: Path
    options: Options

    @property
    def name(self) -> str:
        """The name of its result."""
        return self.target.name


@dataclass(frozen=True)
class BagResult:
    """How a recording ended: with a report, or with an error and its exit code."""

    job: BagJob
    report: BagReport | None
    error: str = ''
    exit_code: int = 0


def make_jobs(sources: Sequence[Path], folder: Path, options: Options) -> list[BagJob]:
    """A job for each recording; the result is called like it, without ``.mcap`` or ``.db3``.

    Raises:
        ConfigError: two recordings have one name.
    """
    names = [source.resolve().name for source in sources]
    names = [name.removesuffix('.mcap').removesuffix('.db3') for name in names]
    double = next((name for name, count in Counter(names).items() if count > 1), None)
    if double is not None:
        raise ConfigError(f'Two recordings are called {double!r}; rename one.')
    return [
        BagJob(source, folder / name, options) for source, name in zip(sources, names, strict=True)
    ]


def run_job(job: BagJob, load: LoadSegmenter, on_progress: OnProgress | None = None) -> BagResult:
    """Process a recording; what goes wrong with it is told in the result."""
    try:
        more = () if on_progress is None else (on_progress,)
        return BagResult(job, process_bag(job.source, job.target, job.options, load, *more))
    except KNOWN_ERRORS as error:
        return BagResult(job, None, one_line(error), exit_code(error))


def run_in_turn(
    jobs: Iterable[BagJob],
    load: LoadSegmenter,
    progress_of: Callable[[BagJob], OnProgress | None] = lambda job: None,
) -> Iterator[BagResult]:
    """Process the recordings one after the other; the model is loaded once."""
    load_once = OnceLoaded(load)
    for job in jobs:
        yield run_job(job, load_once, progress_of(job))


class OnceLoaded:
    """Loads the model when it is first asked for.  All recordings of a fleet share one."""

    def __init__(self, load: LoadSegmenter) -> None:
        self._load = load
        self._segmenter: Segmenter | None = None

    def __call__(self, parameters: RoseParameters) -> Segmenter:
        """The model that the first parameters name."""
        if self._segmenter is None:
            self._segmenter = self._load(parameters)
        return self._segmenter


def write_summary(folder: Path, results: Mapping[Path, BagResult]) -> Path:
    """Write ``summary.json``: a record a recording, in the order of their results' names."""
    records: list[dict[str, Any]] = []
    for result in sorted(results.values(), key=lambda result: result.job.name):
        record = {'recording': result.job.name, 'source': str(result.job.source)}
        report = result.report.to_record() if result.report else {}
        records.append({**record, **report, 'error': result.error})
    path = folder / SUMMARY
    part = path.with_suffix('.part')
    part.write_text(json.dumps(records, indent=2, ensure_ascii=False) + '\n', encoding='utf-8')
    os.replace(part, path)
    return path
