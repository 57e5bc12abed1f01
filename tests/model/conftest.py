"""A model small enough that every test here takes a moment, built of the real classes."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import torch

from rose_model import RoseSegmenter
from rose_model.checkpoint import save_pretrained
from rose_model.config import (
    CategoryConfig,
    LanguageConfig,
    PatchFilterConfig,
    RoseConfig,
    SamConfig,
    TextConfig,
    VisionConfig,
)
from rose_model.data.streets import render_scene
from rose_model.instructions import Prompter
from rose_model.rose import Rose, build_rose
from rose_model.tokenizer import RoseTokenizer
from rose_model.training.corpus import street_corpus

# pytest listens to every logger: tracing a graph would describe each of its steps to it.
logging.getLogger('torch.__trace').setLevel(logging.WARNING)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


@pytest.fixture(scope='session')
def config() -> RoseConfig:
    return RoseConfig(
        name='tiny',
        vision=VisionConfig(
            input_size=48,
            position_size=48,
            patch_size=8,
            width=48,
            mlp_width=64,
            layers=1,
            heads=2,
            stem='convolutional',
        ),
        language=LanguageConfig(
            width=32,
            mlp_width=64,
            layers=2,
            heads=2,
            kv_heads=1,
            vocabulary=700,
            max_positions=256,
            rope_theta=1e4,
        ),
        sam=SamConfig(
            input_size=64,
            patch_size=8,
            width=32,
            layers=2,
            heads=2,
            global_layers=(1,),
            window=4,
            relative_positions=True,
            prompt_width=32,
            decoder_layers=2,
            decoder_heads=2,
            decoder_mlp_width=32,
        ),
        text=TextConfig(
            width=32,
            mlp_width=32,
            layers=1,
            heads=2,
            vocabulary=700,
            length=8,
            pad='<PAD>',
            tokenizer='tokenizer.json',
        ),
        siglip_width=16,
        category=CategoryConfig(template='rose', max_new_tokens=4),
        patch_filter=PatchFilterConfig(max_segments=12, min_objectness=0.0),
    )


@pytest.fixture(scope='session')
def tokenizer(config: RoseConfig) -> RoseTokenizer:
    return RoseTokenizer.train(street_corpus(), config.language.vocabulary)


@pytest.fixture(scope='session')
def prompter(tokenizer: RoseTokenizer) -> Prompter:
    return Prompter(tokenizer, 'rose')


@pytest.fixture
def rose(config: RoseConfig) -> Rose:
    """Random weights, the same in every test, large enough that outputs differ clearly."""
    torch.manual_seed(1)
    model = build_rose(config).eval()
    for name, parameter in model.named_parameters():
        if 'language_model' in name and parameter.ndim == 2:
            torch.nn.init.normal_(parameter, std=0.5)
    return model


@pytest.fixture
def rose_folder(tmp_path: Path, rose: Rose, tokenizer: RoseTokenizer) -> Path:
    folder = tmp_path / 'rose'
    save_pretrained(folder, rose, tokenizer, torch.float32)
    return folder


@pytest.fixture
def segmenter(rose: Rose, tokenizer: RoseTokenizer, tmp_path: Path) -> RoseSegmenter:
    """Random weights whose masks differ enough from each other that several survive."""
    spread = ('mask_head', 'hypernetworks', 'projector', 'objectness', 'output_upscaling')
    for name, parameter in rose.named_parameters():
        if any(part in name for part in spread):
            torch.nn.init.normal_(parameter)
    save_pretrained(tmp_path / 'rose', rose, tokenizer, torch.float32)
    return RoseSegmenter.from_pretrained(tmp_path / 'rose', device='cpu')


@pytest.fixture(scope='module')
def image() -> np.ndarray:
    return render_scene(3, (90, 120)).image
