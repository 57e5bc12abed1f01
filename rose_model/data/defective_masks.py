"""Masks with the faults that a refinement has to mend: holes and patches, and shrunk or stretched
shapes.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

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
