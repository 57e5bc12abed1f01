"""One patch for a mass centre, whoever asks."""

from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rose_model.answer_segmenter import _centre
from rose_model.config import SuperPatchConfig
from rose_model.data.sample import VOID, LabelledRegion, Sample
from rose_model.evaluation.single import segment_of_mask
from rose_model.mass_centre import cell_at, centre_patch, mass_centre, square_around
from rose_model.records import Segment, Segmentation
from rose_model.regions import merge
from rose_model.training.targets import assign_patches

NO_ROLES = SuperPatchConfig(layout=())
GRIDS = st.sampled_from([3, 18, 48])


def rectangle(size: tuple[int, int], box: tuple[int, int, int, int]) -> np.ndarray:
    x1, y1, x2, y2 = box
    mask = np.zeros(size, bool)
    mask[y1:y2, x1:x2] = True
    return mask


def patch_of_labels(mask: np.ndarray, grid: int) -> int:
    """The middle of the window that training labels; the window is not cut off."""
    index_map = np.where(mask, 0, VOID).astype(np.uint8)
    region = LabelledRegion('car', '', True)
    sample = Sample(np.zeros((*mask.shape, 3), np.uint8), index_map, (region,))
    window = np.flatnonzero(assign_patches(sample, (0,), NO_ROLES, grid).window_of_patch)
    assert len(window) == 9
    return int(window[4])


def patch_of_regions(mask: np.ndarray, grid: int) -> int:
    """Of a segment that was found in a part of the image, five pixels smaller on each side."""
    height, width = mask.shape
    context = SimpleNamespace(geometry=SimpleNamespace(grid_size=grid))
    whole = Segmentation((), mask.shape, '', context)
    part_mask = mask[5:-5, 5:-5]
    segment = segment_of_mask(part_mask, 'car', grid)
    part = Segmentation((segment,), part_mask.shape, '', context)
    [placed] = merge(whole, [((5, 5, width - 5, height - 5), part)]).segments
    return placed.patch


def patch_of_answers(mask: np.ndarray, grid: int) -> int:
    segment = segment_of_mask(mask, 'car', grid)
    geometry = SimpleNamespace(grid_size=grid, original_size=mask.shape)
    return _centre(segment, SimpleNamespace(geometry=geometry))


@pytest.mark.parametrize('size', [(180, 180), (480, 640), (360, 270)])
@pytest.mark.parametrize('grid', [18, 48])
def test_a_centre_on_a_border_of_patches_has_the_same_patch_everywhere(
    size: tuple[int, int], grid: int
) -> None:
    """Python's ``round`` took such a centre to the even neighbour, ``int`` to the lower right."""
    rows, columns = (
        [place for place in range(2, grid - 2) if 2 * place * length % grid == 0]
        for length in size
    )
    for row, column in [(row, column) for row in rows for column in columns][::7]:
        x2, y2 = 2 * column * size[1] // grid, 2 * row * size[0] // grid  # in half pixels
        left, top = (x2 - 3) // 2, (y2 - 3) // 2
        mask = rectangle(size, (left, top, x2 - left, y2 - top))
        assert mass_centre(mask) == (Fraction(column, grid), Fraction(row, grid))
        patches = [
            centre_patch(mask, grid),
            segment_of_mask(mask, 'car', grid).patch,
            patch_of_labels(mask, grid),
            patch_of_regions(mask, grid),
            patch_of_answers(mask, grid),
        ]
        assert patches == 5 * [row * grid + column]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31), GRIDS, st.tuples(st.integers(1, 60), st.integers(1, 60)))
def test_a_crop_has_the_centre_of_the_whole_mask(
    seed: int, grid: int, size: tuple[int, int]
) -> None:
    mask = np.random.default_rng(seed).random(size) < 0.1
    mask[-1, -1] = True
    segment: Segment = segment_of_mask(mask, 'car', grid)
    corner = segment.box_xyxy[:2]
    assert mass_centre(segment.mask, corner, size) == mass_centre(mask)
    rows, columns = np.nonzero(mask)
    x, y = map(float, mass_centre(mask))
    assert x == pytest.approx((columns.mean() + 0.5) / size[1])
    assert y == pytest.approx((rows.mean() + 0.5) / size[0])
    assert 0 <= segment.patch < grid * grid


def test_a_patch_holds_its_upper_left_borders_and_not_its_lower_right_ones() -> None:
    assert cell_at(0.0, 0.0, 4) == (0, 0)
    assert cell_at(0.25, 0.5, 4) == (2, 1)
    assert cell_at(Fraction(1, 4) - Fraction(1, 10**9), 0.999, 4) == (3, 0)


def test_an_empty_mask_has_no_centre() -> None:
    with pytest.raises(ValueError, match='at least one pixel'):
        mass_centre(np.zeros((3, 4), bool))


def test_a_square_is_cut_off_at_the_borders() -> None:
    assert square_around((2, 2), 5).sum() == 9
    assert square_around((2, 2), 5)[1:4, 1:4].all()
    assert np.argwhere(square_around((0, 4), 5)).tolist() == [[0, 3], [0, 4], [1, 3], [1, 4]]
    assert square_around((2, 2), 5, radius=0).sum() == 1
    assert square_around((0, 0), 1, radius=3).all()
