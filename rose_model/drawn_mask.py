"""The given mask of a refinement drawn into the image in place of a fourth channel: an ablation
arm (paper, Table 6).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

MASK_COLOUR = (-1.0, 1.0, -1.0)
BOX_COLOUR = (1.0, -1.0, -1.0)
"""Green and red, as the vision tower sees colours: in [-1, 1].  The paper tells none."""
OPACITY = 0.5
LINES = 144
"""The outline of a box is one part in so many of the image's side thick, a pixel at least."""


def draw_mask(pixels: Tensor, *, with_box: bool) -> Tensor:
    """Input of the vision tower with its mask drawn over the colours, and no mask in the fourth
    channel; without a mask the image stays as it is.

    ``pixels``: float ``[B, 4, L, L]``, colours in [-1, 1], mask in [0, 1].  ``with_box``: the
    outline of the tight box around the mask is drawn, too.
    """
    colours, mask = pixels[:, :3], pixels[:, 3:]
    shown = colours.lerp(_colour(MASK_COLOUR, colours), OPACITY * mask)
    if with_box:
        outline = _outline(mask >= 0.5, max(1, pixels.shape[-1] // LINES))
        shown = torch.where(outline, _colour(BOX_COLOUR, colours), shown)
    return torch.cat((shown, torch.zeros_like(mask)), dim=1)


def _colour(colour: tuple[float, float, float], like: Tensor) -> Tensor:
    return like.new_tensor(colour).view(1, 3, 1, 1).expand_as(like)


def _outline(mask: Tensor, thickness: int) -> Tensor:
    """The edge of each mask's box, inside of it: bool ``[B, 1, L, L]``; none of an empty mask."""
    box = _span(mask.any(-1))[..., None] & _span(mask.any(-2))[..., None, :]
    # Beyond the image is beyond the box, or a box at the image's edge would have no line there.
    outside = functional.pad((~box).float(), [thickness] * 4, value=1.0)
    near = functional.max_pool2d(outside, 2 * thickness + 1, stride=1) > 0
    return box & near


def _span(occupied: Tensor) -> Tensor:
    """From the first to the last true of the last axis."""
    counted = occupied.cumsum(-1)
    return (counted > 0) & (counted - occupied.long() < counted[..., -1:])
