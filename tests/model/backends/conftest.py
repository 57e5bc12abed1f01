"""An exported SAM with random weights, and TensorRT without a GPU."""

from __future__ import annotations

import importlib.util
import sys
from contextlib import nullcontext
from pathlib import Path
from types import ModuleType

import pytest
import torch

from rose_model.backbones.sam import Sam
from rose_model.backends.exported import FILES, ExportedSam, ExportRecord, FileRecord
from rose_model.config import RoseConfig
from rose_model.export.onnx import trace_decoder, trace_encoder, write_graph

WEIGHTS_SHA256 = 'ab' * 32
FAKE = Path(__file__).with_name('fake_tensorrt.py')


@pytest.fixture(scope='session')
def sam(config: RoseConfig) -> Sam:
    torch.manual_seed(2)
    return Sam(config.sam).eval().requires_grad_(False)


@pytest.fixture(scope='session')
def exported(sam: Sam, tmp_path_factory: pytest.TempPathFactory) -> ExportedSam:
    folder = tmp_path_factory.mktemp('exported')
    write_graph(trace_encoder(sam), folder / 'encoder.onnx')
    write_graph(trace_decoder(sam), folder / 'decoder.onnx')
    record = ExportRecord(
        model='tiny',
        weights_sha256=WEIGHTS_SHA256,
        sam=sam.config,
        precision='fp32',
        encoder_difference=0.0,
        decoder_difference=0.0,
        files={name: FileRecord.of(folder / name) for name in FILES},
    )
    (folder / 'export.json').write_text(record.model_dump_json())
    return ExportedSam(folder, record)


@pytest.fixture
def trt(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A new fake TensorRT under its real name, and what PyTorch needs of CUDA for it."""
    spec = importlib.util.spec_from_file_location('tensorrt', FAKE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setitem(sys.modules, 'tensorrt', module)
    consumer = Stream(1)
    monkeypatch.setattr(torch.cuda, 'Stream', lambda device: Stream(2))
    monkeypatch.setattr(torch.cuda, 'device', lambda device: nullcontext())
    monkeypatch.setattr(torch.cuda, 'current_stream', lambda device: consumer)
    return module


class Stream:
    """Of CUDA, as far as it is asked: work on a CPU is done when the call returns."""

    def __init__(self, number: int) -> None:
        self.cuda_stream = number
        self.waited_for: list[int] = []

    def wait_stream(self, other: Stream) -> None:
        self.waited_for.append(other.cuda_stream)
