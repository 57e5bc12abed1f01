"""Which sentence to send: about a real mistake where the truth is known, else about a mask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rose_model.data.sample import Sample
from rose_model.records import Segment

SAME_OBJECT_IOU = 0.5
MISSED_IOU = 0.1
MASK_TEXT = 'The mask does not cover the whole object.'


@dataclass(frozen=True)
class Correction:
    """A sentence of the user; an empty ``segment_id`` speaks about something missed."""

    text: str
    segment_id: str


def choose_correction(
    segments: Sequence[Segment], size: tuple[int, int], truth: Sample | None
) -> Correction:
    """The correction that a user would make in a frame of ``size = (H, W)`` pixels.

    With the truth: the largest thing that has a wrong name or was missed, else the worst mask.
    Without it: the mask of the largest segment, things first.
    """
    if truth is not None:
        return _correct_by_truth(segments, size, truth)
    if not segments:
        return Correction('You missed the road.', '')
    largest = max(segments, key=lambda segment: (segment.is_thing, segment.area))
    return Correction(MASK_TEXT, largest.id)


def _correct_by_truth(
    segments: Sequence[Segment], size: tuple[int, int], truth: Sample
) -> Correction:
    masks = [segment.full_mask(size) for segment in segments]
    worst_iou, worst = 2.0, Correction('You missed the road.', '')
    for index in _regions_by_size(truth):
        name = truth.regions[index].name
        ious = [_iou(mask, truth.mask(index)) for mask in masks]
        best = int(np.argmax(ious)) if ious else -1
        if not ious or ious[best] < MISSED_IOU:
            return Correction(f'You missed the {name}.', '')
        found = segments[best]
        if ious[best] >= SAME_OBJECT_IOU and found.category != name:
            return Correction(f'This is {_with_article(name)}.', found.id)
        if ious[best] < worst_iou:
            worst_iou, worst = ious[best], Correction(MASK_TEXT, found.id)
    return worst


def _regions_by_size(truth: Sample) -> list[int]:
    """Indices of the things, largest first."""
    things = [index for index, region in enumerate(truth.regions) if region.is_thing]
    return sorted(things, key=lambda index: int(truth.mask(index).sum()), reverse=True)


def _with_article(name: str) -> str:
    return f'an {name}' if name[0] in 'aeiou' else f'a {name}'


def _iou(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    union = int(np.count_nonzero(first | second))
    return int(np.count_nonzero(first & second)) / union if union else 0.0
