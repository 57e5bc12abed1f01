"""Two views of a camera image, one for the language model and one for SAM, and the way back.

The language model's view is squashed to a square (paper, Sec. 4.1: "resized to 672 x 672"); SAM's
keeps the shape, its longest side resized and the rest padded on the right and below
(segment_anything's ``ResizeLongestSide``).

SAM's masks have a lower resolution than its view.  Where the image ends in them, a pixel may be
partly image and partly padding; such a pixel belongs to the content, here and on the way back
(``rose_model.resampling``).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rose_model.area_average import average_by_area, cells_along
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
        side = config.sam.input_size
        content = fitted_size(original_size, side)
        return cls(original_size, content, side, config.vision.grid_size)

    def content_in(self, mask_size: int) -> tuple[int, int]:
        """Return height and width of the content in SAM's masks.

        Args:
            mask_size: Pixels along one side of the masks.

        Returns:
            The pixels, from the upper left corner, that show any of the image.
        """
        height, width = (ceil(extent) for extent in self.extent_in(mask_size))
        return height, width

    def extent_in(self, mask_size: int) -> tuple[float, float]:
        """Return height and width of the image in SAM's masks, which may end within a pixel."""
        height, width = (length * mask_size / self.sam_size for length in self.sam_content)
        return height, width


def fitted_size(size: tuple[int, int], side: int) -> tuple[int, int]:
    """Return ``size = (height, width)`` scaled until the longer one is ``side``, in whole pixels
    as segment_anything's ``ResizeLongestSide`` rounds them, but at least one.
    """
    scale = side / max(size)
    height, width = (max(1, int(length * scale + 0.5)) for length in size)
    return height, width


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
    """Resize an image: each axis by area where it shrinks, linearly where it grows.

    Args:
        image: uint8 ``[H, W, 3]``.
        size: (height, width) of the result.

    Returns:
        uint8 ``[height, width, 3]``; the image itself if it has that size.
    """
    shrunk = (min(size[0], image.shape[0]), min(size[1], image.shape[1]))
    # Where one axis grows, OpenCV's INTER_AREA is linear on both, and aliases on the other.
    return _resize_with(_resize_with(image, shrunk, cv2.INTER_AREA), size, cv2.INTER_LINEAR)


def _resize_with(image: NDArray[np.uint8], size: tuple[int, int], how: int) -> NDArray[np.uint8]:
    if image.shape[:2] == size:
        return image
    resized = cv2.resize(image, (size[1], size[0]), interpolation=how)
    return resized.astype(np.uint8, copy=False)


def squash_mask(mask: NDArray[np.bool_], side: int) -> Tensor:
    """A mask ``[H, W]`` as the fourth input channel: float ``[1, L, L]`` in [0, 1], averaged by
    area.
    """
    if min(mask.shape) < side < max(mask.shape):  # OpenCV would alias on the longer axis
        rows, columns = (cells_along(length, side) for length in mask.shape)
        squashed = average_by_area(mask, rows, columns).astype(np.float32)
    else:
        squashed = cv2.resize(
            mask.astype(np.float32), (side, side), interpolation=cv2.INTER_AREA
        ).astype(np.float32, copy=False)
    return torch.from_numpy(squashed)[None]


def reduce_mask(mask: NDArray[np.bool_], geometry: FrameGeometry, config: SamConfig) -> Tensor:
    """Return a mask in SAM's padded frame at the resolution of its masks.

    It lies where the way back finds it: the image ends at :meth:`FrameGeometry.extent_in`, and a
    pixel that is partly padding has the average over its other part.

    Args:
        mask: bool ``[H, W]``.
        geometry: That of the image.
        config: That of SAM.

    Returns:
        float ``[M, M]`` in [0, 1], averaged by area; 0 in the padding.
    """
    average = content_average(mask, geometry, config.mask_size)
    reduced = np.zeros((config.mask_size, config.mask_size), np.float32)
    reduced[: average.shape[0], : average.shape[1]] = average
    return torch.from_numpy(reduced)


def content_average(
    mask: NDArray[np.bool_], geometry: FrameGeometry, mask_size: int
) -> NDArray[np.float64]:
    """Return the content of :func:`reduce_mask` alone: float64 ``[h, w]`` in [0, 1]."""
    height, width = geometry.extent_in(mask_size)
    rows, columns = cells_along(mask.shape[0], height), cells_along(mask.shape[1], width)
    return average_by_area(mask, rows, columns)


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
