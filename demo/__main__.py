"""``python -m demo [--input PATH]``: the whole path once, from a camera to a corrected frame.

Writes ``demo_output/`` in the working directory and ends by itself: exit code 0, 1 where a part
failed, 3 for an input that cannot be played, 130 on Ctrl-C.
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console

from demo.errors import DemoError
from demo.film import Film, draw_beside, spread, write_picture
from demo.frames import RATE_HZ, read_frames
from demo.report import code_name, make_summary, names_table, segments_table
from demo.scenario import Outcome, play
from demo.segments import to_records

OUTPUT = Path('demo_output')
PICTURES = 6
_OURS = ('frame_*.png', 'refine_*.png', 'demo.mp4', 'summary.json', '*.log', 'stamps.txt')

InputOption = Annotated[
    Path | None,
    typer.Option('--input', help='Picture folder, video file or bag; else a procedural street.'),
]


def main(source: InputOption = None) -> None:
    """Segment camera frames over ROS 2, correct one by a sentence, show what came of it."""
    signal.signal(signal.SIGTERM, _terminate)
    console = Console()
    with _one_line_errors():
        _prepare(OUTPUT)
        outcome = play(source, OUTPUT, console)
        _tell(outcome, console)
        _write(outcome, source, OUTPUT)
    console.print(f'wrote {OUTPUT}/: pictures, demo.mp4, summary.json')


@contextmanager
def _one_line_errors() -> Iterator[None]:
    try:
        yield
    except DemoError as error:
        print('demo:', ' '.join(str(error).split()), file=sys.stderr)
        raise typer.Exit(error.exit_code) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _terminate(number: int, frame: FrameType | None) -> None:
    """Unwind, so that the child processes end as well."""
    raise SystemExit(128 + number)


def _prepare(output: Path) -> None:
    """An output folder without the files of an earlier run."""
    try:
        output.mkdir(exist_ok=True)
        for pattern in _OURS:
            for path in output.glob(pattern):
                path.unlink()
    except OSError as error:
        raise DemoError(f'cannot write to {output.resolve()}: {error.strerror}.') from error


def _tell(outcome: Outcome, console: Console) -> None:
    summary = make_summary(outcome.account, outcome.correction, outcome.response)
    console.print(names_table(outcome.account))
    console.print(
        f'frames: {summary["frames_in"]} in, {summary["frames_out"]} out, '
        f'{summary["frames_dropped"]} dropped; latency p50 {summary["latency_ms_p50"]} ms, '
        f'p99 {summary["latency_ms_p99"]} ms'
    )
    frame = f'frame {outcome.corrected_index}'
    target = {outcome.correction.segment_id}
    console.print(segments_table(f'{frame} before', outcome.before.message, target))
    console.print(f'/rose/refine: {outcome.correction.text}', markup=False)
    answer = f'{code_name(outcome.response.code)} {outcome.response.message}'.strip()
    console.print(f'answer: {answer}', markup=False)
    if outcome.after is not None:
        changed = {segment.id for segment in outcome.response.result.segments}
        console.print(segments_table(f'{frame} after', outcome.after.message, changed))


def _write(outcome: Outcome, source: Path | None, output: Path) -> None:
    """Draw on the frames of the source, now that drawing takes nothing from the node."""
    answered = outcome.account.answered
    shown = set(spread(sorted(answered), PICTURES))
    # dropped frames are not in the film; it runs slower instead, so that the street keeps its pace
    rate_hz = max(1.0, RATE_HZ * len(answered) / len(outcome.account.published_ns))
    with Film(output / 'demo.mp4', rate_hz) as film:
        for index, rgb in enumerate(read_frames(source)):
            if index not in answered:
                continue
            picture = draw_beside(rgb, to_records(answered[index].message))
            film.add(picture)
            if index in shown:
                write_picture(output / f'frame_{index:03d}.png', picture)
            if index == outcome.corrected_index:
                write_picture(output / 'refine_before.png', picture)
                after = to_records((outcome.after or outcome.before).message)
                write_picture(output / 'refine_after.png', draw_beside(rgb, after))
    summary = make_summary(outcome.account, outcome.correction, outcome.response)
    (output / 'summary.json').write_text(json.dumps(summary, indent=2) + '\n')


if __name__ == '__main__':
    typer.run(main)
