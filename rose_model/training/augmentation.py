"""One photograph, many examples: crops, mirror images, other light; for few photographs."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torchvision import tv_tensors
from torchvision.transforms import v2

from rose_model.data.sample import VOID, LabelledRegion, Sample

CROP_SHARE = (0.35, 1.0)
"""Of the image's area."""
CROP_SHAPE = (0.8, 1.25)
"""The shape of a crop against that of the image: width over height."""
LEAST_AREA = 1 / 2304
"""Regions of which less than this share of the image is left are void."""


def augment(sample: Sample, seed: int, size: tuple[int, int]) -> Sample:
    """The sample cropped, mirrored and coloured at random, at ``size`` (H, W) pixels.

    The same seed gives the same result.  Regions that are cut away are gone.
    """
    height, width = sample.index_map.shape
    shape = width / height
    change = v2.Compose(
        [
            v2.RandomResizedCrop(
                size,
                scale=CROP_SHARE,
                ratio=(shape * CROP_SHAPE[0], shape * CROP_SHAPE[1]),
                antialias=True,
            ),
            v2.RandomHorizontalFlip(),
            v2.ColorJitter(brightness=0.5, contrast=0.5, saturation=0.4, hue=0.04),
            v2.RandomApply([v2.GaussianBlur(5, (0.1, 1.5))], 0.3),
        ]
    )
    pixels = tv_tensors.Image(torch.from_numpy(sample.image).permute(2, 0, 1))
    index_map = tv_tensors.Mask(torch.from_numpy(sample.index_map)[None])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        pixels, index_map = change(pixels, index_map)
    return _without_lost(pixels.permute(1, 2, 0).numpy().copy(), index_map[0].numpy(), sample)


def _without_lost(
    image: NDArray[np.uint8], index_map: NDArray[np.uint8], sample: Sample
) -> Sample:
    """The regions that are still there, numbered anew."""
    areas = np.bincount(index_map.ravel(), minlength=VOID + 1)
    renumbered = np.full(VOID + 1, VOID, np.uint8)
    kept: list[LabelledRegion] = []
    for index, region in enumerate(sample.regions):
        if areas[index] >= LEAST_AREA * index_map.size:
            renumbered[index] = len(kept)
            kept.append(region)
    return Sample(image, renumbered[index_map], tuple(kept))
