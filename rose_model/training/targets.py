"""Which patch answers for which region (paper, Sec. 3.2 and A.2)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rose_model.config import SuperPatchConfig
from rose_model.data.sample import VOID, Sample
from rose_model.mass_centre import cell_at, mass_centre, square_around
from rose_model.super_patch import region_role, role_map

_RESCUE_RADIUS = 2
"""How far, in patches, a region that lost all its patches may look for a free one."""


@dataclass(frozen=True, eq=False)
class Assignment:
    """``region_of_patch``: int64 ``[P]``, index of the region that each patch answers for, or -1.

    ``window_of_patch``: bool ``[P]``, patches beside a region's centre, whatever their role.
    ``void_patch``: bool ``[P]``, patches whose centre nobody has labelled.  ``lost``: regions that
    no patch answers for.
    """

    region_of_patch: NDArray[np.int64]
    window_of_patch: NDArray[np.bool_]
    void_patch: NDArray[np.bool_]
    lost: tuple[int, ...]


def assign_patches(
    sample: Sample, indices: tuple[int, ...], config: SuperPatchConfig, grid_size: int
) -> Assignment:
    """Give each of the regions ``indices`` its patches: 3 x 3 around its mass centre, those of its
    role only.

    A patch wanted by two regions goes to the one whose centre is nearer, then to the smaller.  A
    region left without any gets the nearest free patch of its role within two steps, or is lost.
    """
    roles = role_map(config, grid_size)
    owner = np.full((grid_size, grid_size), -1, np.int64)
    nearest = np.full((grid_size, grid_size), np.inf)
    window = np.zeros((grid_size, grid_size), bool)
    areas = {index: float(sample.mask(index).mean()) for index in indices}
    centres = {}
    for index in sorted(indices, key=lambda index: areas[index]):
        x, y = mass_centre(sample.mask(index))
        centre = centres[index] = (float(y) * grid_size - 0.5, float(x) * grid_size - 0.5)
        mine = _role_patches(roles, config, areas[index], sample.regions[index].is_thing)
        distance = _distance(centre, grid_size)
        near = square_around(cell_at(x, y, grid_size), grid_size)
        window |= near
        won = near & mine & (distance < nearest)
        owner[won], nearest[won] = index, distance[won]
    lost = []
    for index in indices:
        if (owner == index).any():
            continue
        mine = _role_patches(roles, config, areas[index], sample.regions[index].is_thing)
        distance = np.where(mine & (owner < 0), _distance(centres[index], grid_size), np.inf)
        best = np.unravel_index(int(distance.argmin()), distance.shape)
        if distance[best] <= _RESCUE_RADIUS * np.sqrt(2):
            owner[best] = index
        else:
            lost.append(index)
    void = sample.under_patch_centres(grid_size) == VOID
    return Assignment(owner.ravel(), window.ravel(), void, tuple(lost))


def _role_patches(
    roles: NDArray[np.str_], config: SuperPatchConfig, area: float, is_thing: bool
) -> NDArray[np.bool_]:
    if not config.layout:
        return np.ones(roles.shape, bool)
    mine: NDArray[np.bool_] = roles == region_role(config, area, is_thing).value
    return mine


def _distance(centre: tuple[float, float], grid_size: int) -> NDArray[np.float64]:
    rows, columns = np.ogrid[:grid_size, :grid_size]
    distance: NDArray[np.float64] = np.hypot(rows - centre[0], columns - centre[1])
    return distance
