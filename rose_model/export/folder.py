"""``rose export``: SAM of a ROSE folder as a folder of graphs that have been held against it."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import torch
from torch import Tensor

from rose_model.backbones.sam import Sam
from rose_model.backends.exported import (
    EMBEDDINGS,
    FILES,
    PIXELS,
    PROMPTS,
    RECORD_FILE,
    ExportedSam,
    ExportRecord,
    FileRecord,
)
from rose_model.checkpoint import SamWeights
from rose_model.config import SamConfig
from rose_model.data.streets import render_scene
from rose_model.errors import ConfigError, StorageError
from rose_model.export.graph_rules import check_graph
from rose_model.export.onnx import trace_decoder, trace_encoder, write_graph
from rose_model.export.parity import Parity, check_parity
from rose_model.export.ranges import check_range
from rose_model.precision import DTYPES, Precision, cast
from rose_model.preprocess import normalise_sam

_PROMPTS = 7  # that the numbers of the decoder are looked at with
_TRACES = {'encoder': trace_encoder, 'decoder': trace_decoder}

_logger = logging.getLogger(__name__)


def export_sam(weights: SamWeights, target: Path, precision: Precision) -> ExportedSam:
    """Write the graphs of a SAM in fp32 to a new folder, in ``precision``.

    They are compared with PyTorch in fp32 in any case, for the CPU provider of ONNX Runtime has no
    kernels for bf16 and hides what overflows in fp16.  Those in half precision are held by the
    rules of graphs, and in fp16 by the range of their numbers.  ``target`` is there whole or not
    at all.  The weights become those of ``precision``.

    Raises:
        ConfigError: ``target`` exists.
        StorageError: it cannot be written, or the disk is full.
        BackendError: a graph cannot be made, differs from PyTorch, breaks a rule or overflows.
    """
    with _appears_at(target) as folder:
        pixels = example_pixels(weights.sam.config)
        parity = _write_compared(weights.sam, folder, pixels)
        if precision != 'fp32':
            _write_half(weights.sam, folder, pixels, precision)
        record = ExportRecord(
            model=weights.model,
            weights_sha256=weights.sha256,
            sam=weights.sam.config,
            precision=precision,
            encoder_difference=parity.encoder,
            decoder_difference=parity.decoder,
            files={name: FileRecord.of(folder / name) for name in FILES},
        )
        (folder / RECORD_FILE).write_text(record.model_dump_json(indent=2) + '\n')
    return ExportedSam(target, record)


def example_pixels(config: SamConfig) -> Tensor:
    """A procedural street as SAM sees it: float32 ``[1, 3, side, side]``."""
    side = config.input_size
    street = render_scene(0, (round(0.75 * side), side)).image
    pixels = torch.from_numpy(street.transpose(2, 0, 1).copy())
    return normalise_sam(pixels[None], side)


def _write_compared(sam: Sam, folder: Path, pixels: Tensor) -> Parity:
    """Write both graphs in fp32, within the rules and equal to PyTorch."""
    for graph, trace in _TRACES.items():
        _logger.info('Exporting the %s of SAM in fp32.', graph)
        write_graph(trace(sam), folder / f'{graph}.onnx')
        check_graph(folder / f'{graph}.onnx', 'fp32')
    _logger.info('Comparing it with PyTorch.')
    return check_parity(sam, folder / 'encoder.onnx', folder / 'decoder.onnx', pixels)


def _write_half(sam: Sam, folder: Path, pixels: Tensor, precision: Precision) -> None:
    """Write both graphs in half precision in place of those that are there."""
    prompts = torch.randn(
        _PROMPTS, sam.config.prompt_width, generator=torch.Generator().manual_seed(0)
    )
    with torch.inference_mode():
        inputs = {PIXELS: pixels, EMBEDDINGS: sam.encode(pixels), PROMPTS: prompts}
    cast(sam, DTYPES[precision])
    for graph, trace in _TRACES.items():
        _logger.info('Exporting the %s of SAM in %s.', graph, precision)
        traced = trace(sam)
        if precision == 'fp16':
            check_range(traced, inputs)
        write_graph(traced, folder / f'{graph}.onnx')
        check_graph(folder / f'{graph}.onnx', precision)


@contextmanager
def _appears_at(target: Path) -> Iterator[Path]:
    """A folder that gets its name when all is well, and is removed otherwise."""
    if target.exists():
        raise ConfigError(f'{target} exists; name a folder that does not, or remove it.')
    with ExitStack() as stack:
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            partial = Path(tempfile.mkdtemp(dir=target.parent, prefix=f'{target.name}.partial-'))
            stack.callback(shutil.rmtree, partial, ignore_errors=True)
            yield partial
            partial.chmod(0o755)
            partial.rename(target)
        except OSError as error:
            raise StorageError(f'{target} cannot be written ({error.strerror}).') from error
