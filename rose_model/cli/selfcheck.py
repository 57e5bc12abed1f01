"""``rose selfcheck``: the backends of SAM on this machine, held against PyTorch and timed."""

from __future__ import annotations

import logging
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from rose_model.cli.export import DeviceOption, EngineCacheOption
from rose_model.cli.segment import ModelOption
from rose_model.device import find_device
from rose_model.precision import DTYPES, Precision
from rose_model.progress import heard_by


def selfcheck(
    model: ModelOption = 'nano',
    device: DeviceOption = 'auto',
    precision: Annotated[
        Precision | None, typer.Option(help='Only this one; all by default.')
    ] = None,
    engine_cache: EngineCacheOption = None,
) -> None:
    """Run SAM by every backend and in every precision that works here: times and differences.

    Engines of TensorRT that are not in the cache are built, which takes minutes.
    """
    from rose_model.export.selfcheck import PROMPTS, Missing, SelfCheck  # needs the extra onnx

    place = find_device(device)
    table = Table(
        'backend',
        'precision',
        title=f'{model} on {place}, against PyTorch in fp32',
        title_justify='left',
    )
    headings = ('image / ms', f'{PROMPTS} masks / ms', 'difference', 'mask IoU', 'same names')
    for heading in headings:
        table.add_column(heading, justify='right')
    table.add_column('remark', overflow='fold')
    with heard_by(logging.StreamHandler()):
        check = SelfCheck(model, place, engine_cache)
        for found in check.readings([precision] if precision else list(DTYPES)):
            if isinstance(found, Missing):
                figures, remark = [''] * len(headings), found.reason
            else:
                figures, remark = (
                    [
                        f'{found.encode_ms:.1f}',
                        f'{found.decode_ms:.1f}',
                        f'{found.difference:.1e}',
                        f'{found.mask_iou:.4f}',
                        f'{found.same_names:.0%}',
                    ],
                    '',
                )
            table.add_row(found.backend, found.precision, *figures, Text(remark))
    Console().print(table)
