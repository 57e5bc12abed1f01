"""R10: what follows the mask decoder: only what a mask covers, against each mask at full size."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from pycocotools import mask as coco
from torch import Tensor
from torch.nn.functional import interpolate

from benchmarks.dense_scene import dense_geometry, dense_logits
from benchmarks.ratios.ratio import ROUNDS, Ratio, compare, time_ms
from ros2_rose.masks import decode_runs, encode_runs
from rose_model.host import to_host
from rose_model.postprocess import crop_masks, suppress_duplicates
from rose_model.preprocess import FrameGeometry

SIZE = (1080, 1920)
MASKS = 100
_MIN_REGION, _MAX_IOU = 0.0006, 0.6  # as in PostprocessConfig
Box = tuple[int, int, int, int]


@dataclass(frozen=True, eq=False)
class Encoded:
    """A mask as it is sent: its half-open box (x1, y1, x2, y2), and its runs in any format."""

    box_xyxy: Box
    runs: Any


def r10(device: str = 'cpu', rounds: int = ROUNDS) -> list[Ratio]:
    """From mask logits ``[100, 256, 256]`` on a device to boxes and run lengths in a 1080p
    image.
    """
    geometry = dense_geometry(SIZE)
    logits = dense_logits(geometry, MASKS).to(device)
    ratio = compare(
        'boxes and runs of 100 masks: cropped, against each at full resolution',
        lambda: cropped(logits, geometry),
        lambda: one_by_one(logits, geometry),
        _are_equal,
        at_least=20.0,
        rounds=rounds,
    )
    scores = torch.linspace(1, 0, MASKS, device=device)
    extra = {
        'duplicates_ms': time_ms(lambda: suppress_duplicates(logits, scores, geometry, _MAX_IOU)),
        'with_specks_removed_ms': time_ms(lambda: cropped(logits, geometry, _MIN_REGION)),
    }
    return [replace(ratio, extra=extra)]


def cropped(logits: Tensor, geometry: FrameGeometry, min_region: float = 0.0) -> list[Encoded]:
    """Ours: one copy from the device, and only what a mask covers is resized."""
    [on_host] = to_host(logits)
    crops = crop_masks(on_host, geometry, min_region=min_region)
    return [Encoded(crop.box_xyxy, encode_runs(crop.mask)) for crop in crops.values()]


def one_by_one(logits: Tensor, geometry: FrameGeometry) -> list[Encoded]:
    """The usual way: SAM's ``postprocess_masks``, then pycocotools, for each mask."""
    side, (height, width) = geometry.sam_size, geometry.sam_content
    encoded = []
    for logit in logits:
        framed = interpolate(logit[None, None], (side, side), mode='bilinear', align_corners=False)
        content = framed[..., :height, :width]
        resized = interpolate(
            content, geometry.original_size, mode='bilinear', align_corners=False
        )
        mask = (resized[0, 0] > 0).cpu().numpy()
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        box = int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
        encoded.append(Encoded(box, coco.encode(np.asfortranarray(mask, dtype=np.uint8))))
    return encoded


def _are_equal(ours: list[Encoded], theirs: list[Encoded]) -> bool:
    """The same boxes, and the same pixels in them and nowhere else."""
    if len(ours) != len(theirs):
        return False
    for one, other in zip(ours, theirs, strict=True):
        x1, y1, x2, y2 = one.box_xyxy
        whole = np.zeros(SIZE, np.uint8)
        whole[y1:y2, x1:x2] = decode_runs(one.runs, y2 - y1, x2 - x1)
        if one.box_xyxy != other.box_xyxy or not np.array_equal(whole, coco.decode(other.runs)):
            return False
    return True
