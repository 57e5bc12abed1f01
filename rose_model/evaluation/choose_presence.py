"""Choose ``refinement.min_presence``: below which objectness nothing answers to a description.

``python -m rose_model.evaluation.choose_presence --scenes 40`` prints how many descriptions of
absent and of present things are lost by each threshold, on validation scenes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from rose_model.data.streets import ALL_PAIRS
from rose_model.errors import RefinementError
from rose_model.evaluation.absence import Absent, missed, present_descriptions
from rose_model.evaluation.choosing import (
    CHOSEN_ON,
    open_unrefusing,
    validation_frames,
    validation_numbers,
)
from rose_model.evaluation.frames import Frame
from rose_model.evaluation.rows import RefersAndRefines
from rose_model.evaluation.streets import names_of
from rose_model.evaluation.unseen_sentences import SENSELESS_VALIDATION, foreign_nouns_of

THRESHOLDS = (0.01, 0.02, 0.03, *(round(0.05 * step, 2) for step in range(1, 19)))
MOST_LOST = 0.08
"""Share of the descriptions of present things that may be lost."""
REFER, MISSED = 'refer', 'missed'
PRESENT = 'present'
_DRAWS = 11

Presences = Mapping[str, Sequence[float]]
"""Objectness of the best patch for each description, by way and kind: ``'refer_foreign'``."""


def measure_presence(segmenter: RefersAndRefines, frames: Iterable[Frame]) -> Presences:
    """Return how objective the best patch is for descriptions of absent and of present things.

    Args:
        segmenter: Refuses nothing.
        frames: Of validation scenes.
    """
    vocabulary = names_of(ALL_PAIRS)
    absent = Absent(vocabulary, foreign_nouns_of(CHOSEN_ON), SENSELESS_VALIDATION)
    found: defaultdict[str, list[float]] = defaultdict(list)
    for frame in frames:
        rng = frame.rng(_DRAWS)
        drawn = absent.draw(frame.sample, rng)
        asked = {kind: [(text, text) for text in texts] for kind, texts in drawn.items()}
        asked[PRESENT] = present_descriptions(frame, rng)
        for kind, pairs in asked.items():
            for description, name in pairs:
                found[f'{REFER}_{kind}'].append(referred_presence(segmenter, frame, description))
                sentence = missed(kind, name)
                found[f'{MISSED}_{kind}'].append(missed_presence(segmenter, frame, sentence))
    return found


def referred_presence(segmenter: RefersAndRefines, frame: Frame, description: str) -> float:
    """Return the objectness of what ``refer`` finds, 0 without a mask."""
    segments = segmenter.refer(frame.segmentation.context, description).segments
    return segments[0].objectness if segments else 0.0


def missed_presence(segmenter: RefersAndRefines, frame: Frame, sentence: str) -> float:
    """Return the objectness of what ``refine`` adds to a frame without segments, 0 if refused."""
    try:
        answer = segmenter.refine(replace(frame.segmentation, segments=()), sentence)
    except RefinementError:
        return 0.0
    return answer.changed[0].objectness if answer.changed else 0.0


def shares_below(presences: Presences, threshold: float) -> dict[str, float]:
    """Return the share of each kind that a threshold rejects, and under ``'refer'`` and
    ``'missed'`` that of all absent descriptions.
    """
    shares = {key: _below(values, threshold) for key, values in presences.items()}
    for way in (REFER, MISSED):
        absent = [
            value
            for key, values in presences.items()
            if key.startswith(way) and not key.endswith(PRESENT)
            for value in values
        ]
        shares[way] = _below(absent, threshold)
    return shares


def best_threshold(presences: Presences) -> float | None:
    """Return the threshold that rejects the most of what is absent among those by which at most
    8 % of what is present is lost, in either way to ask; ``None`` where there is no such one.
    """
    fitting = []
    for threshold in THRESHOLDS:
        shares = shares_below(presences, threshold)
        if max(shares[f'{REFER}_{PRESENT}'], shares[f'{MISSED}_{PRESENT}']) <= MOST_LOST:
            fitting.append((shares[REFER], -threshold))
    return -max(fitting)[1] if fitting else None


def presence_table(presences: Presences, way: str) -> Table:
    """A row a threshold: shares that it rejects, in per cent, of one way to ask."""
    title = f'Rejected by {way!r} below a presence, {CHOSEN_ON} scenes, %'
    table = Table(title=title, title_justify='left')
    keys = [way, *sorted(key for key in presences if key.startswith(f'{way}_'))]
    for heading in ('min_presence', 'absent', *(key.split('_')[1] for key in keys[1:])):
        table.add_column(heading, justify='right')
    for threshold in THRESHOLDS:
        shares = shares_below(presences, threshold)
        table.add_row(f'{threshold:.2f}', *(f'{100 * shares[key]:.1f}' for key in keys))
    table.add_section()
    table.add_row('descriptions', '', *(str(len(presences[key])) for key in keys[1:]))
    return table


def _below(values: Sequence[float], threshold: float) -> float:
    return float(np.mean(np.asarray(values) < threshold)) if values else 0.0


def main(
    preset: Annotated[str, typer.Option(help='A shipped model, or a ROSE folder.')] = 'nano',
    scenes: Annotated[int, typer.Option(min=1, help='Number of validation scenes.')] = 40,
) -> None:
    """Print which descriptions each value of refinement.min_presence rejects."""
    segmenter = open_unrefusing(preset)
    numbers = validation_numbers(scenes)
    frames = track(
        validation_frames(segmenter, numbers),
        'scenes',
        total=len(numbers),
        console=Console(stderr=True),
    )
    presences = measure_presence(segmenter, frames)
    for way in (REFER, MISSED):
        Console().print(presence_table(presences, way))
    best = best_threshold(presences)
    verdict = (
        f'every threshold loses more than {MOST_LOST:.0%} of what is there'
        if best is None
        else f'min_presence {best:.2f} rejects most and loses at most {MOST_LOST:.0%}'
    )
    Console().print(f'{segmenter.name}, {len(numbers)} scenes from {numbers.start}: {verdict}.')


if __name__ == '__main__':
    typer.run(main)
