"""ROSE folders: what is saved comes back, and what is damaged is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from rose_model.checkpoint import (
    check_folder,
    find_folder,
    load_pretrained,
    save_pretrained,
    shipped_models,
)
from rose_model.config import RoseConfig
from rose_model.errors import CheckpointError, ConfigError
from rose_model.presets import rose_0_5b
from rose_model.rose import Rose, build_rose
from rose_model.tokenizer import RoseTokenizer

CPU = torch.device('cpu')


def test_what_is_saved_comes_back(rose: Rose, rose_folder: Path) -> None:
    loaded = load_pretrained(rose_folder, CPU, torch.float32)
    state = loaded.rose.state_dict()
    assert state.keys() == rose.state_dict().keys()
    assert all(torch.equal(state[name], value) for name, value in rose.state_dict().items())
    assert loaded.rose.config == rose.config
    assert not loaded.rose.training


def test_tied_embeddings_are_stored_once_and_stay_tied(
    config: RoseConfig, tokenizer: RoseTokenizer, tmp_path: Path
) -> None:
    language = config.language.model_copy(update={'tied_embeddings': True})
    rose = build_rose(config.model_copy(update={'language': language}))
    save_pretrained(tmp_path, rose, tokenizer)
    assert not any('lm_head' in name for name in load_file(tmp_path / 'model.safetensors'))
    loaded = load_pretrained(tmp_path, CPU, torch.float32).rose.perception.language_model
    assert loaded.lm_head.weight is loaded.model.embed_tokens.weight
    assert rose_0_5b().language.tied_embeddings


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_half_precision_leaves_the_tables_of_positions_alone(
    rose: Rose, rose_folder: Path, dtype: torch.dtype
) -> None:
    """Frequencies were rounded to bf16, so that the angle of token 2,000 was wrong by 2.3 radians,
    and SAM's table of bf16 could not be multiplied with its grid.
    """
    loaded = load_pretrained(rose_folder, CPU, dtype).rose
    assert {parameter.dtype for parameter in loaded.parameters()} == {dtype}
    tables = {name: table for name, table in rose.named_buffers() if table.is_floating_point()}
    assert {'inv_freq', 'positional_encoding_gaussian_matrix'} <= {
        name.rpartition('.')[2] for name in tables
    }
    for name, table in tables.items():
        kept = loaded.get_buffer(name)
        assert kept.dtype == torch.float32
        assert torch.equal(kept, table), name


def test_an_unknown_name_lists_the_shipped_models() -> None:
    with pytest.raises(CheckpointError, match=r'one of: .*nano'):
        find_folder('no_such_model')


@pytest.mark.parametrize('name', ['config.json', 'model.safetensors', 'tokenizer.json'])
def test_a_missing_file_is_named(rose_folder: Path, name: str) -> None:
    (rose_folder / name).unlink()
    with pytest.raises(CheckpointError, match=f'{name} is missing'):
        check_folder(rose_folder)


def test_unknown_keys_of_the_configuration_are_refused(rose_folder: Path) -> None:
    path = rose_folder / 'config.json'
    record = json.loads(path.read_text())
    path.write_text(json.dumps({**record, 'auto_map': {'AutoModel': 'evil.Model'}}))
    with pytest.raises(ConfigError, match='auto_map'):
        check_folder(rose_folder)


def test_truncated_weights_are_refused(rose_folder: Path) -> None:
    path = rose_folder / 'model.safetensors'
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match='damaged'):
        check_folder(rose_folder)


def test_missing_extra_and_misshapen_tensors_are_named(rose_folder: Path) -> None:
    path = rose_folder / 'model.safetensors'
    state = load_file(path)
    name = next(iter(state))
    save_file({key: value for key, value in state.items() if key != name}, path)
    with pytest.raises(CheckpointError, match='lacks tensor'):
        check_folder(rose_folder)
    save_file({**state, 'extra': torch.zeros(1)}, path)
    with pytest.raises(CheckpointError, match="unknown tensor 'extra'"):
        check_folder(rose_folder)
    save_file({**state, name: torch.zeros(1, 2, 3)}, path)
    with pytest.raises(CheckpointError, match=name.replace('.', r'\.')):
        check_folder(rose_folder)


@pytest.mark.parametrize('content', ['', '{', '[' * 100_000, '\x00'])
def test_a_configuration_that_is_no_json_is_refused(rose_folder: Path, content: str) -> None:
    (rose_folder / 'config.json').write_text(content)
    with pytest.raises(ConfigError, match='is not JSON'):
        check_folder(rose_folder)


def test_a_damaged_tokenizer_is_refused(rose_folder: Path) -> None:
    (rose_folder / 'tokenizer.json').write_text('{}')
    with pytest.raises(CheckpointError, match='no tokenizer'):
        check_folder(rose_folder)


@pytest.mark.parametrize('name', shipped_models())
def test_a_shipped_model_is_whole_and_bears_its_name(name: str) -> None:
    assert check_folder(name).name == name
    assert sum(path.stat().st_size for path in find_folder(name).iterdir()) < 25e6
    assert (find_folder(name) / 'MODEL_CARD.md').is_file()


def test_nano_is_shipped() -> None:
    assert 'nano' in shipped_models()
