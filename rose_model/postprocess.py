"""From mask logits to masks of the image: duplicates and specks removed at low resolution, then
only what a mask covers is resized.

Logits come as SAM gives them, ``[M, M]`` in its padded frame.  Every function here cuts them to
the image's content first: what stands in the padding was never trained.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rose_model.host import to_host
from rose_model.preprocess import FrameGeometry
from rose_model.resampling import Resampler, bounding_rectangle
from rose_model.specks import without_specks


@dataclass(frozen=True, eq=False)
class CroppedMask:
    """A mask bool ``[y2 - y1, x2 - x1]`` and its tight, half-open box (x1, y1, x2, y2) in the
    original image.
    """

    box_xyxy: tuple[int, int, int, int]
    mask: NDArray[np.bool_]


def content_logits(logits: Tensor, geometry: FrameGeometry) -> Tensor:
    """Return the part of mask logits that shows the image.

    Args:
        logits: ``[..., M, M]`` in SAM's padded frame.
        geometry: That of the image.

    Returns:
        A view ``[..., h, w]``, see :meth:`FrameGeometry.content_in`.
    """
    height, width = geometry.content_in(logits.shape[-1])
    return logits[..., :height, :width]


def suppress_duplicates(
    logits: Tensor, scores: Tensor, geometry: FrameGeometry, max_iou: float
) -> Tensor:
    """Indices ``[K]`` of the masks to keep, best score first: greedy, class-agnostic, by mask IoU.

    ``logits``: ``[N, M, M]``; ``scores``: ``[N]``.  A mask is dropped if its IoU with a better one
    that was kept exceeds ``max_iou``; empty masks are dropped.  Because no class is looked at, it
    may run before naming.
    """
    shared, on_host = to_host(shared_pixels(logits, geometry), scores)
    return keep_unique(shared, on_host, max_iou)


def shared_pixels(logits: Tensor, geometry: FrameGeometry) -> Tensor:
    """How many pixels of the image's content each two of the masks ``[N, M, M]`` have in common:
    float32 ``[N, N]``, in the diagonal their areas.
    """
    # Sums of 0 and 1 below 2^24 are exact in float32, and on a GPU in TF32.
    masks = (content_logits(logits, geometry) > 0).flatten(1).float()
    return masks @ masks.T


def keep_unique(shared: Tensor, scores: Tensor, max_iou: float) -> Tensor:
    """What :func:`suppress_duplicates` gives, from :func:`shared_pixels`; all are on the CPU."""
    areas = shared.diagonal()
    is_duplicate = (shared > max_iou * (areas[:, None] + areas - shared)).numpy()
    is_left = (areas > 0).numpy().copy()
    kept = []
    for index in torch.argsort(scores, descending=True, stable=True).numpy():
        if is_left[index]:
            kept.append(int(index))
            is_left &= ~is_duplicate[index]
    return torch.tensor(kept, dtype=torch.long)


def crop_masks(
    logits: Iterable[Tensor],
    geometry: FrameGeometry,
    min_area: float = 0.0,
    min_region: float = 0.0,
) -> dict[int, CroppedMask]:
    """Masks of the original image for low-resolution logits on the CPU, ``[M, M]`` each, by row.

    As in SAM: logits are resized to the padded frame, the padding is cut off, the rest is resized
    to the image and compared with 0; but the padding is not read (``rose_model.resampling``).
    Rows whose mask is empty, or smaller than ``min_area`` as a share of the image, are left out.
    Islands and holes below ``min_region``, as a share of the M x M frame, are removed first; they
    would also fill the messages with runs.

    Raises:
        ModelOutputError: logits are not finite.
    """
    rows = list(logits)
    if not rows:
        return {}
    side = len(rows[0])
    height, width = geometry.content_in(side)
    resample = Resampler(geometry, side)
    least = min_area * geometry.original_size[0] * geometry.original_size[1]
    cropped = {}
    for row, logit in enumerate(rows):
        content = logit.numpy()[:height, :width]
        (left, top), mask = resample(_without_specks(content, min_region * side**2))
        crop = crop_mask(mask)
        if crop is not None and np.count_nonzero(crop.mask) >= least:
            x1, y1, x2, y2 = crop.box_xyxy
            box_xyxy = (left + x1, top + y1, left + x2, top + y2)
            cropped[row] = CroppedMask(box_xyxy, crop.mask)
    return cropped


def crop_mask(mask: NDArray[np.bool_]) -> CroppedMask | None:
    """A mask bool ``[H, W]`` cut to its box, or ``None`` where it is empty."""
    x1, y1, width, height = bounding_rectangle(mask)
    if not width:
        return None
    x2, y2 = x1 + width, y1 + height
    return CroppedMask((x1, y1, x2, y2), np.ascontiguousarray(mask[y1:y2, x1:x2]))


def _without_specks(logit: NDArray[np.float32], least: float) -> NDArray[np.float32]:
    """Logits ``[h, w]`` whose sign is changed in specks and holes of less than ``least`` pixels:
    borders stay smooth.
    """
    if not least:
        return logit
    mask = logit > 0
    solid = without_specks(mask, least)
    return logit if solid is mask else np.where(solid != mask, -logit, logit)
