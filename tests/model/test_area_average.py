"""Averages of masks by area."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rose_model.area_average import average_by_area, cells_along


def averaged(mask: np.ndarray, height: float, width: float) -> np.ndarray:
    rows, columns = cells_along(mask.shape[0], height), cells_along(mask.shape[1], width)
    return average_by_area(mask, rows, columns)


def overlaps(length: int, extent: float) -> np.ndarray:
    """How much of each cell each pixel covers, the plain way: ``[N, L]``."""
    edges = np.minimum(np.arange(np.ceil(extent) + 1) * length / extent, length)
    pixels = np.arange(length)
    low = np.maximum(edges[:-1, None], pixels)
    high = np.minimum(edges[1:, None], pixels + 1)
    return (high - low).clip(0) / np.diff(edges)[:, None]


@settings(max_examples=100, deadline=None)
@given(
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.tuples(st.integers(1, 120), st.integers(1, 120)),
    st.integers(0, 2**31),
)
def test_a_cell_has_the_share_of_its_area_that_the_mask_covers(
    size: tuple[int, int], quarters: tuple[int, int], seed: int
) -> None:
    mask = np.random.default_rng(seed).random(size) < 0.4
    height, width = (count / 4 for count in quarters)
    expected = overlaps(size[0], height) @ mask @ overlaps(size[1], width).T
    np.testing.assert_allclose(averaged(mask, height, width), expected, atol=2e-3)


@pytest.mark.parametrize(
    ('size', 'cells'),
    [((480, 640), (72, 96)), ((333, 500), (144, 144)), ((20, 30), (96, 96)), ((7, 9), (7, 9))],
)
def test_where_both_axes_shrink_or_both_grow_it_is_opencvs(
    size: tuple[int, int], cells: tuple[int, int]
) -> None:
    mask = np.random.default_rng(0).random(size) < 0.4
    expected = cv2.resize(mask.astype(np.float32), cells[::-1], interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(averaged(mask, *cells), expected, atol=1e-4)


@settings(max_examples=50, deadline=None)
@given(
    st.tuples(st.integers(1, 3000), st.integers(1, 3000)),
    st.tuples(st.integers(1, 1024), st.integers(1, 1024)),
)
def test_all_is_exactly_one_and_nothing_exactly_zero(
    size: tuple[int, int], quarters: tuple[int, int]
) -> None:
    height, width = (count / 4 for count in quarters)
    assert (averaged(np.ones(size, bool), height, width) == 1).all()
    assert (averaged(np.zeros(size, bool), height, width) == 0).all()


def test_a_last_cell_that_is_cut_off_is_averaged_over_what_is_left() -> None:
    mask = np.zeros((5, 1), bool)
    mask[4] = True  # cells of two pixels: the last one has a single pixel
    assert averaged(mask, 2.5, 1.0)[:, 0].tolist() == [0.0, 0.0, 1.0]


def test_a_mask_may_be_a_view_that_runs_backwards() -> None:
    mask = np.random.default_rng(0).random((30, 40)) < 0.4
    flipped = mask[::-1, ::-1]
    assert np.array_equal(averaged(flipped, 7.5, 9.0), averaged(flipped.copy(), 7.5, 9.0))
