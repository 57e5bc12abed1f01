"""One annotated image, the form in which every data set hands over its samples."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

VOID = 255
"""Index in ``Sample.index_map`` of pixels that nobody has labelled: never a positive, never a
negative.
"""


@dataclass(frozen=True)
class LabelledRegion:
    """A thing or one stuff class of an image.

    ``attribute`` is empty where the name is the noun alone.  ``occlusion`` is the hidden share in
    [0, 1] of what would be visible in the image without the things in front.
    """

    noun: str
    attribute: str
    is_thing: bool
    occlusion: float = 0.0

    @property
    def name(self) -> str:
        """The category to be generated: ``'red car'``, ``'road'``."""
        return f'{self.attribute} {self.noun}' if self.attribute else self.noun


@dataclass(frozen=True, eq=False)
class Sample:
    """An image with its regions.

    ``image``: uint8 RGB ``[H, W, 3]``.  ``index_map``: uint8 ``[H, W]``, each pixel the index of
    its region in ``regions``, or ``VOID``; visible parts only, so regions never overlap.
    ``lost``: the names of what was annotated and is no region here, because something else covers
    it or a map cannot hold so many.
    """

    image: NDArray[np.uint8]
    index_map: NDArray[np.uint8]
    regions: tuple[LabelledRegion, ...]
    lost: tuple[str, ...] = field(default=(), kw_only=True)

    def mask(self, index: int) -> NDArray[np.bool_]:
        """The visible mask of region ``index``: bool ``[H, W]``."""
        mask: NDArray[np.bool_] = self.index_map == index
        return mask

    def under_patch_centres(self, grid_size: int) -> NDArray[np.uint8]:
        """``index_map`` under the centre of each of S x S patches: uint8 ``[P]``, row by row."""
        height, width = self.index_map.shape
        steps = (np.arange(grid_size) + 0.5) / grid_size
        rows, columns = (steps * height).astype(int), (steps * width).astype(int)
        return self.index_map[np.ix_(rows, columns)].ravel()


def box_in_shares(mask: NDArray[np.bool_]) -> tuple[float, float, float, float]:
    """The tight box (x1, y1, x2, y2) of a mask that is not empty, in shares of the image."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    height, width = mask.shape
    return (
        float(columns[0] / width),
        float(rows[0] / height),
        float((columns[-1] + 1) / width),
        float((rows[-1] + 1) / height),
    )
