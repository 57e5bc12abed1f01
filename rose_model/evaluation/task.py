"""What ``rose eval`` can measure: data sets by their names, and the figures of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from rose_model.data import refer
from rose_model.data.camvid import CamVid
from rose_model.data.faults import MAX_FAULTY
from rose_model.data.formats import Format, open_images
from rose_model.data.refer import References
from rose_model.errors import ConfigError, DataError
from rose_model.evaluation import streets
from rose_model.evaluation.camvid import EVALUATED, evaluate_split, found_splits
from rose_model.evaluation.coco import evaluate_coco, open_split
from rose_model.evaluation.figures import Figures
from rose_model.evaluation.opened import OpenedModel
from rose_model.evaluation.referring_benchmark import ReferringSplit, evaluate_referring
from rose_model.evaluation.report import plain
from rose_model.evaluation.semantic_benchmark import SemanticImages, evaluate_semantic
from rose_model.evaluation.semantic_sets import LabelMaps, as_semantic

DEFAULT_SCENES = 500


class Data(StrEnum):
    """The data that can be evaluated on."""

    STREETS = 'streets'
    CAMVID = 'camvid'
    COCO = 'coco'
    REFCOCO = 'refcoco'
    ADE20K = 'ade20k'
    ADE20K_FULL = 'ade20k-full'
    CITYSCAPES = 'cityscapes'
    COCO_PANOPTIC = 'coco-panoptic'
    COCO_STUFF = 'coco-stuff'
    MAPILLARY = 'mapillary'
    LABELS = 'labels'


DEFAULT_SPLITS = {
    Data.STREETS: 'test',
    Data.CAMVID: '+'.join(EVALUATED),  # whichever of them are there
    Data.COCO: 'val2017',
    Data.REFCOCO: 'val',
    Data.ADE20K: 'validation',
    Data.ADE20K_FULL: 'validation',
    Data.CITYSCAPES: 'val',
    Data.COCO_PANOPTIC: 'val2017',
    Data.COCO_STUFF: 'val2017',
    Data.MAPILLARY: 'validation',
    Data.LABELS: 'test',
}

Progress = Callable[[range], Iterable[int]]
"""The numbers of a range, told to the user one by one."""
Details = dict[str, object]
"""What else a record holds: how many images, IoU by class."""


@dataclass(frozen=True)
class Task:
    """What is to be measured; ``images`` is ``None`` for all that there are."""

    data: Data
    root: Path | None
    split: str
    images: int | None
    is_crowded: bool


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


def measure_task(task: Task, model: OpenedModel, progress: Progress) -> tuple[Figures, Details]:
    """Figures, and what else the record holds about the images.

    Raises:
        DataError: the data set cannot be read.
    """
    if task.root is None:
        return _streets(task, model, progress)
    if task.data is Data.CAMVID:
        return _camvid(task, task.root, model, progress)
    if task.data is Data.COCO:
        split = open_split(task.root, task.split)
        chosen = _chosen(task, len(split.images))
        return evaluate_coco(model, split, progress(chosen)), {'images': len(chosen)}
    if task.data is Data.REFCOCO:
        sentences = _sentences(task.root, task.split)
        chosen = _chosen(task, len(sentences))
        figures = evaluate_referring(model.segmenter, sentences, progress(chosen))
        images = len({sentences.image_of(number) for number in chosen})
        return figures, {'images': images, 'sentences': len(chosen)}
    return _semantic(task, task.root, model, progress)


def _chosen(task: Task, available: int) -> range:
    return range(min(available, task.images or available))


def _streets(task: Task, model: OpenedModel, progress: Progress) -> tuple[Figures, Details]:
    split = streets.SPLITS[task.split]
    numbers = range(split.first, split.first + (task.images or DEFAULT_SCENES))
    things = streets.CROWDED_THINGS if task.is_crowded else streets.THINGS
    figures, statistics = streets.evaluate_streets(
        model.segmenter, progress(numbers), things, split
    )
    return figures, {'images': len(numbers), 'scenes': statistics.figures()}


def _camvid(
    task: Task, root: Path, model: OpenedModel, progress: Progress
) -> tuple[Figures, Details]:
    figures: Figures = {}
    class_iou: dict[str, object] = {}
    counts: dict[str, int] = {}
    data = {split: CamVid(root, split) for split in found_splits(root, task.split)}
    for split, frames in data.items():
        chosen = _chosen(task, len(frames))
        measured, by_class = evaluate_split(model.segmenter, frames, progress(chosen), split)
        figures |= measured
        class_iou |= {key: plain(values) for key, values in by_class.items()}
        counts[split] = len(chosen)
    return figures, {
        'split': '+'.join(counts),
        'images': sum(counts.values()),
        'split_images': counts,
        'class_iou': class_iou,
    }


def _semantic(
    task: Task, root: Path, model: OpenedModel, progress: Progress
) -> tuple[Figures, Details]:
    data: SemanticImages
    if task.data is Data.LABELS:
        data = LabelMaps(root, task.split)
    else:
        data = as_semantic(open_images(Format(task.data.value), root, task.split, MAX_FAULTY))
    chosen = _chosen(task, len(data))
    figures, by_class = evaluate_semantic(model.segmenter, model.encoder, data, progress(chosen))
    return figures, {'images': len(chosen), 'class_iou': {'miou': plain(by_class)}}


def _sentences(root: Path, split: str) -> ReferringSplit:
    """The sentences of a split; of several makers of splits UMD's are taken, else UNC's, else the
    first, as the field does.
    """
    makers = refer.splits(root)
    if not makers:
        raise DataError(f'{root} has no references beside instances.json; name such a folder.')
    maker = next((name for name in ('umd', 'unc') if name in makers), makers[0])
    return ReferringSplit(References(root, None, maker), split)
