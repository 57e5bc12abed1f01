"""``rose export OUT``: SAM as ONNX graphs for the backends onnxruntime and tensorrt."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

from rose_model.backends.exported import GRAPHS, read_export
from rose_model.backends.opening import engine_maker
from rose_model.backends.tensorrt_api import import_tensorrt
from rose_model.checkpoint import check_folder, find_folder, load_sam, weights_sha256
from rose_model.cli.segment import ModelOption
from rose_model.device import find_device
from rose_model.precision import Precision
from rose_model.progress import heard_by

DeviceOption = Annotated[str, typer.Option('--device', help='auto, cpu, cuda or cuda:N.')]
EngineCacheOption = Annotated[
    Path | None,
    typer.Option('--engine-cache', help="Folder of TensorRT's engines; the user's own cache."),
]


def export(
    out: Annotated[Path, typer.Argument(help='A new folder.')],
    model: ModelOption = 'nano',
    precision: Annotated[
        Precision,
        typer.Option(help='Of the graphs: fp32 runs everywhere, the others are for GPUs.'),
    ] = 'fp32',
    engine: Annotated[
        bool,
        typer.Option('--engine', help="Also build TensorRT's engines; of OUT, if it is there."),
    ] = False,
    device: DeviceOption = 'auto',
    engine_cache: EngineCacheOption = None,
) -> None:
    """Write the encoder and the decoder of SAM to OUT: ONNX graphs, held against PyTorch."""
    with heard_by(logging.StreamHandler()):
        if engine:
            import_tensorrt()  # before the long work
        if engine and out.exists():
            exported = read_export(out, check_folder(model).sam)
            exported.verify(weights_sha256(find_folder(model)))
        else:
            from rose_model.export.folder import export_sam  # needs the extra onnx

            exported = export_sam(load_sam(model), out, precision)
        if engine:
            engines = engine_maker(exported, find_device(device), engine_cache)
            for graph in GRAPHS:
                engines.engine(graph)
    record = exported.record
    size_mb = sum(file.size for file in record.files.values()) / 1e6
    typer.echo(
        f'{out}: SAM of {record.model} in {record.precision}, {size_mb:.1f} MB; in fp32 it '
        f'differs from PyTorch by {record.encoder_difference:.1e} (encoder) and '
        f'{record.decoder_difference:.1e} (decoder) of the largest value'
    )
