"""Segments as plain data: nothing is lost, and nothing false is read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import array_shapes, arrays

from rose_model.errors import DataError
from rose_model.records import Segment
from rose_model.segment_record import SegmentRecord

SIZE = (20, 30)


def make_segment(mask: np.ndarray, corner: tuple[int, int] = (2, 3)) -> Segment:
    (x1, y1), (height, width) = corner, mask.shape
    box = (x1, y1, x1 + width, y1 + height)
    return Segment('7', 'red car', 0.12345, 0.5, 0.25, True, box, mask, 3, 2)


@given(arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=9)).filter(np.any))
def test_a_mask_comes_back_as_it_was(mask: np.ndarray) -> None:
    segment = make_segment(mask)
    text = SegmentRecord.of(segment).model_dump_json()
    record = SegmentRecord.model_validate_json(text)
    assert np.array_equal(record.full_mask(SIZE), segment.full_mask(SIZE))
    assert (record.id, record.category, record.category_score) == ('7', 'red car', 0.1235)
    assert (record.area, record.revision, record.is_thing) == (segment.area, 2, True)


@pytest.mark.parametrize(
    ('change', 'told'),
    [
        ({'box_xyxy': (2, 3, 31, 5)}, 'has the box'),
        ({'box_xyxy': (5, 3, 5, 5)}, 'has the box'),
        ({'counts': [0, 5]}, 'add up to 5 pixels, its box has 6'),
        ({'counts': []}, 'add up to 0'),
        ({'counts': [0, 2**70]}, 'add up to'),
        ({'area': 5}, 'says 5 pixels, its mask has 6'),
        ({'counts': [6], 'area': 0}, 'says 0 pixels'),
    ],
)
def test_a_mask_that_cannot_be_is_refused(change: dict[str, Any], told: str) -> None:
    record = SegmentRecord.of(make_segment(np.ones((2, 3), bool)))
    with pytest.raises(DataError, match=told):
        record.model_copy(update=change).full_mask(SIZE)
