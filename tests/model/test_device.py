"""Where a model runs and in which precision, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from rose_model import RoseSegmenter
from rose_model.device import find_dtype, refuse_eager_half, stage
from rose_model.errors import ConfigError
from rose_model.rose import Rose

CPU, GPU = torch.device('cpu'), torch.device('cuda')


@pytest.mark.parametrize(
    ('precision', 'device', 'dtype'),
    [
        ('auto', CPU, torch.float32),
        ('auto', GPU, torch.bfloat16),
        ('bf16', CPU, torch.bfloat16),
        ('fp16', GPU, torch.float16),
        ('fp32', GPU, torch.float32),
    ],
)
def test_a_precision_is_a_type(precision: str, device: torch.device, dtype: torch.dtype) -> None:
    assert find_dtype(precision, device) is dtype


@pytest.mark.parametrize(
    ('precision', 'device', 'message'),
    [('int8', GPU, 'must be one of'), ('fp16', CPU, 'use bf16 or fp32'), ('', CPU, "got ''")],
)
def test_other_precisions_are_refused(precision: str, device: torch.device, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        find_dtype(precision, device)


@pytest.mark.parametrize('part', ['language_model', 'vision_tower', 'text_tower'])
def test_eager_attention_in_half_precision_is_refused(rose: Rose, part: str) -> None:
    parts = {
        'language_model': rose.perception.language_model,
        'vision_tower': rose.perception.vision_tower.siglip,
        'text_tower': rose.text_tower.siglip,
    }
    refuse_eager_half(rose.to(torch.bfloat16))
    parts[part].set_attn_implementation('eager')
    with pytest.raises(ConfigError, match=r"eager in torch\.bfloat16.*'sdpa'"):
        refuse_eager_half(rose)
    refuse_eager_half(rose.float())


def test_a_model_in_bfloat16_sees_what_it_sees_in_float32(
    segmenter: RoseSegmenter, rose_folder: Path, image: np.ndarray
) -> None:
    half = RoseSegmenter.from_pretrained(rose_folder, device='cpu', precision='bf16')
    full = RoseSegmenter.from_pretrained(rose_folder, device='cpu', precision='fp32')
    seen = [len(model.segment(image).segments) for model in (half, full)]
    assert half._rose.dtype == torch.bfloat16
    assert seen[0] == pytest.approx(seen[1], abs=3)


def test_a_cpu_needs_no_staging() -> None:
    tensor = torch.ones(2)
    assert stage(tensor, CPU) is tensor
