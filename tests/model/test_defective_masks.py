"""Masks with the faults that a refinement has to mend."""

from __future__ import annotations

import numpy as np

from rose_model.data.defective_masks import defective_mask, mask_iou, merged_mask
from rose_model.data.sample import VOID, LabelledRegion, Sample


def test_defective_masks_have_the_iou_that_was_asked_for() -> None:
    mask = np.zeros((80, 100), bool)
    mask[20:60, 30:80] = True
    ious = []
    for number in range(60):
        damaged = defective_mask(mask, np.random.default_rng(number))
        assert damaged.any()
        ious.append(mask_iou(damaged, mask))
    assert np.mean([0.25 <= iou <= 1 for iou in ious]) > 0.95
    assert min(ious) < 0.55
    assert np.median(ious) < 0.9


def test_two_empty_masks_agree() -> None:
    assert mask_iou(np.zeros((3, 3), bool), np.zeros((3, 3), bool)) == 1.0


def pair(gap: int, width: int) -> Sample:
    """A region of 10 x 10 pixels, and one of ``width`` columns beside it."""
    index_map = np.full((30, 60), VOID, np.uint8)
    index_map[10:20, 5:15] = 0
    index_map[10:20, 15 + gap : 15 + gap + width] = 1
    regions = (LabelledRegion('car', 'red', True), LabelledRegion('car', 'green', True))
    return Sample(np.zeros((30, 60, 3), np.uint8), index_map, regions)


def test_a_merged_mask_holds_a_neighbour_whole() -> None:
    sample = pair(gap=2, width=10)
    merged = merged_mask(sample, 0, np.random.default_rng(0))
    assert merged is not None
    assert np.array_equal(merged, sample.mask(0) | sample.mask(1))


def test_nothing_is_merged_with_what_is_far_or_far_too_large() -> None:
    rng = np.random.default_rng(0)
    assert merged_mask(pair(gap=20, width=10), 0, rng) is None
    assert merged_mask(pair(gap=2, width=40), 0, rng) is None
