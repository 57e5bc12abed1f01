"""Super-patch: which patch looks for what (paper, Sec. 3.2 and A.2)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rose_model.config import SuperPatchConfig
from rose_model.records import PatchRole


def role_map(config: SuperPatchConfig, grid_size: int) -> NDArray[np.str_]:
    """Role letters ``[S, S]``: the layout, repeated over the grid; empty strings where there are
    no roles.

    Because a 3 x 3 layout repeats with period 3, every 3 x 3 window holds each of its letters as
    often as the layout.
    """
    if not config.layout:
        return np.full((grid_size, grid_size), '', dtype='<U1')
    layout = np.array([list(row) for row in config.layout])
    index = np.arange(grid_size) % len(layout)
    return layout[np.ix_(index, index)]


def region_role(config: SuperPatchConfig, area: float, is_thing: bool) -> PatchRole:
    """The role of the patches that look for a region; ``area`` is its share of the image."""
    if not is_thing:
        return PatchRole.STUFF
    if area < config.small_area:
        return PatchRole.SMALL
    return PatchRole.MEDIUM if area < config.medium_area else PatchRole.LARGE
