"""A crowded street as SAM's decoder would give it: overlapping masks, small and large, with rough
borders.

No model is asked, so that what follows the masks can be measured with any number of them.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rose_model.postprocess import crop_masks
from rose_model.preprocess import FrameGeometry, fitted_size
from rose_model.records import Segment

MASK_SIZE = 256
"""Side of SAM's low-resolution masks."""
_SAM_SIZE = 1024
_STUFF = (  # x1, y1, x2, y2 in shares of the image: sky, buildings, trees, road, pavements, verge
    (-0.1, -0.1, 1.1, 0.35),
    (-0.1, 0.1, 0.35, 0.6),
    (0.6, 0.15, 1.1, 0.6),
    (0.3, 0.2, 0.7, 0.5),
    (0.1, 0.55, 0.9, 1.1),
    (-0.1, 0.6, 0.25, 0.9),
    (0.8, 0.6, 1.1, 0.9),
    (0.2, 0.45, 0.8, 0.6),
)
_STEEPNESS = 1.5  # logits a low-resolution pixel
_ROUGHNESS = 2.0  # low-resolution pixels by which a border strays
_MOST_ROUGHNESS = 0.25  # of the radius of a thing

Field = NDArray[np.float32]


def dense_geometry(size: tuple[int, int]) -> FrameGeometry:
    """The geometry of an image of ``size = (height, width)`` with SAM at its full size."""
    return FrameGeometry(size, fitted_size(size, _SAM_SIZE), _SAM_SIZE, grid_size=48)


def dense_logits(geometry: FrameGeometry, count: int = 100, seed: int = 0) -> Tensor:
    """Mask logits float32 ``[N, 256, 256]``: first up to eight regions of stuff, then things whose
    heights are spread evenly, on a logarithmic scale, from 2 % to 45 % of the image's.

    In the padding stands what is nearest to it in the image: SAM's own way back reads some of it.
    """
    random = np.random.default_rng(seed)
    height, width = geometry.extent_in(MASK_SIZE)
    logits = np.empty((count, MASK_SIZE, MASK_SIZE), np.float32)
    for number in range(count):
        if number < len(_STUFF):
            x1, y1, x2, y2 = np.array(_STUFF[number]) * (width, height, width, height)
            depth = _depth(((x1 + x2) / 2, (y1 + y2) / 2), ((x2 - x1) / 2, (y2 - y1) / 2), 8)
            stray = _ROUGHNESS
        else:
            tall = height * np.exp(random.uniform(np.log(0.02), np.log(0.45))) / 2
            wide = tall * np.exp(random.uniform(-0.9, 0.7))
            centre = random.uniform(0, width), random.uniform(0.3 * height, height)
            depth = _depth(centre, (wide, tall), 3)
            stray = min(_ROUGHNESS, _MOST_ROUGHNESS * min(wide, tall))
        logits[number] = _STEEPNESS * (depth + stray * _noise(random))
    places = np.arange(MASK_SIZE)
    rows, columns = (np.minimum(places, most - 1) for most in geometry.content_in(MASK_SIZE))
    continued = logits.clip(-20, 20).take(rows, axis=1).take(columns, axis=2)
    return torch.from_numpy(continued)


def dense_segments(size: tuple[int, int], count: int = 100, seed: int = 0) -> tuple[Segment, ...]:
    """At most ``count`` segments of such a scene in an image of ``size = (height, width)``,
    largest first; the smallest may be empty, and are left out.
    """
    geometry = dense_geometry(size)
    crops = crop_masks(dense_logits(geometry, count, seed), geometry)
    segments = [
        Segment(
            id=str(row + 1),
            category='road' if row < len(_STUFF) else 'thing',
            category_score=0.9,
            objectness=0.9,
            mask_score=0.9,
            is_thing=row >= len(_STUFF),
            box_xyxy=crop.box_xyxy,
            mask=crop.mask,
            patch=row,
        )
        for row, crop in crops.items()
    ]
    return tuple(sorted(segments, key=lambda segment: segment.area, reverse=True))


def _depth(centre: tuple[float, float], radius: tuple[float, float], power: int) -> Field:
    """How far each pixel lies inside of a superellipse, about; negative outside."""
    y, x = np.mgrid[:MASK_SIZE, :MASK_SIZE].astype(np.float32)
    away = np.abs((x - centre[0]) / radius[0]) ** power
    away += np.abs((y - centre[1]) / radius[1]) ** power
    depth: Field = (1 - away ** (1 / power)) * min(radius)
    return depth


def _noise(random: np.random.Generator) -> Field:
    """Smooth noise of unit variance, correlated over some six pixels."""
    noise = random.standard_normal((MASK_SIZE, MASK_SIZE)).astype(np.float32)
    smooth = np.asarray(cv2.GaussianBlur(noise, (0, 0), 3.0), np.float32)
    smooth /= smooth.std()
    return smooth
