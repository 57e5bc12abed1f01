"""Figures on images with instances in COCO's format."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from rose_model.data.coco import CocoInstances
from rose_model.data.coco_layout import open_instances
from rose_model.data.faults import MAX_FAULTY
from rose_model.evaluation.coco_ap import CocoTruth
from rose_model.evaluation.coco_benchmark import CocoBenchmark
from rose_model.evaluation.counting import Counting
from rose_model.evaluation.figures import Figures
from rose_model.evaluation.found import FoundRegions
from rose_model.evaluation.frames import Part, measure
from rose_model.evaluation.instance import InstanceAp
from rose_model.evaluation.lexicon import open_lexicon
from rose_model.evaluation.opened import OpenedModel
from rose_model.evaluation.related_naming import RelatedNaming


@dataclass(frozen=True, eq=False)
class CocoSplit:
    """The images of a split, and its annotations as COCO's judge wants them."""

    images: CocoInstances
    truth: CocoTruth


def open_split(root: Path, split: str) -> CocoSplit:
    """The data set in COCO's own layout: ``ROOT/annotations/instances_SPLIT.json`` beside
    ``ROOT/SPLIT/*.jpg``.

    Raises:
        DataError: as ``CocoInstances`` and ``CocoTruth``.
    """
    images = open_instances(root, split, MAX_FAULTY)
    return CocoSplit(images, CocoTruth(root / 'annotations' / f'instances_{split}.json', images))


def evaluate_coco(model: OpenedModel, data: CocoSplit, indices: Iterable[int]) -> Figures:
    """COCO's AP by trigger and rule; and at the model's own thresholds average precision of large
    things, recall and precision by group, names by lexical relations, and counting.
    """
    parts: list[Part] = [
        InstanceAp(),
        FoundRegions(),
        RelatedNaming(open_lexicon(), {kind.noun for kind in data.images.kinds}),
        Counting(model.segmenter),
        _benchmark(model, data),
    ]
    return _measure(model, data, indices, parts)


def benchmark_coco(model: OpenedModel, data: CocoSplit, indices: Iterable[int]) -> Figures:
    """COCO's AP by trigger and rule alone."""
    return _measure(model, data, indices, [_benchmark(model, data)])


def _measure(
    model: OpenedModel, data: CocoSplit, indices: Iterable[int], parts: list[Part]
) -> Figures:
    """Figures of parts over images of those numbers."""
    samples = ((index, data.images[index]) for index in indices)
    return measure(model.segmenter, samples, parts)


def _benchmark(model: OpenedModel, data: CocoSplit) -> CocoBenchmark:
    """The part that is COCO's AP."""
    sure = model.segmenter.config.patch_filter.min_objectness
    return CocoBenchmark(model.ranker, model.encoder, data.truth, sure)
