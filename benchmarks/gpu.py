"""``python -m benchmarks.gpu``: how fast a model of full size is on a GPU, with random weights.

One command, made for less than eight minutes of an H100: tables, and a JSON file that is written
after every section, so that nothing is lost where the command is stopped.  A section that fails
says why, and the others go on.
"""

from __future__ import annotations

import argparse
import gc
import json
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import torch
from rich.console import Console

from benchmarks.accelerator.bounds import gpu_limits
from benchmarks.accelerator.frames import objects
from benchmarks.accelerator.masks import post_processing
from benchmarks.accelerator.memory import memory
from benchmarks.accelerator.names import names_three_ways
from benchmarks.accelerator.precision import precision_of_nano, precision_of_random_weights
from benchmarks.accelerator.quantised import quantised
from benchmarks.accelerator.reading import Reading
from benchmarks.accelerator.sam_encoder import encoder_compiled, encoder_three_ways
from benchmarks.accelerator.sequential import sequential
from benchmarks.accelerator.small import nano_frames
from benchmarks.accelerator.stages import stage_table, stage_table_fp16
from benchmarks.accelerator.subject import Subject, make_subject
from benchmarks.accelerator.table import console_table, markdown
from benchmarks.accelerator.timer import Timer
from benchmarks.figures import RESULTS
from benchmarks.fingerprint import fingerprint
from rose_model.config import RoseConfig
from rose_model.device import find_device
from rose_model.presets import PRESETS

Section = Callable[[Subject, Timer], Iterator[Reading]]

SECTIONS: dict[str, Section] = {
    'stages, bf16': stage_table,
    'names': names_three_ways,
    'objects': objects,
    'sequential': sequential,
    'memory': memory,
    'precision, random weights': precision_of_random_weights,
    'precision, nano': precision_of_nano,
    'masks': post_processing,
    'nano': nano_frames,
    'stages, fp16': stage_table_fp16,
    'SAM encoder': encoder_three_ways,
    'int8': partial(quantised, quantise='int8'),
    'int4': partial(quantised, quantise='int4'),
    'SAM encoder, compiled': encoder_compiled,
}
"""In the order in which they are run: what matters most comes first."""
_WIDTH = 140
_CHANGES_WEIGHTS = {'int8', 'int4'}


def main() -> None:
    """Measure what is named on the command line, by default everything."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('sections', nargs='*', metavar='SECTION', help=', '.join(SECTIONS))
    parser.add_argument('--preset', choices=PRESETS, default='rose_7b')
    parser.add_argument('--device', default='auto', help='auto, cpu, cuda or cuda:N')
    parser.add_argument('--out', type=Path, default=RESULTS / 'gpu.json')
    parser.add_argument(
        '--table', action='store_true', help='measure nothing: the result as Markdown'
    )
    given = parser.parse_args()
    unknown = [name for name in given.sections if name not in SECTIONS]
    if unknown:
        parser.error(f'{unknown[0]!r} is none of {", ".join(SECTIONS)}')
    sections = {name: SECTIONS[name] for name in given.sections or SECTIONS}
    if given.table:
        print(markdown(given.out, list(sections)))
        return
    given.out.parent.mkdir(parents=True, exist_ok=True)
    run(PRESETS[given.preset](), find_device(given.device), sections, given.out)


def run(
    config: RoseConfig, device: torch.device, sections: Mapping[str, Section], out: Path
) -> dict[str, object]:
    """The record of all sections, which is also printed, and written to ``out``."""
    timer, console = Timer(device), Console(width=_WIDTH)
    record: dict[str, object] = {
        'preset': config.name,
        'weights': 'random',
        'machine': fingerprint(),
        'date': f'{datetime.now(UTC):%Y-%m-%d}',
        'bound': asdict(gpu_limits()),
    }
    measured: dict[str, object] = {}
    record['sections'] = measured
    subject = None
    for name, section in sections.items():
        start_s = time.perf_counter()
        if subject is None:
            subject = make_subject(config, device, torch.bfloat16)
        readings, error = collect(section(subject, timer))
        if name in _CHANGES_WEIGHTS or error:
            subject = None  # nobody knows what was left behind
        _clean(device)
        seconds = time.perf_counter() - start_s
        measured[name] = {
            'seconds': seconds,
            'readings': [asdict(reading) for reading in readings],
            **({'error': error} if error else {}),
        }
        partial_file = out.with_suffix('.partial')
        partial_file.write_text(json.dumps(record, indent=2) + '\n', encoding='utf-8')
        partial_file.replace(out)
        console.print(console_table(f'{name} ({seconds:.0f} s)', readings))
        if error:
            console.print(error, markup=False)
    return record


def collect(section: Iterator[Reading]) -> tuple[list[Reading], str]:
    """The readings of a section, and why there are no more of them; nothing is lost with it."""
    readings: list[Reading] = []
    try:
        for reading in section:
            readings.append(reading)
    except Exception:  # whatever it is, the other sections are still worth their time
        return readings, traceback.format_exc()
    return readings, ''


def _clean(device: torch.device) -> None:
    gc.collect()
    if device.type == 'cuda':
        torch.cuda.empty_cache()


if __name__ == '__main__':
    main()
