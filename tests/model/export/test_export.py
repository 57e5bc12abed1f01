"""``rose export`` and ``rose selfcheck``: from a ROSE folder to a backend that sees the same."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner, Result

from rose_model import RoseSegmenter
from rose_model.backends.exported import FILES, ExportedSam, read_export
from rose_model.backends.onnxruntime import OnnxRuntimeSam
from rose_model.checkpoint import load_sam, save_pretrained
from rose_model.cli.main import app
from rose_model.data.streets import render_scene
from rose_model.errors import BackendError, CheckpointError, ConfigError, StorageError
from rose_model.export.folder import export_sam
from rose_model.presets import nano
from rose_model.rose import Rose
from rose_model.tokenizer import RoseTokenizer


def run(*arguments: object) -> Result:
    texts = [str(argument) for argument in arguments]
    return CliRunner().invoke(app, texts, env={'COLUMNS': '400'})  # tables without line breaks


@pytest.fixture(scope='module')
def exported(tmp_path_factory: pytest.TempPathFactory) -> ExportedSam:
    return export_sam(load_sam('nano'), tmp_path_factory.mktemp('export') / 'nano', 'fp32')


def test_the_folder_holds_what_the_record_says(exported: ExportedSam) -> None:
    assert sorted(path.name for path in exported.folder.iterdir()) == sorted(
        [*FILES, 'export.json']
    )
    assert read_export(exported.folder, nano().sam) == exported
    exported.verify(load_sam('nano').sha256)
    assert exported.record.model == 'nano'
    assert 0 < exported.record.encoder_difference < 1e-4
    assert 0 < exported.record.decoder_difference < 1e-4


def test_a_frame_has_the_same_segments_by_onnxruntime(exported: ExportedSam) -> None:
    street = render_scene(1_000_001, (360, 480)).image
    segmenters = [
        RoseSegmenter.from_pretrained('nano', device='cpu', **options)
        for options in ({}, {'sam_backend': 'onnxruntime', 'sam_export': exported.folder})
    ]
    assert isinstance(segmenters[1]._sam, OnnxRuntimeSam)
    assert {weight.device.type for weight in segmenters[1]._rose.sam.parameters()} == {'meta'}
    frames = [segmenter.segment(street) for segmenter in segmenters]
    expected, found = (frame.segments for frame in frames)
    assert len(expected) > 5
    assert [segment.category for segment in found] == [segment.category for segment in expected]
    for one, other in zip(expected, found, strict=True):
        masks = [segment.full_mask(frames[0].original_size) for segment in (one, other)]
        assert np.logical_and(*masks).sum() / np.logical_or(*masks).sum() > 0.999
        assert one.mask_score == pytest.approx(other.mask_score, abs=1e-4)
    again = segmenters[1].segment(frames[1].context)
    assert [segment.box_xyxy for segment in again.segments] == [s.box_xyxy for s in found]


def test_a_model_of_other_weights_is_refused(exported: ExportedSam, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r'exported from nano with other weights'):
        RoseSegmenter.from_pretrained(
            'nano-camvid', device='cpu', sam_backend='onnxruntime', sam_export=exported.folder
        )


def test_a_folder_that_exists_is_left_alone(exported: ExportedSam) -> None:
    with pytest.raises(ConfigError, match='exists'):
        export_sam(load_sam('nano'), exported.folder, 'fp32')
    exported.verify(load_sam('nano').sha256)


def test_nothing_is_left_where_fp16_would_overflow(
    rose: Rose, tokenizer: RoseTokenizer, tmp_path: Path
) -> None:
    mlp = rose.sam.image_encoder.blocks[0].mlp
    with torch.no_grad():
        mlp.lin1.weight *= 2e4
        mlp.lin2.weight /= 2e4
    save_pretrained(tmp_path / 'rose', rose, tokenizer, torch.float32)
    with pytest.raises(BackendError, match='in fp16 it could overflow'):
        export_sam(load_sam(tmp_path / 'rose'), tmp_path / 'out' / 'sam', 'fp16')
    assert list((tmp_path / 'out').iterdir()) == []


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / 'file').write_text('')
    with pytest.raises(StorageError, match='cannot be written'):
        export_sam(load_sam('nano'), tmp_path / 'file' / 'sam', 'fp32')


def test_a_disk_that_fills_up_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object) -> None:
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr('rose_model.export.folder.write_graph', full)
    with pytest.raises(StorageError, match='No space left on device'):
        export_sam(load_sam('nano'), tmp_path / 'sam', 'fp32')
    assert list(tmp_path.iterdir()) == []


def test_the_command_writes_half_precision_for_gpus(rose_folder: Path, tmp_path: Path) -> None:
    """ONNX Runtime has no convolutions in bf16: it says what to do instead."""
    result = run('export', tmp_path / 'sam', '--model', rose_folder, '--precision', 'bf16')
    assert result.exit_code == 0, result.output
    assert 'SAM of tiny in bf16' in result.stdout
    assert 'Exporting the decoder of SAM in bf16.' in result.stderr
    again = run('export', tmp_path / 'sam', '--model', rose_folder)
    assert again.exit_code == 2
    assert 'exists' in again.stderr
    with pytest.raises(ConfigError, match='run rose export --precision fp16'):
        RoseSegmenter.from_pretrained(
            rose_folder, device='cpu', sam_backend='onnxruntime', sam_export=tmp_path / 'sam'
        )


def test_without_tensorrt_no_engine_is_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, 'tensorrt', None)
    result = run('export', tmp_path / 'sam', '--engine')
    assert result.exit_code == 2
    assert 'pip install tensorrt' in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_without_the_libraries_the_error_says_how_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, 'onnxscript', None)
    for name in [name for name in sys.modules if name.startswith('rose_model.export')]:
        monkeypatch.delitem(sys.modules, name)
    result = run('export', tmp_path / 'sam')
    assert result.exit_code == 2
    assert "pip install 'rose_model[onnx]'" in result.stderr


def test_selfcheck_prints_what_works_and_why_the_rest_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, 'tensorrt', None)
    result = run('selfcheck', '--device', 'cpu', '--precision', 'fp32')
    assert result.exit_code == 0, result.output
    rows = {
        cells[0]: cells[1:]
        for line in result.stdout.splitlines()
        if (cells := [cell.strip() for cell in line.strip('│┃').split('│')])
        and cells[0] in {'torch', 'onnxruntime', 'tensorrt'}
    }
    for backend in ('torch', 'onnxruntime'):
        precision, encode, decode, difference, iou, names, remark = rows[backend]
        assert precision == 'fp32'
        assert float(encode) > 0
        assert float(decode) > 0
        assert float(difference) < 1e-4
        assert float(iou) > 0.999
        assert (names, remark) == ('100%', '')
    assert rows['tensorrt'][0] == 'fp32'
    assert 'pip install tensorrt' in rows['tensorrt'][-1]
