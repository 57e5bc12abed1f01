"""A mask, reduced to SAM's resolution and brought back, lies where it lay.

What comes back is the level 0 of ``2 p - 1``, linear between low-resolution pixels, where ``p`` is
the share that the mask covers.  Of a straight border this level strays by up to
``f - 2 f / (1 + 2 f)``, at most 0.086 of a low-resolution pixel, whatever the geometry.  More than
that, and the rounding to an image's pixels, would be a fault of the geometry.
"""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from segment_anything.utils.transforms import ResizeLongestSide

from rose_model.config import RoseConfig
from rose_model.data.defective_masks import mask_iou
from rose_model.data.sample import VOID, LabelledRegion, Sample
from rose_model.postprocess import crop_masks
from rose_model.preprocess import FrameGeometry, fitted_size, reduce_mask
from rose_model.presets import nano, rose_7b
from rose_model.training.mask_targets import content_target, mask_targets

STRAY = 0.09
CONFIGS = {'nano': nano(), 'rose_7b': rose_7b()}
SIZES = [
    (333, 500),
    (480, 640),
    (427, 640),
    (1080, 1920),
    (300, 800),
    (375, 1242),
    (201, 1000),
    (230, 230),
    (7, 1000),
    (1, 1),
]
SIZES += [size[::-1] for size in SIZES if size[0] != size[1]]


def round_trip(mask: np.ndarray, config: RoseConfig) -> np.ndarray:
    size = (mask.shape[0], mask.shape[1])
    geometry = FrameGeometry.of(size, config)
    logits = 2 * reduce_mask(mask, geometry, config.sam) - 1
    back = np.zeros(size, bool)
    for crop in crop_masks([logits], geometry).values():
        x1, y1, x2, y2 = crop.box_xyxy
        back[y1:y2, x1:x2] = crop.mask
    return back


def check_edges(size: tuple[int, int], config: RoseConfig, count: int) -> None:
    """Masks that end at some row, or column, are cut there again; close to the image's border a
    low-resolution pixel is all or nothing.
    """
    extent = FrameGeometry.of(size, config).extent_in(config.sam.mask_size)
    for axis in (0, 1):
        length, step = size[axis], size[axis] / extent[axis]
        for edge in np.unique(np.linspace(0, length, count).astype(int)):
            along = np.arange(length) < edge
            mask = np.broadcast_to(along[:, None] if axis == 0 else along, size)
            back = round_trip(mask, config)
            found = back.any(axis=1 - axis).sum()
            assert back.sum() == found * size[1 - axis]
            is_inside = step < edge < length - step
            assert abs(found - edge) <= (STRAY if is_inside else 0.5) * step + 0.5 + 1e-6


@pytest.mark.parametrize('name', CONFIGS)
@pytest.mark.parametrize('size', SIZES)
def test_straight_borders_come_back_where_they_were(size: tuple[int, int], name: str) -> None:
    check_edges(size, CONFIGS[name], 12)


@settings(max_examples=40, deadline=None)
@given(st.tuples(st.integers(1, 900), st.integers(1, 900)))
def test_straight_borders_come_back_in_images_of_any_size(size: tuple[int, int]) -> None:
    check_edges(size, CONFIGS['nano'], 6)


def ellipse(size: tuple[int, int], random: np.random.Generator) -> np.ndarray:
    """A mask that covers 10 to 60 % of the image, its centre in it, its axes 1 : 2 at most."""
    while True:
        ratio = np.exp(random.uniform(-0.35, 0.35))
        radius = np.sqrt(random.uniform(0.1, 0.9) * size[0] * size[1] / np.pi)
        centre = (random.uniform(0, size[1]), random.uniform(0, size[0]))
        axes = (2 * radius * ratio, 2 * radius / ratio)
        drawn = np.zeros(size, np.uint8)
        cv2.ellipse(drawn, (centre, axes, random.uniform(0, 180)), 1, -1)
        if 0.1 <= drawn.mean() <= 0.6:
            return drawn == 1


@pytest.mark.parametrize(('name', 'least'), [('nano', 0.985), ('rose_7b', 0.995)])
@pytest.mark.parametrize('size', [size for size in SIZES if min(size) >= 200])
def test_large_smooth_masks_come_back(size: tuple[int, int], name: str, least: float) -> None:
    """Of nano's masks a pixel is up to 20 x 20 of the image's: a stray of 0.05 shows there."""
    random = np.random.default_rng(size)
    for _ in range(6):
        mask = ellipse(size, random)
        assert mask_iou(round_trip(mask, CONFIGS[name]), mask) >= least


@pytest.mark.parametrize('name', CONFIGS)
@pytest.mark.parametrize('size', SIZES)
def test_all_and_nothing_come_back(size: tuple[int, int], name: str) -> None:
    assert round_trip(np.ones(size, bool), CONFIGS[name]).all()
    assert not round_trip(np.zeros(size, bool), CONFIGS[name]).any()


@pytest.mark.parametrize('name', CONFIGS)
@pytest.mark.parametrize('size', SIZES)
def test_the_content_of_a_target_is_what_the_way_back_reads(
    size: tuple[int, int], name: str
) -> None:
    config = CONFIGS[name]
    geometry = FrameGeometry.of(size, config)
    road = LabelledRegion('road', '', False)
    sample = Sample(np.zeros((*size, 3), np.uint8), np.zeros(size, np.uint8), (road,))
    content = content_target(sample, geometry, config.sam)
    height, width = geometry.content_in(config.sam.mask_size)
    assert content[:height, :width].all()
    assert content.sum() == height * width
    [target] = mask_targets(sample, (0,), geometry, config.sam)
    assert (target == content.float()).all()


def test_what_nobody_labelled_is_no_content() -> None:
    config = CONFIGS['nano']
    geometry = FrameGeometry.of((480, 640), config)
    index_map = np.full((480, 640), VOID, np.uint8)
    index_map[:, 320:] = 0
    sample = Sample(
        np.zeros((480, 640, 3), np.uint8), index_map, (LabelledRegion('road', '', False),)
    )
    content = content_target(sample, geometry, config.sam)
    assert not content[:, :48].any()
    assert content[:72, 48:].all()
    assert not content[72:].any()


@settings(max_examples=300, deadline=None)
@given(
    st.tuples(st.integers(1, 5000), st.integers(1, 5000)), st.sampled_from([64, 192, 768, 1024])
)
def test_the_content_is_as_large_as_segment_anything_makes_it(
    size: tuple[int, int], side: int
) -> None:
    height, width = ResizeLongestSide.get_preprocess_shape(*size, side)
    assert fitted_size(size, side) == (max(1, height), max(1, width))


def test_a_half_pixel_of_content_is_rounded_up_as_in_segment_anything() -> None:
    assert fitted_size((15, 640), 192) == (5, 192)  # 4.5, which Python rounds to 4
