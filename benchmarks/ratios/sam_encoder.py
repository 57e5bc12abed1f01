"""R9: attention with relative positions in SAM's image encoder, against segment_anything's own.

ViT-H's width, 64 x 64 tokens, two blocks with windows and one over the whole image, the same
weights.  Blocks are run without their MLPs, which are the same on both sides and the larger half.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from benchmarks.random_weights import randomised
from benchmarks.ratios.ratio import Ratio, compare
from benchmarks.reference_sam import reference_sam
from rose_model.backbones.sam import Sam
from rose_model.presets import rose_7b

LAYERS, GLOBAL_LAYERS = 3, (1,)
TOLERANCES = {torch.float32: 1e-5, torch.bfloat16: 0.02}
"""Largest distance of the outputs, as a share of their size (root mean square)."""


class _NoMlp(nn.Module):
    """What a block adds without an MLP."""

    def forward(self, x: Tensor) -> Tensor:
        """Nothing."""
        return x.new_zeros(())


def r9() -> list[Ratio]:
    """In float32, and in bfloat16."""
    return [_measure(dtype) for dtype in TOLERANCES]


def _measure(dtype: torch.dtype) -> Ratio:
    changes = {'layers': LAYERS, 'global_layers': GLOBAL_LAYERS}
    config = rose_7b().sam.model_copy(update=changes)
    sam = randomised(partial(Sam, config), dtype)
    for name, parameter in sam.named_parameters():
        if 'rel_pos' in name:
            parameter.normal_(std=0.3, generator=torch.Generator().manual_seed(0))
    ours, theirs = (
        nn.Sequential(*encoder.blocks)
        for encoder in (sam.image_encoder, reference_sam(sam).image_encoder)
    )
    for block in (*ours, *theirs):
        block.mlp = _NoMlp()
    side = config.embedding_size
    tokens = torch.randn(1, side, side, config.width, generator=torch.Generator().manual_seed(1))
    tokens = tokens.to(dtype)
    return compare(
        f"attention of three blocks of SAM ViT-H's width in {str(dtype).removeprefix('torch.')}, "
        "against segment_anything's",
        partial(ours, tokens),
        partial(theirs, tokens),
        partial(is_close, tolerance=TOLERANCES[dtype]),
    )


def is_close(ours: Tensor, theirs: Tensor, tolerance: float) -> bool:
    """Whether two outputs are as near to each other as roundings let them be."""
    distance = (ours.float() - theirs.float()).norm() / theirs.float().norm()
    return bool(distance < tolerance)
