"""The card of a ROSE folder, as the Hugging Face Hub reads it."""

from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from rose_model.model_card import (
    CARD_FILE,
    read_base_models,
    repository_name,
    write_model_card,
)
from rose_model.presets import PRESETS

BASES = ('llava-hf/llava-onevision-qwen2-7b-ov-hf', 'google/siglip-so400m-patch14-384')


def test_the_hub_reads_what_was_written(tmp_path: Path) -> None:
    write_model_card(tmp_path, 'rose_7b', 'Made of this and that.', BASES)
    card = ModelCard.load(tmp_path / CARD_FILE)
    assert card.data.library_name == 'rose_model'
    assert card.data.pipeline_tag == 'image-segmentation'
    assert tuple(card.data.base_model) == BASES
    assert 'Made of this and that.' in card.text
    assert read_base_models(tmp_path) == BASES


def test_without_bases_there_are_none(tmp_path: Path) -> None:
    assert read_base_models(tmp_path) == ()
    write_model_card(tmp_path, 'nano', 'Trained.')
    assert read_base_models(tmp_path) == ()


@pytest.mark.parametrize(
    'content', ['', '# nano\n', '---\n: [\n---\n', '---\nbase_model: x\n---\n']
)
def test_a_card_of_somebody_else_tells_no_bases(tmp_path: Path, content: str) -> None:
    (tmp_path / CARD_FILE).write_text(content)
    assert read_base_models(tmp_path) == ()


@pytest.mark.parametrize('preset', PRESETS)
def test_a_repository_is_named_as_the_hub_allows(preset: str) -> None:
    name = repository_name(preset)
    assert name.replace('-', '').isalnum()
    assert repository_name('rose_0_5b') == 'rose-0-5b'
