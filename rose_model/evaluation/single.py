"""A frame with one given segment, as if the model had predicted it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rose_model.mass_centre import centre_patch
from rose_model.postprocess import crop_mask
from rose_model.records import Segment


def segment_of_mask(mask: NDArray[np.bool_], name: str, grid_size: int) -> Segment:
    """A segment with the id ``'1'`` of this mask and this name, at the patch of its mass centre.

    ``mask``: bool ``[H, W]``, not empty.  ``grid_size``: patches along one side.

    Raises:
        ValueError: the mask is empty.
    """
    crop = crop_mask(mask)
    if crop is None:
        raise ValueError('The mask is empty; a segment needs at least one pixel.')
    return Segment(
        id='1',
        category=name,
        category_score=1.0,
        objectness=1.0,
        mask_score=1.0,
        is_thing=True,
        box_xyxy=crop.box_xyxy,
        mask=crop.mask,
        patch=centre_patch(mask, grid_size),
    )
