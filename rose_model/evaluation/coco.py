"""Figures on images with instances in COCO's format."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rose_model.data.coco import CocoInstances
from rose_model.evaluation.counting import Counting
from rose_model.evaluation.figures import Figures
from rose_model.evaluation.found import FoundRegions
from rose_model.evaluation.frames import Evaluable, Part, measure
from rose_model.evaluation.instance import InstanceAp


def open_split(root: Path, split: str) -> CocoInstances:
    """The data set in COCO's own layout: ``ROOT/annotations/instances_SPLIT.json`` beside
    ``ROOT/SPLIT/*.jpg``.

    Raises:
        DataError: as ``CocoInstances``.
    """
    return CocoInstances(root / 'annotations' / f'instances_{split}.json', root / split)


def evaluate_coco(segmenter: Evaluable, data: CocoInstances, indices: Iterable[int]) -> Figures:
    """Average precision with and without names, recall and precision by group, and counting."""
    parts: list[Part] = [InstanceAp(), FoundRegions(), Counting(segmenter)]
    return measure(segmenter, ((index, data[index]) for index in indices), parts)
