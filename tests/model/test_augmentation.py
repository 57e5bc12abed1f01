"""Photographs changed at random keep their labels."""

from __future__ import annotations

import numpy as np
import pytest

from rose_model.data.sample import VOID, LabelledRegion, Sample
from rose_model.data.streets import render_scene
from rose_model.training.augmentation import augment

SIZE = (45, 60)


def test_the_same_seed_gives_the_same_image() -> None:
    scene = render_scene(1, (90, 120))
    first, second, other = (augment(scene, seed, SIZE) for seed in (7, 7, 8))
    assert np.array_equal(first.image, second.image)
    assert np.array_equal(first.index_map, second.index_map)
    assert not np.array_equal(first.image, other.image)


@pytest.mark.parametrize('seed', range(8))
def test_labels_move_with_their_pixels(seed: int) -> None:
    """Two halves of different colours: wherever a pixel is dark, its label says so."""
    image = np.full((60, 80, 3), 30, np.uint8)
    image[:, 40:] = 220
    index_map = np.zeros((60, 80), np.uint8)
    index_map[:, 40:] = 1
    regions = (LabelledRegion('dark', '', False), LabelledRegion('bright', '', False))
    changed = augment(Sample(image, index_map, regions), seed, SIZE)
    assert changed.image.shape == (*SIZE, 3)
    names = np.array([*(region.noun for region in changed.regions)])
    if len(names) == 2:
        dark = changed.image[changed.index_map == list(names).index('dark')].mean()
        bright = changed.image[changed.index_map == list(names).index('bright')].mean()
        assert dark + 40 < bright


@pytest.mark.parametrize('seed', range(5))
def test_regions_that_are_cut_away_are_gone(seed: int) -> None:
    changed = augment(render_scene(seed, (90, 120)), seed, SIZE)
    present = set(np.unique(changed.index_map).tolist()) - {VOID}
    assert present == set(range(len(changed.regions)))


def test_global_randomness_is_left_alone() -> None:
    import torch

    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    augment(render_scene(1, (60, 80)), 1, SIZE)
    assert torch.equal(torch.rand(1), expected)


def test_an_image_without_regions_stays_so() -> None:
    empty = Sample(np.zeros((40, 50, 3), np.uint8), np.full((40, 50), VOID, np.uint8), ())
    assert augment(empty, 0, SIZE).regions == ()
