"""The records that travel between the stages: small, frozen, typed.

Shape letters: B batch, S grid side, P = S * S patches, N kept patches or segments, T tokens, D
width of the language model, H and W pixels of the camera image.  Records that hold arrays are
equal only to themselves: comparing arrays gives no truth value.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

    from rose_model.preprocess import FrameGeometry


class PatchRole(Enum):
    """What a patch looks for (super-patch, paper A.2); the value is its letter in a layout."""

    SMALL = 'S'
    MEDIUM = 'M'
    LARGE = 'L'
    STUFF = 'T'


class RefinementCase(Enum):
    """The three situations of conversation-based refinement (paper, Sec. 3.4), and a fourth: the
    segment is nothing and goes.
    """

    MASK = 'mask'
    CATEGORY = 'category'
    MISSED = 'missed'
    DELETE = 'delete'


class RefineTarget(Enum):
    """What the user wants changed in a segment; ``AUTO`` lets the text decide."""

    AUTO = 'auto'
    LABEL = 'label'
    MASK = 'mask'
    BOTH = 'both'


@dataclass(frozen=True)
class PointHint:
    """A click on the image: ``x`` and ``y`` in pixels of the original image."""

    x: float
    y: float
    is_foreground: bool


@dataclass(frozen=True, eq=False)
class Segment:
    """One thing or one stuff region, with its generated name.

    ``id`` is unique in its frame.  ``box_xyxy`` is in pixels of the original image, half open,
    never empty, and as tight as the mask.  ``mask`` is bool ``[y2 - y1, x2 - x1]``, cropped to the
    box.  All scores are in [0, 1]:
    ``objectness`` of the patch, ``mask_score`` as SAM's predicted IoU, ``category_score`` as the
    geometric mean of the name's token probabilities.  ``patch`` is the row-major index of the
    patch that predicted it.  ``revision`` is 0 from the model and grows by one with every accepted
    refinement.
    """

    id: str
    category: str
    category_score: float
    objectness: float
    mask_score: float
    is_thing: bool
    box_xyxy: tuple[int, int, int, int]
    mask: NDArray[np.bool_]
    patch: int
    revision: int = 0

    @property
    def area(self) -> int:
        """Number of pixels in the mask."""
        return int(np.count_nonzero(self.mask))

    def full_mask(self, size: tuple[int, int]) -> NDArray[np.bool_]:
        """The mask in the whole image: bool ``[H, W]`` for ``size = (H, W)``."""
        full = np.zeros(size, dtype=bool)
        x1, y1, x2, y2 = self.box_xyxy
        full[y1:y2, x1:x2] = self.mask
        return full


@dataclass(frozen=True, eq=False)
class FrameContext:
    """What a later correction of the frame needs, so that nobody has to send the image again.

    ``lmm_pixels``: uint8 ``[3, L, L]``, the squashed view of the language model.
    ``image_embeddings``:
    ``[1, C, h, w]``, SAM's, in the dtype of the model.
    """

    lmm_pixels: Tensor
    image_embeddings: Tensor
    geometry: FrameGeometry


@dataclass(frozen=True, eq=False)
class Segmentation:
    """One segmented frame; ``segments`` are sorted by area, largest first, so that painting in
    order is right.

    For want of time ``skipped_masks`` patches got no mask and ``skipped_names`` segments the name
    ``''``.
    """

    segments: tuple[Segment, ...]
    original_size: tuple[int, int]
    instruction: str
    context: FrameContext
    skipped_masks: int = 0
    skipped_names: int = 0

    def find(self, segment_id: str) -> Segment | None:
        """The segment of that id, or ``None``."""
        return next((segment for segment in self.segments if segment.id == segment_id), None)

    def with_segments(self, segments: tuple[Segment, ...]) -> Segmentation:
        """The same frame with other segments, sorted again."""
        ordered = sorted(segments, key=lambda segment: segment.area, reverse=True)
        return replace(self, segments=tuple(ordered))


@dataclass(frozen=True, eq=False)
class Refinement:
    """What a correction changed: the new or changed segments, the ids that went, and the corrected
    frame.
    """

    case: RefinementCase
    changed: tuple[Segment, ...]
    removed: tuple[str, ...]
    segmentation: Segmentation
