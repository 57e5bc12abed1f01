"""The command ``rose bag``, in a process of its own: ``python -m ros2_rose.offline``."""

from __future__ import annotations

import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ros2_rose.offline.bag import OnProgress, process_bag
from ros2_rose.offline.fleet import BagJob, BagResult, make_jobs, run_in_turn, write_summary
from ros2_rose.offline.options import Options
from ros2_rose.offline.ray_fleet import run_on_ray
from ros2_rose.offline.report import BagReport, report_table
from ros2_rose.segmenting import load_segmenter
from rose_model.errors import StorageError
from rose_model.exit_codes import (
    EXIT_INTERRUPTED,
    EXIT_TERMINATED,
    KNOWN_ERRORS,
    exit_code,
    one_line,
)

_GO_ON = 'the same command goes on from here'


def bag(
    sources: Annotated[
        list[Path], typer.Argument(metavar='IN...', help='Folders of rosbag2, .mcap or .db3.')
    ],
    target: Annotated[
        Path, typer.Argument(metavar='OUT', help='New folder; of several IN, one for them all.')
    ],
    topic: Annotated[
        list[str] | None,
        typer.Option(help='Topic of images, or NAME=TOPIC; may be repeated.  Else all of them.'),
    ] = None,
    model: Annotated[
        str, typer.Option(help='A ROSE folder, or a shipped model: nano, nano-camvid.')
    ] = 'nano',
    instruction: Annotated[str, typer.Option(help='What to segment, in words.')] = '',
    candidates: Annotated[
        str, typer.Option(help='Labels to choose from: "car, road".  Else they are generated.')
    ] = '',
    ontology: Annotated[
        str, typer.Option(help='YAML file that maps classes to labels: "vehicle: [car, bus]".')
    ] = '',
    device: Annotated[str, typer.Option(help='auto, cpu, cuda or cuda:N.')] = 'auto',
    threads: Annotated[
        int,
        typer.Option(min=1, help='CPU threads of a model; other numbers may change last digits.'),
    ] = 1,
    ray: Annotated[
        bool, typer.Option('--ray', help='Several recordings at a time, on Ray.')
    ] = False,
    workers: Annotated[
        int, typer.Option(min=0, help='With --ray: recordings at a time; 0: one for each core.')
    ] = 0,
    debug: Annotated[
        bool, typer.Option('--debug', help='Show the traceback of an error.')
    ] = False,
) -> None:
    """Segment every image of recordings: OUT has what IN has, and /rose/segments beside it.

    What has been done is kept in OUT.part: after an interruption the same command goes on there.
    OUT is the new recording; of several IN, or with --ray, it is a folder with a recording for
    each, and summary.json.
    """
    options = Options(
        model=str(Path(model).resolve()) if Path(model).is_dir() else model,
        device=device,
        threads=threads,
        instruction=instruction,
        candidates=tuple(name.strip() for name in candidates.split(',')) if candidates else (),
        ontology=str(Path(ontology).resolve()) if ontology else '',
        topics=tuple(topic or ()),
    )
    with _one_line_errors(debug):
        options.parameters()  # refused before anything is opened
        if ray or len(sources) > 1:
            _run_fleet(make_jobs(sources, target, options), target, ray, workers)
        else:
            _run_one(sources[0], target, options)


def _run_one(source: Path, target: Path, options: Options) -> None:
    with _progress() as progress:
        report = process_bag(source, target, options, load_segmenter, _bar(progress, target.name))
    _print_end({target.name: report}, target)


def _run_fleet(jobs: list[BagJob], folder: Path, on_ray: bool, workers: int) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f'{folder} cannot be made: {error.strerror}.') from error
    with _progress() as progress:
        if on_ray:
            found = run_on_ray(jobs, load_segmenter, workers)
        else:
            found = run_in_turn(jobs, load_segmenter, lambda job: _bar(progress, job.name))
        results = _collect(found, len(jobs), progress)
    summary = write_summary(folder, results)
    ordered = [results[job.source] for job in jobs]
    _print_end({r.job.name: r.report for r in ordered if r.report is not None}, summary)
    for result in ordered:
        if result.error:
            _say(f'{result.job.name}: {result.error}')
    if failed := [result.exit_code for result in ordered if result.error]:
        raise typer.Exit(failed[0])


def _collect(found: Iterable[BagResult], total: int, progress: Progress) -> dict[Path, BagResult]:
    results = {}
    for result in progress.track(found, total=total, description='recordings'):
        results[result.job.source] = result
    return results


def _progress() -> Progress:
    return Progress(
        TextColumn('{task.description}'),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )


def _bar(progress: Progress, name: str) -> OnProgress:
    task = progress.add_task(name, total=None)
    return lambda done, total: progress.update(task, completed=done, total=total)


def _print_end(reports: dict[str, BagReport], written: Path) -> None:
    console = Console()
    console.print(report_table(reports))
    console.print(f'wrote {written}', markup=False, soft_wrap=True)


def _say(text: str) -> None:
    Console(stderr=True).print(f'rose: {text}', markup=False, soft_wrap=True)


@contextmanager
def _one_line_errors(debug: bool) -> Iterator[None]:
    """Tell an error in one line and leave with its exit code, as all commands of ``rose`` do."""
    terminated = []

    def on_sigterm(number: int, frame: FrameType | None) -> NoReturn:
        terminated.append(number)
        raise KeyboardInterrupt  # the only way out of a wait that Ray knows

    signal.signal(signal.SIGTERM, on_sigterm)
    try:
        yield
    except KeyboardInterrupt:
        _say(f'{"terminated" if terminated else "interrupted"}; {_GO_ON}')
        raise typer.Exit(EXIT_TERMINATED if terminated else EXIT_INTERRUPTED) from None
    except KNOWN_ERRORS as error:
        if debug:
            raise
        _say(one_line(error))
        raise typer.Exit(exit_code(error)) from None


def main() -> None:
    """Run the command."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(bag)
    app(prog_name='rose bag')


if __name__ == '__main__':
    main()
