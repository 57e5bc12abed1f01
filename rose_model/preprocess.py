"""Two views of a camera image, one for the language model and one for SAM, and the way back.

The language model's view is squashed to a square (paper, Sec. 4.1: "resized to 672 x 672"); SAM's
keeps the shape, its longest side resized and the rest padded on the right and below
(segment_anything's ``ResizeLongestSide``).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rose_model.config import RoseConfig, SamConfig
from rose_model.errors import ImageError

SIGLIP_MEAN = SIGLIP_STD = 127.5
SAM_MEAN = (123.675, 116.28, 103.53)
SAM_STD = (58.395, 57.12, 57.375)


@dataclass(frozen=True)
class FrameGeometry:
    """Sizes that tie an image to its two views; all as (height, width) in pixels.

    ``original_size``: the camera's.  ``sam_content``: SAM's view after resizing and before
    padding, inside a square of side ``sam_size``.  ``grid_size``: patches along one side of the
    squashed view.
    """

    original_size: tuple[int, int]
    sam_content: tuple[int, int]
    sam_size: int
    grid_size: int

    @classmethod
    def of(cls, original_size: tuple[int, int], config: RoseConfig) -> FrameGeometry:
        """The geometry of images of that size."""
        height, width = original_size
        scale = config.sam.input_size / max(height, width)
        content = (max(1, round(height * scale)), max(1, round(width * scale)))
        return cls(original_size, content, config.sam.input_size, config.vision.grid_size)


@dataclass(frozen=True, eq=False)
class Views:
    """``lmm_pixels``: uint8 ``[3, L, L]``; ``sam_pixels``: uint8 ``[3, h, w]``, before padding."""

    lmm_pixels: Tensor
    sam_pixels: Tensor
    geometry: FrameGeometry


def check_image(image: NDArray[np.uint8]) -> None:
    """Refuse what is no RGB image.

    Raises:
        ImageError: the array is not uint8 ``[H, W, 3]`` with at least one pixel.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise ImageError(
            f'An image is uint8 RGB [H, W, 3] with H, W > 0, got {image.dtype} '
            f'{list(image.shape)}.'
        )


def make_views(image: NDArray[np.uint8], config: RoseConfig) -> Views:
    """Both views of a uint8 RGB image ``[H, W, 3]``.

    Raises:
        ImageError: as ``check_image``.
    """
    check_image(image)
    geometry = FrameGeometry.of((image.shape[0], image.shape[1]), config)
    side = config.vision.input_size
    return Views(
        lmm_pixels=_to_tensor(resize(image, (side, side))),
        sam_pixels=_to_tensor(resize(image, geometry.sam_content)),
        geometry=geometry,
    )


def resize(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Resize to ``size = (height, width)``: by area where it shrinks, linearly where it grows."""
    if image.shape[:2] == size:
        return image
    shrinks = size[0] * size[1] < image.shape[0] * image.shape[1]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    resized = cv2.resize(image, (size[1], size[0]), interpolation=how)
    return resized.astype(np.uint8, copy=False)


def squash_mask(mask: NDArray[np.bool_], side: int) -> Tensor:
    """A mask ``[H, W]`` as the fourth input channel: float ``[1, L, L]`` in [0, 1], averaged by
    area.
    """
    squashed = cv2.resize(mask.astype(np.float32), (side, side), interpolation=cv2.INTER_AREA)
    return torch.from_numpy(squashed)[None]


def mask_content(geometry: FrameGeometry, config: SamConfig) -> tuple[int, int]:
    """Height and width of the image in SAM's low-resolution masks, before padding."""
    scale = config.mask_size / config.input_size
    height, width = geometry.sam_content
    return max(1, round(height * scale)), max(1, round(width * scale))


def reduce_mask(mask: NDArray[np.bool_], geometry: FrameGeometry, config: SamConfig) -> Tensor:
    """A mask ``[H, W]`` in SAM's padded frame at the resolution of its masks: float ``[M, M]`` in
    [0, 1], averaged by area.
    """
    height, width = mask_content(geometry, config)
    reduced = np.zeros((config.mask_size, config.mask_size), np.float32)
    reduced[:height, :width] = cv2.resize(
        mask.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA
    )
    return torch.from_numpy(reduced)


def normalise_lmm(pixels: Tensor, mask: Tensor | None = None) -> Tensor:
    """Input of the vision tower, float ``[B, 4, L, L]``: uint8 ``[B, 3, L, L]`` to [-1, 1], mask
    (or zeros) appended.

    ``mask``: ``[B, 1, L, L]`` in [0, 1], not normalised.
    """
    colours = (pixels.float() - SIGLIP_MEAN) / SIGLIP_STD
    if mask is None:
        mask = torch.zeros_like(colours[:, :1])
    return torch.cat((colours, mask.to(colours)), dim=1)


def normalise_sam(pixels: Tensor, side: int) -> Tensor:
    """Input of SAM's encoder, float ``[B, 3, side, side]``: uint8 ``[B, 3, h, w]`` normalised,
    then padded with zeros.
    """
    mean = torch.tensor(SAM_MEAN, device=pixels.device).view(3, 1, 1)
    std = torch.tensor(SAM_STD, device=pixels.device).view(3, 1, 1)
    normalised = (pixels.float() - mean) / std
    height, width = normalised.shape[-2:]
    return torch.nn.functional.pad(normalised, (0, side - width, 0, side - height))


def _to_tensor(image: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))
