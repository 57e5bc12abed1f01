"""Choose a threshold of dense segmentation on validation scenes.

``python -m rose_model.evaluation.choose_limits max_similarity --scenes 100`` segments each scene
with every value and prints what becomes of things, of stuff and of the work; then the value that
the rule of the threshold takes.  The rules are stated before anything is measured:

- ``min_objectness``, ``nms_iou``: the highest balance, which is the mean of the things' F1 (of
  ``recall50`` and ``precision50``) and of ``stuff_miou``.  Of equal ones the highest objectness,
  and the lowest IoU: fewer segments.
- ``max_similarity``: the lowest value, hence the fewest masks, that loses at most 1 % of the
  segments that come of 1, where every patch gets a mask, and whose ``ap50``, ``recall50`` and
  ``stuff_miou`` are each at most 0.2 points below.

What is chosen goes into the model's ``config.json`` and, with scenes and command, into
``thresholds.csv``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import Tensor

from rose_model.answer_segmenter import segmenter_class
from rose_model.backends.torch import TorchSam
from rose_model.checkpoint import Pretrained, load_pretrained
from rose_model.config import RoseConfig
from rose_model.data.street_backdrop import STUFF
from rose_model.device import find_device, find_dtype
from rose_model.errors import ConfigError
from rose_model.evaluation.choosing import CHOSEN_ON, validation_numbers
from rose_model.evaluation.found import FoundRegions
from rose_model.evaluation.frames import LARGE_PATCHES, MATCH_IOU, Frame
from rose_model.evaluation.instance import InstanceAp
from rose_model.evaluation.semantic import StuffIou
from rose_model.evaluation.streets import SPLITS, THINGS
from rose_model.records import FrameContext, Segmentation
from rose_model.segmenter import RoseSegmenter
from rose_model.write_back import segment_iou

MOST_LOST = 0.01
"""Share of the segments that the smaller work of a lower ``max_similarity`` may cost."""
MOST_WORSE = 0.002
"""What a figure may lose by it."""


@dataclass(frozen=True)
class Measured:
    """What came of one value of a threshold: shares in [0, 1], and ``masks`` decoded a scene.

    ``lost``: of the segments that come of the value with the most, those that have no
    counterpart, of an IoU of at least 0.5, here.
    """

    value: float
    ap50: float
    recall50: float
    precision50: float
    stuff_miou: float
    masks: float
    lost: float

    @property
    def balance(self) -> float:
        """The mean of the things' F1 and of the stuff's mean IoU."""
        both = self.recall50 + self.precision50
        f1 = 2 * self.recall50 * self.precision50 / both if both else 0.0
        return (f1 + self.stuff_miou) / 2


Rule = Callable[[Sequence[Measured]], Measured]


def highest_balance_of_few(measured: Sequence[Measured]) -> Measured:
    """Return the best balance, of equal ones that of the highest value."""
    return max(measured, key=lambda item: (round(item.balance, 6), item.value))


def highest_balance_of_low(measured: Sequence[Measured]) -> Measured:
    """Return the best balance, of equal ones that of the lowest value."""
    return max(measured, key=lambda item: (round(item.balance, 6), -item.value))


def lowest_without_loss(measured: Sequence[Measured]) -> Measured:
    """Return the lowest value that loses next to nothing against the highest."""
    full = max(measured, key=lambda item: item.value)
    return min((item for item in measured if _is_as_good(item, full)), key=lambda item: item.value)


def _is_as_good(item: Measured, full: Measured) -> bool:
    pairs = (
        (item.ap50, full.ap50),
        (item.recall50, full.recall50),
        (item.stuff_miou, full.stuff_miou),
    )
    is_kept = item.lost <= MOST_LOST
    return is_kept and all(mine >= best - MOST_WORSE for mine, best in pairs)


@dataclass(frozen=True)
class Limit:
    """A threshold: its ``section`` of the configuration, the values to try, the one of them that
    most segments come of, and the rule.
    """

    section: str
    values: tuple[float, ...]
    full: float
    rule: Rule


LIMITS = {
    'min_objectness': Limit(
        'patch_filter', (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5), 0.05, highest_balance_of_few
    ),
    'nms_iou': Limit('postprocess', (0.3, 0.4, 0.5, 0.6, 0.7, 0.8), 0.8, highest_balance_of_low),
    'max_similarity': Limit(
        'postprocess', (0.9, 0.95, 0.97, 0.98, 0.99, 0.995, 0.998, 1.0), 1.0, lowest_without_loss
    ),
}


class CountingSam(TorchSam):
    """SAM that counts the masks it decodes."""

    masks = 0

    def decode(self, mask_embedding: Tensor, image_embeddings: Tensor) -> tuple[Tensor, Tensor]:
        """As ``SamBackend.decode``."""
        self.masks += len(mask_embedding)
        return super().decode(mask_embedding, image_embeddings)


@dataclass(eq=False)
class Trial:
    """A model with one value of a threshold, and what has been measured of it."""

    value: float
    segmenter: RoseSegmenter
    sam: CountingSam
    ap: InstanceAp = field(default_factory=InstanceAp)
    found: FoundRegions = field(default_factory=FoundRegions)
    stuff: StuffIou = field(default_factory=lambda: StuffIou(STUFF))
    segments: int = 0
    lost: int = 0

    def add(self, frame: Frame, full: Segmentation) -> None:
        """Count one scene, and what of ``full`` is not there."""
        for part in (self.ap, self.found, self.stuff):
            part.add(frame)
        here = frame.segmentation.segments
        self.segments += len(full.segments)
        self.lost += sum(
            all(segment_iou(segment, mine) < MATCH_IOU for mine in here)
            for segment in full.segments
        )

    def measured(self, scenes: int) -> Measured:
        """Return the figures over so many scenes."""
        figures = {**self.ap.figures(), **self.found.figures(), **self.stuff.figures()}
        return Measured(
            value=self.value,
            ap50=figures['ap50'].value,
            recall50=figures['recall50'].value,
            precision50=figures['precision50'].value,
            stuff_miou=figures['stuff_miou'].value,
            masks=self.sam.masks / max(1, scenes),
            lost=self.lost / max(1, self.segments),
        )


def open_trials(pretrained: Pretrained, key: str, values: Iterable[float]) -> list[Trial]:
    """Return a model for each value of the threshold ``key``; all share their weights.

    Raises:
        ConfigError: there is no such threshold, or it may not have a value.
    """
    own = pretrained.rose.config
    trials = []
    for value in values:
        config = with_limit(own, key, value)
        pretrained.rose.config = config  # read when the segmenter is made
        sam = CountingSam(pretrained.rose.sam)
        segmenter = segmenter_class(config)(pretrained, config.patch_filter, sam)
        trials.append(Trial(value, segmenter, sam))
    pretrained.rose.config = own
    return trials


def with_limit(config: RoseConfig, key: str, value: float) -> RoseConfig:
    """Return a configuration with another value of a threshold.

    Raises:
        ConfigError: there is no such threshold, or it may not have the value.
    """
    if key not in LIMITS:
        raise ConfigError(f'No threshold {key!r} is chosen here; take one of {", ".join(LIMITS)}.')
    values = config.model_dump()
    values[LIMITS[key].section][key] = value
    try:
        return RoseConfig.model_validate(values)
    except ValueError as error:
        raise ConfigError(f'{key} may not be {value}: {error}.') from error


def measure_limit(trials: Sequence[Trial], numbers: Iterable[int], full: float) -> list[Measured]:
    """Return what comes of each value on validation scenes; an image is encoded once for all.

    Args:
        trials: A model a value.
        numbers: Of the scenes.
        full: The value that most segments come of, one of those of ``trials``.
    """
    scenes = 0
    for number in numbers:
        sample = SPLITS[CHOSEN_ON].render(number, THINGS)
        image: NDArray[np.uint8] | FrameContext = sample.image
        answers = []
        for trial in trials:
            answers.append(trial.segmenter.segment(image))
            image = answers[-1].context
        most = answers[[trial.value for trial in trials].index(full)]
        for trial, answer in zip(trials, answers, strict=True):
            grid = trial.segmenter.config.vision.grid_size
            least = LARGE_PATCHES * sample.index_map.size / grid**2
            trial.add(Frame(number, sample, answer, least), most)
        scenes += 1
    return [trial.measured(scenes) for trial in trials]


def limit_table(key: str, measured: Sequence[Measured]) -> Table:
    """A row a value: shares in per cent, and masks decoded a scene."""
    table = Table(title=f'{key}, {CHOSEN_ON} scenes', title_justify='left')
    for heading in ('value', 'AP50', 'recall', 'precision', 'stuff', 'balance', 'lost', 'masks'):
        table.add_column(heading, justify='right')
    for item in measured:
        things = (item.ap50, item.recall50, item.precision50)
        shares = (*things, item.stuff_miou, item.balance, item.lost)
        table.add_row(
            f'{item.value:g}', *(f'{100 * share:.1f}' for share in shares), f'{item.masks:.1f}'
        )
    return table


def main(
    key: Annotated[str, typer.Argument(help=f'One of {", ".join(LIMITS)}.')],
    preset: Annotated[str, typer.Option(help='A shipped model, or a ROSE folder.')] = 'nano',
    scenes: Annotated[int, typer.Option(min=1, help='Number of validation scenes.')] = 100,
) -> None:
    """Print what comes of each value of a threshold, and which one its rule takes."""
    if key not in LIMITS:
        raise ConfigError(f'No threshold {key!r} is chosen here; take one of {", ".join(LIMITS)}.')
    place = find_device('auto')
    dtype = find_dtype('auto', place)
    trials = open_trials(load_pretrained(preset, place, dtype), key, LIMITS[key].values)
    numbers = validation_numbers(scenes)
    shown = track(numbers, 'scenes', console=Console(stderr=True))
    measured = measure_limit(trials, shown, LIMITS[key].full)
    chosen = LIMITS[key].rule(measured)
    Console().print(limit_table(key, measured))
    name = trials[0].segmenter.name
    typer.echo(
        f'{name}, {CHOSEN_ON}, {len(numbers)} scenes from {numbers.start}: {key} {chosen.value:g}.'
    )


if __name__ == '__main__':
    typer.run(main)
