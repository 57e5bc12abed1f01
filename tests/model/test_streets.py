"""Procedural streets: the same scene for the same number, with true masks."""

from __future__ import annotations

import hashlib
import itertools

import numpy as np
import pytest

from rose_model.data.sample import VOID
from rose_model.data.street_backdrop import STUFF
from rose_model.data.street_shapes import COLOURS, DRAW, PATTERNS
from rose_model.data.streets import MIN_VISIBLE_SHARE, THINGS, render_scene
from rose_model.evaluation.streets import SPLITS, SceneStatistics
from rose_model.training.recipe import read_recipe

SIZE = (96, 128)


def test_a_number_gives_the_same_scene_every_time() -> None:
    first, second = render_scene(7, SIZE), render_scene(7, SIZE)
    assert np.array_equal(first.image, second.image)
    assert np.array_equal(first.index_map, second.index_map)
    assert first.regions == second.regions


def test_different_numbers_give_different_scenes() -> None:
    images = {hashlib.sha256(render_scene(n, SIZE).image).digest() for n in range(50)}
    assert len(images) == 50


def test_training_and_test_scenes_are_disjoint() -> None:
    recipe = read_recipe('nano')
    ranges = [range(SPLITS['test'].first, SPLITS['test'].first + 100_000)]
    for stage in (recipe.vision, recipe.whole):
        ranges.append(range(stage.first_scene, stage.first_scene + stage.steps * stage.batch_size))
    ranges.sort(key=lambda numbers: numbers.start)
    for earlier, later in itertools.pairwise(ranges):
        assert earlier.stop <= later.start


def test_every_pixel_is_of_one_region_or_void_and_no_region_is_tiny() -> None:
    for number in range(20):
        scene = render_scene(number, SIZE)
        used = set(np.unique(scene.index_map).tolist()) - {VOID}
        assert used == set(range(len(scene.regions)))
        for index in used:
            assert scene.mask(index).mean() >= MIN_VISIBLE_SHARE


def test_every_thing_can_be_drawn_with_each_of_its_attributes() -> None:
    assert set(DRAW) == set(THINGS)
    for kind in THINGS.values():
        assert set(kind.attributes) <= {*COLOURS, *PATTERNS}


def test_names_are_attribute_and_noun_for_things_and_the_noun_for_stuff() -> None:
    for region in render_scene(3, SIZE).regions:
        words = {True: f'{region.attribute} {region.noun}', False: region.noun}
        assert region.name == words[region.is_thing]
        assert (region.noun in THINGS) == region.is_thing
        assert (region.noun in STUFF) != region.is_thing


def test_a_scene_without_things_has_only_stuff() -> None:
    scene = render_scene(5, SIZE, things=(0, 0))
    assert scene.regions
    assert not any(region.is_thing for region in scene.regions)


def test_hidden_things_say_how_much_of_them_is_hidden() -> None:
    occlusions = [
        region.occlusion
        for number in range(60)
        for region in render_scene(number, SIZE).regions
        if region.is_thing
    ]
    assert all(0 <= occlusion < 1 for occlusion in occlusions)
    assert any(occlusion > 0.2 for occlusion in occlusions)


def test_a_scene_that_is_played_moves_its_things_and_keeps_the_street() -> None:
    now, later = render_scene(11, SIZE), render_scene(11, SIZE, time_s=1.0)
    assert {r.name for r in later.regions} & {r.name for r in now.regions}
    assert not np.array_equal(now.index_map, later.index_map)
    sky = next(i for i, region in enumerate(now.regions) if region.noun == 'sky')
    same = next(i for i, region in enumerate(later.regions) if region.noun == 'sky')
    assert (now.mask(sky) & later.mask(same)).sum() > 0.8 * now.mask(sky).sum()


def test_an_image_too_small_for_a_street_is_refused() -> None:
    with pytest.raises(ValueError, match='at least 24 x 24'):
        render_scene(0, (10, 100))


def test_the_statistics_of_the_test_scenes_are_fixed() -> None:
    """Figures of different versions may be compared only while the scenes are the same."""
    statistics = SceneStatistics()
    for number in range(SPLITS['test'].first, SPLITS['test'].first + 60):
        scene = render_scene(number, (120, 160))
        statistics.add(scene, 9 * scene.index_map.size / 18**2)
    figures = statistics.figures()
    assert figures['things_per_scene'] == pytest.approx(4.55, abs=0.05)
    assert figures['large_things_per_scene'] == pytest.approx(2.2, abs=0.05)
    assert figures['occluded_share'] == pytest.approx(0.256, abs=0.02)
    assert figures['area_quartiles'] == pytest.approx([0.01214, 0.02505, 0.05698], rel=0.05)
