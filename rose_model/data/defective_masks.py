"""Masks with the faults that a refinement has to mend: holes and patches, shrunk or stretched
shapes, and two regions in one.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from rose_model.data.sample import Sample

_TRIES = 8


def defective_mask(
    mask: NDArray[np.bool_], rng: np.random.Generator, iou: tuple[float, float] = (0.3, 0.95)
) -> NDArray[np.bool_]:
    """A damaged copy of a mask ``[H, W]`` whose IoU with it falls into the range; the nearest try
    otherwise.
    """
    target = rng.uniform(*iou)
    damage = (_stretch, _perturb)[rng.integers(2)]
    best, best_gap = mask, abs(1 - target)
    for _ in range(_TRIES):
        candidate = damage(mask, target, rng)
        gap = abs(mask_iou(candidate, mask) - target)
        if gap < best_gap and candidate.any():
            best, best_gap = candidate, gap
    return best


def merged_mask(
    sample: Sample, index: int, rng: np.random.Generator, least_iou: float = 0.3
) -> NDArray[np.bool_] | None:
    """The mask of region ``index`` together with that of another region nearby.

    Only words tell which of the two is meant.  ``None`` where every other region is so large that
    the IoU with the region itself would fall below ``least_iou``.
    """
    mask = sample.mask(index)
    area, near = int(mask.sum()), _grown(mask)
    fitting = []
    for other in range(len(sample.regions)):
        theirs = sample.mask(other)
        if other != index and (theirs & near).any() and area >= least_iou * (area + theirs.sum()):
            fitting.append(theirs)
    return mask | fitting[int(rng.integers(len(fitting)))] if fitting else None


def _grown(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The box of a mask, half its size wider on each side."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    tall, wide = rows[-1] + 1 - rows[0], columns[-1] + 1 - columns[0]
    grown = np.zeros_like(mask)
    grown[
        max(0, rows[0] - tall // 2) : rows[-1] + 1 + tall // 2,
        max(0, columns[0] - wide // 2) : columns[-1] + 1 + wide // 2,
    ] = True
    return grown


def mask_iou(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Intersection over union; 1 for two empty masks."""
    union = int((first | second).sum())
    return int((first & second).sum()) / union if union else 1.0


def _stretch(
    mask: NDArray[np.bool_], target: float, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Shrink or stretch about the centre, in half of the cases on one side of a line only."""
    ys, xs = np.nonzero(mask)
    centre = np.array((xs.mean(), ys.mean()))
    scale = rng.uniform(0.6, 1.5, 2)
    matrix = np.array(
        ((scale[0], 0, centre[0] * (1 - scale[0])), (0, scale[1], centre[1] * (1 - scale[1])))
    )
    size = (mask.shape[1], mask.shape[0])
    changed = cv2.warpAffine(mask.astype(np.uint8), matrix, size, flags=cv2.INTER_NEAREST) == 1
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.ogrid[: mask.shape[0], : mask.shape[1]]
    side = (x - centre[0]) * np.cos(angle) + (y - centre[1]) * np.sin(angle) > 0
    return np.where(side, changed, mask) if rng.random() < 0.5 else changed


def _perturb(
    mask: NDArray[np.bool_], target: float, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Dilate or erode inside random rectangles until the target is reached (after CascadePSP's
    idea).
    """
    damaged = mask.astype(np.uint8)
    ys, xs = np.nonzero(mask)
    top, left, bottom, right = ys.min(), xs.min(), ys.max() + 1, xs.max() + 1
    longest = max(bottom - top, right - left)
    for _ in range(24):
        half = max(2, int(longest * rng.uniform(0.1, 0.35)))
        y, x = int(rng.integers(top, bottom)), int(rng.integers(left, right))
        area = (
            slice(max(0, y - half), min(mask.shape[0], y + half)),
            slice(max(0, x - half), min(mask.shape[1], x + half)),
        )
        width = 2 * int(rng.integers(1, max(2, half // 2 + 1))) + 1
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width))
        change = cv2.dilate if rng.random() < 0.5 else cv2.erode
        damaged[area] = change(damaged[area], kernel)
        if mask_iou(damaged == 1, mask) <= target:
            break
    perturbed: NDArray[np.bool_] = damaged == 1
    return perturbed
