"""SAM beside segment_anything's own, both with the same weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from segment_anything.modeling import Sam as ReferenceSam

from benchmarks.reference_sam import reference_sam
from rose_model.backbones.sam import Sam
from rose_model.config import RoseConfig


@dataclass(frozen=True)
class SamPair:
    """Ours and segment_anything's."""

    ours: Sam
    reference: ReferenceSam


MakePair = Callable[..., SamPair]


@pytest.fixture
def make_pair(config: RoseConfig) -> MakePair:
    """A pair with changes to the configuration, in any precision."""

    def make(dtype: torch.dtype = torch.float32, **changes: object) -> SamPair:
        sam = Sam(config.sam.model_copy(update=changes)).requires_grad_(False).eval()
        for name, parameter in sam.named_parameters():
            if 'rel_pos' in name:
                parameter.normal_()
            elif parameter.ndim == 1 or 'pos_embed' in name:  # zeros hide what is left out
                parameter += 0.2 * torch.randn_like(parameter)
            parameter.data = parameter.data.to(dtype)
        return SamPair(sam, reference_sam(sam))

    return make
