"""Roles of patches, and which patch answers for which region."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from rose_model.config import SuperPatchConfig
from rose_model.data.sample import VOID, LabelledRegion, Sample
from rose_model.data.streets import render_scene
from rose_model.records import PatchRole
from rose_model.super_patch import region_role, role_map
from rose_model.training.targets import assign_patches

GRID = 18
ROLES = SuperPatchConfig()
NO_ROLES = SuperPatchConfig(layout=())
TWO_BY_TWO = SuperPatchConfig(layout=('ST', 'ML'))


def sample_of(*boxes: tuple[int, int, int, int], is_thing: bool = True) -> Sample:
    """Rectangles (x1, y1, x2, y2) in an image of 180 x 180 pixels, ten pixels a patch."""
    index_map = np.full((180, 180), VOID, np.uint8)
    for index, (x1, y1, x2, y2) in enumerate(boxes):
        index_map[y1:y2, x1:x2] = index
    regions = tuple(LabelledRegion('car', 'red', is_thing) for _ in boxes)
    return Sample(np.zeros((180, 180, 3), np.uint8), index_map, regions)


def patches_of(sample: Sample, config: SuperPatchConfig, index: int = 0) -> list[tuple[int, int]]:
    everything = tuple(range(len(sample.regions)))
    owner = assign_patches(sample, everything, config, GRID).region_of_patch
    return [divmod(int(patch), GRID) for patch in np.flatnonzero(owner == index)]


def test_every_window_of_nine_holds_four_small_three_medium_one_large_one_stuff() -> None:
    roles = role_map(ROLES, GRID)
    for row in range(GRID - 2):
        for column in range(GRID - 2):
            window = Counter(roles[row : row + 3, column : column + 3].ravel().tolist())
            assert window == {'S': 4, 'M': 3, 'L': 1, 'T': 1}


def test_without_super_patches_all_nine_neighbours_answer() -> None:
    patches = patches_of(sample_of((80, 80, 100, 100)), NO_ROLES)
    assert len(patches) == 9
    rows, columns = zip(*patches, strict=True)
    assert len(set(rows)) == len(set(columns)) == 3


def test_at_the_border_the_window_is_clipped() -> None:
    assert patches_of(sample_of((0, 0, 10, 10)), NO_ROLES) == [(0, 0), (0, 1), (1, 0), (1, 1)]


@pytest.mark.parametrize(
    ('side', 'expected'), [(8, PatchRole.SMALL), (20, PatchRole.MEDIUM), (60, PatchRole.LARGE)]
)
def test_only_patches_of_the_role_of_a_things_size_answer(side: int, expected: PatchRole) -> None:
    roles = role_map(ROLES, GRID)
    patches = patches_of(sample_of((91, 91, 91 + side, 91 + side)), ROLES)
    assert {roles[patch] for patch in patches} == {expected.value}
    assert len(patches) == {PatchRole.SMALL: 4, PatchRole.MEDIUM: 3, PatchRole.LARGE: 1}[expected]


def test_stuff_is_answered_for_by_stuff_patches_whatever_its_size() -> None:
    assert region_role(ROLES, 0.5, is_thing=False) is PatchRole.STUFF
    assert region_role(ROLES, 0.0001, is_thing=False) is PatchRole.STUFF


def test_two_by_two_layouts_work_too() -> None:
    roles = role_map(TWO_BY_TWO, GRID)
    patches = patches_of(sample_of((91, 91, 151, 151)), TWO_BY_TWO)
    assert patches
    assert {roles[patch] for patch in patches} == {'L'}


def test_a_contested_patch_goes_to_the_nearer_centre() -> None:
    sample = sample_of((80, 85, 90, 95), (100, 85, 110, 95))
    left, right = patches_of(sample, NO_ROLES, 0), patches_of(sample, NO_ROLES, 1)
    assert not set(left) & set(right)
    assert max(column for _, column in left) < max(column for _, column in right)
    assert left
    assert right


def test_a_region_that_lost_all_its_patches_gets_a_free_one_nearby() -> None:
    """Two large things with one centre want the same single patch of the role; neither is lost."""
    index_map = np.full((180, 180), VOID, np.uint8)
    index_map[50:130, 50:130] = 0
    index_map[70:110, 70:110] = 1
    regions = (LabelledRegion('car', 'red', True), LabelledRegion('bus', 'red', True))
    sample = Sample(np.zeros((180, 180, 3), np.uint8), index_map, regions)
    assignment = assign_patches(sample, (0, 1), ROLES, GRID)
    assert assignment.lost == ()
    assert {0, 1} <= set(assignment.region_of_patch.tolist())


def test_nothing_to_assign_leaves_every_patch_free() -> None:
    assignment = assign_patches(sample_of(), (), ROLES, GRID)
    assert (assignment.region_of_patch == -1).all()
    assert assignment.void_patch.all()


def test_hardly_any_region_of_a_street_is_lost() -> None:
    lost = regions = 0
    for number in range(40):
        scene = render_scene(number, (96, 128))
        everything = tuple(range(len(scene.regions)))
        lost += len(assign_patches(scene, everything, ROLES, GRID).lost)
        regions += len(everything)
    assert lost / regions < 0.03
