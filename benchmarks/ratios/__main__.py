"""``python -m benchmarks.ratios [R1 R2 ...]``: a table, and ``results/R1.json`` and so on.

``make bench`` runs all of them.  Each is measured on an otherwise idle machine, on two threads.
``--table`` prints what was measured, as Markdown.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Mapping
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from benchmarks.figures import RESULTS
from benchmarks.quiet import BusyMachineError, require_idle_cores, wait_until_quiet
from benchmarks.ratios.ratio import THREADS, Ratio
from benchmarks.ratios.table import HEADER, cells, markdown, write
from ros2_rose.heap import even_memory

MODULES = {
    'R1': 'frame',  # a frame with 100 objects, against sequential <SEG> decoding
    'R2': 'names',  # names in one batch, against one by one
    'R3': 'frame',  # one more object
    'R4': 'names',  # the prompt's common beginning run once
    'R5': 'names',  # duplicates away before names, against after
    'R6': 'prefill',  # no lm_head over the prompt, one head on all patches
    'R7': 'sam_decoder',  # SAM's mask decoder, against the reference predictor's
    'R8': 'sam_decoder',  # 100 prompts, against the grid of the automatic mask generator
    'R9': 'sam_encoder',  # SAM's attention, against the reference's
    'R10': 'masks',  # post-processing at low resolution, against full resolution a mask
    'R11': 'message',  # filling and publishing a message, against nested lists
    'R12': 'precision',  # bfloat16, against float32
    'R13': 'names',  # our loop, against transformers' generate()
    'R14': 'compiled',  # image encoders as they are, against compiled ones
}
"""The module of each benchmark; its function of that name, in lower case, gives the ratios."""


def main() -> None:
    """Measure what is named on the command line, by default everything."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('names', nargs='*', metavar='R1 ... R14')
    parser.add_argument(
        '--table', action='store_true', help='measure nothing: the results as Markdown'
    )
    arguments = parser.parse_args()
    names = arguments.names or list(MODULES)
    unknown = [name for name in names if name not in MODULES]
    if unknown:
        parser.error(f'{unknown[0]!r} is none of {", ".join(MODULES)}')
    files = {name: RESULTS / f'{name}.json' for name in names}
    if arguments.table:
        print(markdown([path for path in files.values() if path.is_file()]))
        return
    try:
        measure_all(files)
    except BusyMachineError as error:
        sys.exit(str(error))


def measure_all(files: Mapping[str, Path]) -> None:
    """Measure each benchmark, write its file, and print the table of all.

    Raises:
        BusyMachineError: something else is running.
    """
    even_memory()
    wait_until_quiet()
    torch.set_num_threads(THREADS)
    table = Table(*HEADER)
    for name, path in files.items():
        require_idle_cores()
        ratios = measure(name)
        write(path, ratios)
        for ratio in ratios:
            table.add_row(name, *cells(ratio))
    Console().print(table)


def measure(name: str) -> list[Ratio]:
    """The ratios of one benchmark."""
    module = importlib.import_module(f'benchmarks.ratios.{MODULES[name]}')
    with torch.inference_mode():
        return list(getattr(module, name.lower())())


if __name__ == '__main__':
    main()
