"""From mask logits to masks of the image: duplicates removed first, then resized, cut to their
boxes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from segment_anything.utils.amg import remove_small_regions
from torch import Tensor
from torch.nn.functional import interpolate

from rose_model.preprocess import FrameGeometry


@dataclass(frozen=True, eq=False)
class CroppedMask:
    """A mask bool ``[y2 - y1, x2 - x1]`` and its tight, half-open box (x1, y1, x2, y2) in the
    original image.
    """

    box_xyxy: tuple[int, int, int, int]
    mask: NDArray[np.bool_]


def suppress_duplicates(logits: Tensor, scores: Tensor, max_iou: float) -> Tensor:
    """Indices ``[K]`` of the masks to keep, best score first: greedy, class-agnostic, by mask IoU.

    ``logits``: ``[N, M, M]``; ``scores``: ``[N]``.  A mask is dropped if its IoU with a better one
    that was kept exceeds ``max_iou``; empty masks are dropped.  Because no class is looked at, it
    may run before naming.
    """
    masks = (logits > 0).flatten(1).float()
    areas = masks.sum(1)
    intersection = masks @ masks.T
    union = areas[:, None] + areas - intersection
    is_duplicate = (intersection > max_iou * union).cpu()
    kept: list[int] = []
    for index in torch.argsort(scores, descending=True, stable=True).tolist():
        if areas[index] > 0 and not any(is_duplicate[index, other] for other in kept):
            kept.append(index)
    return torch.tensor(kept, dtype=torch.long, device=logits.device)


def remove_specks(logits: Tensor, min_share: float) -> Tensor:
    """Logits ``[N, M, M]`` without islands and holes below ``min_share`` of the M x M frame.

    As in SAM's automatic mask generation; noise of single pixels would also fill the messages with
    runs.  The logits there change their sign, so borders stay smooth.
    """
    least = min_share * logits.shape[-1] * logits.shape[-2]
    cleaned = logits.clone()
    for row, mask in enumerate((logits > 0).cpu().numpy()):
        filled, _ = remove_small_regions(mask, least, 'holes')
        solid, _ = remove_small_regions(filled, least, 'islands')
        flipped = torch.from_numpy(solid != mask).to(logits.device)
        cleaned[row] = torch.where(flipped, -logits[row], logits[row])
    return cleaned


def crop_masks(
    logits: Tensor, geometry: FrameGeometry, min_area: float = 0.0
) -> dict[int, CroppedMask]:
    """Masks of the original image for low-resolution logits ``[N, M, M]``, by row.

    As in SAM: logits are resized to the padded frame, the padding is cut off, the rest is resized
    to the image and compared with 0.  Rows whose mask is empty, or smaller than ``min_area`` as a
    share of the image, are left out.
    """
    side, (height, width) = geometry.sam_size, geometry.sam_content
    least = min_area * geometry.original_size[0] * geometry.original_size[1]
    cropped = {}
    for row, logit in enumerate(logits):  # a hundred masks of a large image would not fit at once
        framed = interpolate(logit[None, None], (side, side), mode='bilinear', align_corners=False)
        content = framed[..., :height, :width]
        resized = interpolate(
            content, geometry.original_size, mode='bilinear', align_corners=False
        )
        crop = crop_mask((resized[0, 0] > 0).cpu().numpy())
        if crop is not None and crop.mask.sum() >= least:
            cropped[row] = crop
    return cropped


def crop_mask(mask: NDArray[np.bool_]) -> CroppedMask | None:
    """A mask bool ``[H, W]`` cut to its box, or ``None`` where it is empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    y1, y2 = int(rows[0]), int(rows[-1]) + 1
    x1, x2 = int(columns[0]), int(columns[-1]) + 1
    return CroppedMask((x1, y1, x2, y2), np.ascontiguousarray(mask[y1:y2, x1:x2]))
