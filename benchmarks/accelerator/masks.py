"""R10 on a GPU: from logits to masks of the image, all at once against one by one at full size."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask
from torch import Tensor
from torch.nn.functional import interpolate

from benchmarks.accelerator.reading import Reading
from benchmarks.accelerator.subject import Subject
from benchmarks.accelerator.timer import Timer
from rose_model.host import to_host
from rose_model.postprocess import CroppedMask, crop_masks, keep_unique, shared_pixels
from rose_model.preprocess import FrameGeometry

ROUNDS = 10
_SLOW_ROUNDS = 3


def post_processing(subject: Subject, timer: Timer) -> Iterator[Reading]:
    """100 ellipses in a 1080p image: boxes, masks and run lengths of those that are no duplicates,
    two ways.
    """
    geometry = FrameGeometry.of((subject.image.shape[0], subject.image.shape[1]), subject.config)
    ours = post_process(subject, geometry)
    peers = one_by_one(subject, geometry)
    times = timer.on_clock(lambda: encoded(post_process(subject, geometry)), ROUNDS)
    other = timer.on_clock(lambda: one_by_one(subject, geometry), _SLOW_ROUNDS)
    same = sum(_same(ours.get(row), mask) for row, mask in peers.items())
    yield Reading.of('ours, with run lengths', times, note=f'{len(ours)} masks are left')
    yield Reading.of('one by one at full size', other, note='pycocotools encodes')
    yield Reading('R10: it over ours', other.p50_ms / times.p50_ms, 'x')
    yield Reading('equal masks', same / max(1, len(peers)), 'share', note=f'of {len(peers)}')


def post_process(subject: Subject, geometry: FrameGeometry) -> dict[int, CroppedMask]:
    """Masks without duplicates and specks, by their row."""
    limits, logits = subject.config.postprocess, subject.masks
    scores = logits.new_ones(len(logits))
    on_host, scores, shared = to_host(logits, scores, shared_pixels(logits))
    rows: list[int] = keep_unique(shared, scores, limits.nms_iou).tolist()
    cropped = crop_masks(
        [on_host[row] for row in rows], geometry, limits.min_area, limits.min_region
    )
    return {rows[number]: crop for number, crop in cropped.items()}


def encoded(masks: dict[int, CroppedMask]) -> list[object]:
    """Run lengths of masks that are cut to their boxes."""
    return [coco_mask.encode(np.asfortranarray(crop.mask)) for crop in masks.values()]


def one_by_one(subject: Subject, geometry: FrameGeometry) -> dict[int, NDArray[np.bool_]]:
    """The same masks as one would write it: each resized, copied to the host and encoded at the
    size of the image, duplicates found by comparing pairs.
    """
    limits = subject.config.postprocess
    kept: dict[int, NDArray[np.bool_]] = {}
    for row, logits in enumerate(subject.masks):
        small = (logits > 0).cpu().numpy()
        ious = (_iou(small, (subject.masks[other] > 0).cpu().numpy()) for other in kept)
        if small.any() and all(iou <= limits.nms_iou for iou in ious):
            mask = _full_size(logits, geometry).cpu().numpy()
            coco_mask.encode(np.asfortranarray(mask))
            kept[row] = mask
    return kept


def _iou(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    return float((a & b).sum() / max(1, (a | b).sum()))


def _full_size(logits: Tensor, geometry: FrameGeometry) -> Tensor:
    """SAM's own way: to the padded frame, without the padding, to the image."""
    side, (height, width) = geometry.sam_size, geometry.sam_content
    framed = interpolate(logits[None, None], (side, side), mode='bilinear', align_corners=False)
    image = interpolate(
        framed[..., :height, :width],
        geometry.original_size,
        mode='bilinear',
        align_corners=False,
    )
    return image[0, 0] > 0


def _same(crop: CroppedMask | None, full: NDArray[np.bool_]) -> bool:
    if crop is None:
        return False
    x1, y1, x2, y2 = crop.box_xyxy
    inside = full[y1:y2, x1:x2]
    return bool(np.array_equal(inside, crop.mask)) and int(inside.sum()) == int(full.sum())
