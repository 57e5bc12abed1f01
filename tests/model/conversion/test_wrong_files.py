"""Whatever is wrong with a publisher's file is named, and nothing is left half written."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import zipfile
from collections import namedtuple
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from rose_model.conversion import segment_anything
from rose_model.conversion import sources as hub
from rose_model.conversion.initialise import Sources, initialise
from rose_model.errors import CheckpointError, ConfigError, StorageError

from .conftest import INPUT_SIZE, build_siglip, change_json, write_siglip, write_tokenizer

SHARD = r'model-00002-of-000\d\d\.safetensors'


def refused(sources: Sources, message: str, error: type[Exception] = CheckpointError) -> None:
    out = sources.sam.parent / 'rose'
    with pytest.raises(error, match=message):
        initialise(sources, out, input_size=INPUT_SIZE)
    assert not list(out.parent.glob('rose*'))


def shard(sources: Sources) -> Path:
    return sorted(Path(sources.lmm).glob('model-*.safetensors'))[1]


def test_a_missing_shard_is_named(sources: Sources) -> None:
    shard(sources).unlink()
    refused(sources, f'{SHARD} is missing')


@pytest.mark.parametrize('size', [0, 100, -1])
def test_a_truncated_shard_is_named(sources: Sources, size: int) -> None:
    path = shard(sources)
    path.write_bytes(path.read_bytes()[:size])
    refused(sources, f'{SHARD} is truncated')


def test_a_shard_without_what_the_index_promises_is_named(sources: Sources) -> None:
    path = shard(sources)
    state = load_file(path)
    lost = sorted(state)[0]
    del state[lost]
    save_file(state, path)
    refused(sources, f'{SHARD} lacks tensor .{lost}.')


def test_a_tensor_that_nobody_has_is_named_by_its_part(sources: Sources) -> None:
    index = Path(sources.lmm) / 'model.safetensors.index.json'
    lost = next(
        name for name in json.loads(index.read_text())['weight_map'] if 'down_proj' in name
    )
    path = Path(sources.lmm) / json.loads(index.read_text())['weight_map'][lost]
    state = load_file(path)
    del state[lost]
    save_file(state, path)
    change_json(index, lambda record: record['weight_map'].pop(lost))
    refused(sources, r'llava lacks the tensor for .*down_proj')


def test_an_index_that_points_elsewhere_is_refused(sources: Sources) -> None:
    index = Path(sources.lmm) / 'model.safetensors.index.json'

    def point_away(record: dict[str, Any]) -> None:
        name = next(iter(record['weight_map']))
        record['weight_map'][name] = '../other.safetensors'

    change_json(index, point_away)
    refused(sources, r'\.\./other\.safetensors.*no file beside it')


def test_pickled_weights_are_no_weights(sources: Sources, tmp_path: Path) -> None:
    for path in Path(sources.lmm).glob('model*'):
        path.unlink()
    torch.save({}, Path(sources.lmm) / 'pytorch_model.bin')
    refused(sources, 'safetensors only')


def test_a_foreign_tensor_is_named(sources: Sources) -> None:
    path = shard(sources)
    save_file({**load_file(path), 'visual.patch_embed.weight': torch.zeros(2)}, path)
    refused(sources, r'visual\.patch_embed\.weight')


def test_a_head_that_is_neither_there_nor_tied_is_missed(sources: Sources) -> None:
    index = Path(sources.lmm) / 'model.safetensors.index.json'
    file = json.loads(index.read_text())['weight_map']['language_model.lm_head.weight']
    path = Path(sources.lmm) / file
    save_file({n: t for n, t in load_file(path).items() if 'lm_head' not in n}, path)
    change_json(index, lambda record: record['weight_map'].pop('language_model.lm_head.weight'))
    refused(sources, 'has no lm_head')


def _set(*keys: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(record: dict[str, Any]) -> None:
        for key in keys[:-1]:
            record = record[key]
        record[keys[-1]] = value

    return change


@pytest.mark.parametrize(
    ('change', 'told'),
    [
        (_set('model_type', value='llava'), "model_type 'llava'.*'llava_onevision'"),
        (_set('quantization_config', value={}), 'quantised'),
        (_set('text_config', 'use_sliding_window', value=True), 'use_sliding_window is True'),
        (_set('text_config', 'rms_norm_eps', value=1e-5), 'rms_norm_eps is 1e-05'),
        (_set('text_config', 'model_type', value='llama'), "text_config.model_type is 'llama'"),
        (_set('vision_config', 'hidden_act', value='gelu'), "hidden_act is 'gelu'"),
        (_set('vision_feature_layer', value=-9), 'vision_feature_layer is -9'),
        (_set('vision_feature_layer', value=[-1, -2]), 'vision_feature_layer is'),
        (_set('vision_config', 'image_size', value=[30, 44]), 'position_size'),
        (_set('text_config', 'hidden_size', value='wide'), 'cannot be understood'),
        (_set('text_config', 'hidden_size', value=64), r'the tensor for .* is \(.*32.*expected'),
    ],
)
def test_a_configuration_that_rose_cannot_follow_is_refused(
    sources: Sources, change: Callable[[dict[str, Any]], None], told: str
) -> None:
    change_json(Path(sources.lmm) / 'config.json', change)
    refused(sources, told)


def test_images_shown_in_another_way_are_refused(sources: Sources) -> None:
    path = Path(sources.lmm) / 'preprocessor_config.json'
    path.write_text(json.dumps({'image_mean': [0.48, 0.46, 0.41], 'image_std': [0.5] * 3}))
    refused(sources, 'image_mean')


def test_a_tokenizer_without_the_dialogues_tokens_is_refused(sources: Sources) -> None:
    write_tokenizer(Path(sources.lmm), ('<|endoftext|>',))
    refused(sources, r'no token .<\|im_\w+\|>.*ChatML')


@pytest.mark.parametrize('size', [0, 50, 4000, -10])
def test_a_truncated_sam_is_named(sources: Sources, size: int) -> None:
    sources.sam.write_bytes(sources.sam.read_bytes()[:size])
    refused(sources, r'sam_vit_t\.pth is truncated')


def test_a_sam_with_the_name_but_not_the_bytes_of_a_published_one_is_refused(
    sources: Sources,
) -> None:
    path = sources.sam.with_name('sam_vit_b_01ec64.pth')
    sources.sam.rename(path)
    refused(replace(sources, sam=path), r'sam_vit_b_01ec64\.pth is damaged.*sha256')


def test_a_published_sam_with_its_sum_is_read(
    sources: Sources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = hashlib.sha256(sources.sam.read_bytes()).hexdigest()
    monkeypatch.setitem(segment_anything.SHA256, sources.sam.name, digest)
    initialise(sources, tmp_path / 'rose', input_size=INPUT_SIZE)


class _Canary:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def test_a_pickle_with_code_is_refused_and_never_run(sources: Sources, tmp_path: Path) -> None:
    state = torch.load(sources.sam, weights_only=True)
    torch.save({**state, 'code': _Canary(tmp_path / 'canary')}, sources.sam)
    refused(sources, r'sam_vit_t\.pth holds more than tensors')
    assert not (tmp_path / 'canary').exists()


def test_a_compressed_archive_is_refused(sources: Sources) -> None:
    with zipfile.ZipFile(sources.sam) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(sources.sam, 'w', zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    refused(sources, 'is compressed')


@pytest.mark.parametrize(
    ('state', 'told'),
    [
        ({'model': {'image_encoder.pos_embed': torch.zeros(1)}}, 'no plain dictionary'),
        ({'trunk.pos_embed': torch.zeros(1)}, r'trunk\.pos_embed.*first version'),
        ({}, r'image_encoder\.patch_embed\.proj\.weight. is missing'),
    ],
)
def test_another_kind_of_model_is_no_sam(
    sources: Sources, state: dict[str, Any], told: str
) -> None:
    torch.save(state, sources.sam)
    refused(sources, told)


def test_a_sam_that_lacks_a_tensor_is_named(sources: Sources) -> None:
    state = torch.load(sources.sam, weights_only=True)
    del state['mask_decoder.iou_token.weight']
    torch.save(state, sources.sam)
    refused(sources, r'sam_vit_t\.pth lacks the tensor for .sam\.mask_decoder\.iou_token')


def test_a_siglip_without_a_text_tower_is_refused(sources: Sources, tmp_path: Path) -> None:
    folder = write_siglip(tmp_path / 'siglip', build_siglip())
    path = folder / 'model.safetensors'
    save_file({n: t for n, t in load_file(path).items() if 'text_model' not in n}, path)
    refused(replace(sources, siglip_text=str(folder)), 'no tensor of a text tower')
    write_tokenizer(folder)
    refused(replace(sources, siglip_text=str(folder)), r'tokenizer\.json has no token .</s>')


def test_too_little_room_is_known_beforehand(
    sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple('usage', 'free')
    monkeypatch.setattr(shutil, 'disk_usage', lambda _: usage(10))
    refused(sources, 'make room', StorageError)


def test_a_folder_that_is_there_is_not_touched(sources: Sources, tmp_path: Path) -> None:
    (tmp_path / 'mine').mkdir()
    with pytest.raises(ConfigError, match='is there already'):
        initialise(sources, tmp_path / 'mine', input_size=INPUT_SIZE)
    assert list((tmp_path / 'mine').iterdir()) == []


def test_neither_folder_nor_repository_is_said(sources: Sources) -> None:
    refused(replace(sources, lmm='weights'), 'weights is no folder with a config.json')


def test_a_repository_is_fetched_without_code(
    sources: Sources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, list[str]]] = []

    def fetch(repository: str, allow_patterns: list[str]) -> str:
        asked.append((repository, allow_patterns))
        return sources.lmm

    monkeypatch.setattr(hub, 'snapshot_download', fetch)
    remote = replace(sources, lmm='llava-hf/llava-onevision-small')
    initialise(remote, tmp_path / 'rose', input_size=INPUT_SIZE)
    assert asked == [('llava-hf/llava-onevision-small', ['*.json', '*.safetensors'])]


def test_a_repository_that_cannot_be_fetched_is_said(sources: Sources) -> None:
    """Tests run offline, and nothing of that name is in the cache."""
    refused(replace(sources, lmm='llava-hf/nothing'), r'cannot be fetched.*hf download')


def test_a_configuration_that_asks_for_foreign_code_gets_none(
    sources: Sources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does it open a connection: classes are ours, whatever the file names."""
    folder = Path(sources.lmm)
    (folder / 'evil.py').write_text(f'import os; os.mkdir({str(tmp_path / "canary")!r})')

    def ask_for_code(record: dict[str, Any]) -> None:
        for config in (record, record['text_config'], record['vision_config']):
            config['auto_map'] = {'AutoConfig': 'evil.Config', 'AutoModel': 'evil.Model'}
            config['trust_remote_code'] = True
            config['_attn_implementation_internal'] = 'somebody/evil-kernel'

    def no_connection(*_: Any, **__: Any) -> None:
        raise AssertionError('a connection was opened')

    change_json(folder / 'config.json', ask_for_code)
    monkeypatch.setattr(socket, 'socket', no_connection)
    initialise(sources, tmp_path / 'rose', input_size=INPUT_SIZE)
    assert not (tmp_path / 'canary').exists()
    assert 'evil' not in (tmp_path / 'rose' / 'config.json').read_text()
