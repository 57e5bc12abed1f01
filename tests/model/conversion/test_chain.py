"""From the publishers' files to a trained model that segments: the way of a large one, small."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from rose_model import RoseSegmenter
from rose_model.cli.main import app
from rose_model.conversion.initialise import Sources
from rose_model.model_card import read_base_models
from rose_model.training.recipe import Recipe, StageRecipe

from .conftest import INPUT_SIZE, build_llava, build_siglip, write_llava, write_siglip


def rose(*arguments: str | Path) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.slow
@pytest.mark.parametrize('has_text_tower', [False, True])
def test_init_train_merge_segment(sources: Sources, tmp_path: Path, has_text_tower: bool) -> None:
    """With the tied head of the small LLaVA-OneVision."""
    lmm = write_llava(tmp_path / 'tied', build_llava(tied=True))
    sources = replace(sources, lmm=str(lmm))
    options: list[str | Path] = ['--lmm', sources.lmm, '--sam', sources.sam]
    if has_text_tower:
        options += ['--siglip-text', write_siglip(tmp_path / 'siglip', build_siglip())]
    rose('init', *options, '--input-size', str(INPUT_SIZE), tmp_path / 'start')
    whole = StageRecipe(steps=2, batch_size=2, learning_rate=1e-3, warmup_steps=1)
    recipe = Recipe(
        start=str(tmp_path / 'start'),
        name='mine',
        ema_decay=0.0,
        lora='default',
        gradient_checkpointing=True,
        whole=whole,
    )
    (tmp_path / 'recipe.yaml').write_text(recipe.dump())
    rose('train', tmp_path / 'recipe.yaml', '--out', tmp_path / 'run')
    assert 'hf upload USER/mine' in rose('merge', tmp_path / 'run', tmp_path / 'merged')
    segmenter = RoseSegmenter.from_pretrained(
        tmp_path / 'merged', device='cpu', min_objectness=0.0, max_segments=5
    )
    assert segmenter.config.name == 'mine'
    frame = segmenter.segment(
        np.full((40, 60, 3), 90, np.uint8), candidates=['car', 'road'] if has_text_tower else []
    )
    assert all(math.isfinite(segment.category_score) for segment in frame.segments)
    assert read_base_models(tmp_path / 'merged') == ()
