"""What follows the mask decoder, its logits on the device (R10)."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.accelerator.reading import Reading
from benchmarks.accelerator.subject import Subject
from benchmarks.accelerator.timer import Timer
from benchmarks.ratios.masks import r10
from rose_model.host import to_host
from rose_model.postprocess import CroppedMask, crop_masks, keep_unique, shared_pixels
from rose_model.preprocess import FrameGeometry

ROUNDS = 7


def post_processing(subject: Subject, _timer: Timer) -> Iterator[Reading]:
    """R10; both ways end on the host, so that the clock may time them."""
    [ratio] = r10(str(subject.rose.device), ROUNDS)
    equal = 'equal' if ratio.outputs_equal else 'OUTPUTS DIFFER'
    yield Reading('ours', ratio.a_ms, rounds=2 * ROUNDS, note=ratio.name)
    yield Reading('each at full resolution', ratio.b_ms, rounds=ROUNDS)
    yield Reading('R10', ratio.ratio, 'x', note=f'{equal}, A/A {100 * ratio.aa_spread:.1f} %')
    for name, value in ratio.extra.items():
        yield Reading(name.removesuffix('_ms'), value)


def post_process(subject: Subject, geometry: FrameGeometry) -> dict[int, CroppedMask]:
    """The forced masks without duplicates and specks, by their row, as a frame finishes them."""
    limits, logits = subject.config.postprocess, subject.masks
    scores = logits.new_ones(len(logits))
    on_host, scores, shared = to_host(logits, scores, shared_pixels(logits, geometry))
    rows: list[int] = keep_unique(shared, scores, limits.nms_iou).tolist()
    cropped = crop_masks(
        [on_host[row] for row in rows], geometry, limits.min_area, limits.min_region
    )
    return {rows[number]: crop for number, crop in cropped.items()}
