"""Which patches are kept."""

from __future__ import annotations

import numpy as np
import torch

from rose_model.config import PatchFilterConfig, SuperPatchConfig
from rose_model.patch_filter import distinct_prompts, select_patches
from rose_model.super_patch import role_map

ROLES = role_map(SuperPatchConfig(), 6)
NO_ROLES = np.full((6, 6), '')


def test_the_best_come_first_and_weak_ones_are_left_out() -> None:
    objectness = torch.zeros(36)
    objectness[[3, 9, 20]] = torch.tensor([0.4, 0.9, 0.2])
    kept = select_patches(objectness, ROLES, PatchFilterConfig(min_objectness=0.3))
    assert kept.tolist() == [9, 3]


def test_no_more_than_max_segments_are_kept() -> None:
    kept = select_patches(
        torch.rand(36), ROLES, PatchFilterConfig(max_segments=5, min_objectness=0)
    )
    assert len(kept) == 5


def test_nothing_above_the_threshold_gives_no_patch() -> None:
    kept = select_patches(torch.full((36,), 0.1), ROLES, PatchFilterConfig(min_objectness=0.5))
    assert len(kept) == 0


def test_peaks_keep_one_of_neighbours_with_the_same_role() -> None:
    objectness = torch.zeros(6, 6)
    objectness[2, 2], objectness[2, 3], objectness[5, 5] = 0.9, 0.8, 0.7
    config = PatchFilterConfig(min_objectness=0.3, select='peaks')
    assert select_patches(objectness.flatten(), NO_ROLES, config).tolist() == [14, 35]


def test_peaks_of_different_roles_stand_beside_each_other() -> None:
    objectness = torch.zeros(6, 6)
    objectness[1, 1], objectness[1, 2] = 0.9, 0.8  # one looks for large things, one for medium
    config = PatchFilterConfig(min_objectness=0.3, select='peaks')
    assert len(select_patches(objectness.flatten(), ROLES, config)) == 2


def test_of_like_mask_embeddings_only_the_first_gets_a_mask() -> None:
    first, other = torch.tensor([3.0, 4.0]), torch.tensor([4.0, -3.0])
    embeddings = torch.stack((first, other, 2 * first, first + 0.1 * other, -first))
    assert distinct_prompts(embeddings, 0.999).tolist() == [0, 1, 3, 4]
    assert distinct_prompts(embeddings, 0.99).tolist() == [0, 1, 4]


def test_no_mask_embedding_is_distinct_from_none() -> None:
    assert distinct_prompts(torch.zeros(0, 8), 0.99).shape == (0,)


def test_an_embedding_that_is_not_finite_is_kept_for_the_check_of_its_mask() -> None:
    embeddings = torch.tensor([[1.0, 0.0], [torch.nan, 0.0], [1.0, 0.0]])
    assert distinct_prompts(embeddings, 0.99).tolist() == [0, 1]
