"""Choose ``refinement.keep_above`` and ``keep_slope``: when a refined mask is taken.

``python -m rose_model.evaluation.choose_acceptance --scenes 60`` refines damaged and predicted
masks of validation scenes, takes every answer, and prints what SAM expected of it, how much it
changed and what it gained; then the two values by which the gain would be highest without harming
more than one mask of ten.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from rose_model.data.defective_masks import mask_iou
from rose_model.errors import RefinementError
from rose_model.evaluation.choosing import (
    CHOSEN_ON,
    open_unrefusing,
    validation_frames,
    validation_numbers,
)
from rose_model.evaluation.frames import Frame, Refines
from rose_model.evaluation.matching import iou_matrix
from rose_model.evaluation.refine import draw_damages
from rose_model.records import RefineTarget, Segment, Segmentation
from rose_model.refinement import doubtful_segments, mask_sentence
from rose_model.write_back import segment_iou

RIGHT, WRONG, SELF = 'right text', 'wrong text', 'self-triggered'
KINDS = (RIGHT, WRONG, SELF)
MOST_HARM = 0.1
ABOVE = np.round(np.arange(-1.0, 1.001, 0.05), 2)
SLOPES = np.round(np.arange(-1.0, 1.501, 0.05), 2)
OVERLAP_BINS = (0.0, 0.5, 0.7, 0.8, 0.9, 0.95, 1.01)


@dataclass(frozen=True)
class Outcome:
    """A mask that was refined.

    Attributes:
        kind: One of ``KINDS``.
        gain: IoU of the answer with the truth less that of the given mask; 0 without an answer.
        expected: IoU of the answer that SAM predicts; NaN without an answer.
        overlap: IoU of the answer with the given mask; NaN without an answer.
    """

    kind: str
    gain: float
    expected: float = float('nan')
    overlap: float = float('nan')


@dataclass(frozen=True)
class Rule:
    """A mask is taken where SAM expects more than ``above + slope * overlap`` of it.

    ``gain`` and ``harm``: mean gain in IoU and share of masks that got worse, by kind.
    """

    above: float
    slope: float
    gain: dict[str, float]
    harm: dict[str, float]


def measure_outcomes(segmenter: Refines, frames: Iterable[Frame]) -> list[Outcome]:
    """Return what became of damaged and of doubtful masks.

    Args:
        segmenter: Takes every answer.
        frames: Of validation scenes.
    """
    outcomes = []
    for frame in frames:
        for damage in draw_damages(frame):
            for kind, sentence in zip((RIGHT, WRONG), damage.sentences, strict=True):
                given = damage.given.segments[0]
                outcomes.append(
                    _refine(segmenter, damage.given, given, sentence, kind, frame, damage.index)
                )
        outcomes += _doubtful_outcomes(segmenter, frame)
    return outcomes


def _doubtful_outcomes(segmenter: Refines, frame: Frame) -> list[Outcome]:
    """Those of the segments that the model asks itself about and that overlap a region."""
    outcomes = []
    for segment in doubtful_segments(frame.segmentation.segments):
        iou = iou_matrix([segment], frame.sample)[0]
        kind = np.array([r.is_thing == segment.is_thing for r in frame.sample.regions], bool)
        if not (iou * kind).any():
            continue
        sentence, index = mask_sentence(segment.category), int((iou * kind).argmax())
        outcomes.append(
            _refine(segmenter, frame.segmentation, segment, sentence, SELF, frame, index)
        )
    return outcomes


def _refine(
    segmenter: Refines,
    segmentation: Segmentation,
    given: Segment,
    sentence: str,
    kind: str,
    frame: Frame,
    index: int,
) -> Outcome:
    try:
        answer = segmenter.refine(
            segmentation, sentence, segment_id=given.id, target=RefineTarget.MASK
        )
    except RefinementError:
        return Outcome(kind, 0.0)
    if not answer.changed:
        return Outcome(kind, 0.0)
    changed, truth = answer.changed[0], frame.sample.mask(index)
    before, after = (
        mask_iou(segment.full_mask(segmentation.original_size), truth)
        for segment in (given, changed)
    )
    return Outcome(kind, after - before, changed.mask_score, segment_iou(given, changed))


def rules(outcomes: Sequence[Outcome]) -> list[Rule]:
    """Return the gain and the harm of every pair of values on the grid."""
    expected = np.array([outcome.expected for outcome in outcomes])
    overlap = np.array([outcome.overlap for outcome in outcomes])
    gain = np.array([outcome.gain for outcome in outcomes])
    kinds = {kind: np.array([outcome.kind == kind for outcome in outcomes]) for kind in KINDS}
    found = []
    for above in ABOVE.tolist():
        for slope in SLOPES.tolist():
            taken = np.where(expected > above + slope * overlap, gain, 0.0)
            found.append(
                Rule(
                    above,
                    slope,
                    {kind: _mean(taken[mine]) for kind, mine in kinds.items()},
                    {kind: _mean(taken[mine] < 0) for kind, mine in kinds.items()},
                )
            )
    return found


def best_rule(found: Sequence[Rule], kind: str = RIGHT) -> Rule | None:
    """Return the rule of the highest gain that harms at most one mask of ten, by the outcomes of
    one kind; ``None`` where there is none.
    """
    fitting = [rule for rule in found if rule.harm[kind] <= MOST_HARM]
    return max(fitting, key=lambda rule: (rule.gain[kind], -rule.harm[kind]), default=None)


def outcome_table(outcomes: Sequence[Outcome]) -> Table:
    """A row a range of the overlap and a kind: what SAM expected, and what came of it."""
    table = Table(title=f'Refined masks of {CHOSEN_ON} scenes, IoU in %', title_justify='left')
    for heading in ('kind', 'overlap'):
        table.add_column(heading)
    for heading in ('masks', 'expected', 'gain', 'worse', 'correlation'):
        table.add_column(heading, justify='right')
    for kind in KINDS:
        for low, high in pairwise(OVERLAP_BINS):
            mine = [o for o in outcomes if o.kind == kind and low <= o.overlap < high]
            gains = np.array([outcome.gain for outcome in mine])
            expected = np.array([outcome.expected for outcome in mine])
            table.add_row(
                kind,
                f'{low:.2f} to {min(high, 1.0):.2f}',
                str(len(mine)),
                *(_percent(values) for values in (expected, gains, gains < 0)),
                _correlation(expected, gains),
            )
        refused = sum(o.kind == kind and np.isnan(o.overlap) for o in outcomes)
        table.add_row(kind, 'no answer', str(refused), end_section=True)
    return table


def rule_table(chosen: Sequence[tuple[str, Rule]]) -> Table:
    """A row a rule: gain and harm of every kind, in per cent."""
    table = Table(title='When a refined mask is taken', title_justify='left')
    table.add_column('rule')
    for heading in ('above', 'slope', *KINDS):
        table.add_column(heading, justify='right')
    for name, rule in chosen:
        cells = (
            f'{100 * rule.gain[kind]:+.1f}\n{100 * rule.harm[kind]:.1f} worse' for kind in KINDS
        )
        table.add_row(name, f'{rule.above:.2f}', f'{rule.slope:.2f}', *cells)
    return table


def _mean(values: NDArray[np.float64] | NDArray[np.bool_]) -> float:
    return float(values.mean()) if values.size else 0.0


def _percent(values: NDArray[np.float64] | NDArray[np.bool_]) -> str:
    return f'{100 * _mean(values):.1f}' if values.size else '-'


def _correlation(first: NDArray[np.float64], second: NDArray[np.float64]) -> str:
    if len(first) < 3 or first.std() == 0 or second.std() == 0:
        return '-'
    return f'{np.corrcoef(first, second)[0, 1]:.2f}'


def main(
    preset: Annotated[str, typer.Option(help='A shipped model, or a ROSE folder.')] = 'nano',
    scenes: Annotated[int, typer.Option(min=1, help='Number of validation scenes.')] = 60,
) -> None:
    """Print what refined masks gain, and when they should be taken."""
    segmenter = open_unrefusing(preset)
    numbers = validation_numbers(scenes)
    frames = track(
        validation_frames(segmenter, numbers),
        'scenes',
        total=len(numbers),
        console=Console(stderr=True),
    )
    outcomes = measure_outcomes(segmenter, frames)
    found = rules(outcomes)
    named = [('every answer', next(rule for rule in found if rule.above == ABOVE[0]))]
    for kind in (RIGHT, SELF):
        rule = best_rule(found, kind)
        if rule is not None:
            named.append((f'best for {kind}', rule))
    Console().print(outcome_table(outcomes))
    Console().print(rule_table(named))
    Console().print(f'{segmenter.name}, {len(numbers)} scenes from {numbers.start}.')


if __name__ == '__main__':
    typer.run(main)
