"""The folder of an export: only a whole one, of this model, is taken."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from rose_model.backends.exported import FILES, ExportedSam, read_export
from rose_model.config import RoseConfig
from rose_model.errors import CheckpointError


@pytest.fixture
def copy(exported: ExportedSam, tmp_path: Path) -> ExportedSam:
    shutil.copytree(exported.folder, tmp_path / 'copy')
    return ExportedSam(tmp_path / 'copy', exported.record)


def test_a_whole_folder_is_read(copy: ExportedSam) -> None:
    sam = copy.record.sam
    assert read_export(copy.folder, sam) == copy
    copy.verify(copy.record.weights_sha256)


def test_weights_of_another_model_are_refused(copy: ExportedSam) -> None:
    with pytest.raises(CheckpointError, match=r'other weights \(abababab, the model has 0000'):
        copy.verify('00' * 32)


def test_a_sam_of_another_size_is_refused(copy: ExportedSam) -> None:
    other = copy.record.sam.model_copy(update={'width': 64})
    with pytest.raises(CheckpointError, match='of another size'):
        read_export(copy.folder, other)


@pytest.mark.parametrize('name', FILES)
def test_a_missing_and_a_cut_file_are_told_at_once(copy: ExportedSam, name: str) -> None:
    sam, file = copy.record.sam, copy.folder / name
    with file.open('r+b') as opened:
        opened.truncate(10)
    with pytest.raises(CheckpointError, match=f'{name} has 10 bytes instead of'):
        read_export(copy.folder, sam)
    file.unlink()
    with pytest.raises(CheckpointError, match=f'{name} is missing'):
        read_export(copy.folder, sam)


def test_every_flipped_bit_of_graphs_and_weights_is_noticed(copy: ExportedSam) -> None:
    random = np.random.default_rng(0)
    for name in FILES:
        path = copy.folder / name
        whole = path.read_bytes()
        for offset in random.integers(0, len(whole), 10):
            damaged = bytearray(whole)
            damaged[offset] ^= 1 << random.integers(8)
            path.write_bytes(damaged)
            with pytest.raises(CheckpointError, match=f'{name} is damaged'):
                copy.verify(copy.record.weights_sha256)
        path.write_bytes(whole)
    copy.verify(copy.record.weights_sha256)


def test_no_folder_and_no_record_say_what_makes_them(tmp_path: Path, config: RoseConfig) -> None:
    with pytest.raises(CheckpointError, match='rose export --model MODEL'):
        read_export(tmp_path / 'absent', config.sam)
    for text in ('', '{', '[]', '{"format": 2}', '[' * 100_000):
        (tmp_path / 'export.json').write_text(text)
        with pytest.raises(CheckpointError, match='no record of an export'):
            read_export(tmp_path, config.sam)


@pytest.mark.parametrize('name', ['../encoder.onnx', '/etc/passwd', 'more.onnx'])
def test_a_record_names_its_own_files_only(copy: ExportedSam, name: str) -> None:
    record = json.loads((copy.folder / 'export.json').read_text())
    record['files'][name] = record['files']['encoder.onnx']
    (copy.folder / 'export.json').write_text(json.dumps(record))
    with pytest.raises(CheckpointError, match='names'):
        read_export(copy.folder, copy.record.sam)
