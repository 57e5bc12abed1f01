"""``python -m benchmarks.ratios [R1 R2 ...]``: a table, and ``results/R1.json`` and so on.

``make bench`` runs all of them.  Each is measured on an otherwise idle machine, on two threads.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from benchmarks.figures import RESULTS
from benchmarks.fingerprint import fingerprint
from benchmarks.ratios.ratio import BusyMachineError, Ratio, require_quiet_machine

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
}
"""The module of each benchmark; its function of that name, in lower case, gives the ratios."""
THREADS = 2
_QUIET_TIMEOUT_S = 180.0


def main() -> None:
    """Measure what is named on the command line, by default everything."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('names', nargs='*', metavar='R1 ... R13')
    names = parser.parse_args().names or list(MODULES)
    unknown = [name for name in names if name not in MODULES]
    if unknown:
        parser.error(f'{unknown[0]!r} is none of {", ".join(MODULES)}')
    torch.set_num_threads(THREADS)
    table = Table('', 'ours against', 'ours', 'other', 'ratio', 'goal', 'A/A', 'outputs', 'holds')
    for name in names:
        try:
            _wait_until_quiet()
        except BusyMachineError as error:
            sys.exit(f'{name}: {error}')
        ratios = measure(name)
        _write(RESULTS / f'{name}.json', ratios)
        for ratio in ratios:
            table.add_row(name, *_row(ratio))
    Console().print(table)


def measure(name: str) -> list[Ratio]:
    """The ratios of one benchmark."""
    module = importlib.import_module(f'benchmarks.ratios.{MODULES[name]}')
    with torch.inference_mode():
        return list(getattr(module, name.lower())())


def _wait_until_quiet() -> None:
    """Let the load average forget what went before, ourselves among it.

    Raises:
        BusyMachineError: it stays above ``MAX_LOAD``.
    """
    give_up_s = time.monotonic() + _QUIET_TIMEOUT_S
    while time.monotonic() < give_up_s:
        try:
            return require_quiet_machine()
        except BusyMachineError:
            time.sleep(5)
    require_quiet_machine()


def _row(ratio: Ratio) -> list[str]:
    equal = {True: 'equal', False: 'DIFFER', None: ratio.forced or 'not compared'}
    goal = '' if ratio.at_least is None else f'≥ {ratio.at_least:g}'
    return [
        ratio.name,
        f'{ratio.a_ms:.2f} ms',
        f'{ratio.b_ms:.2f} ms',
        f'{ratio.ratio:.2f}',
        goal,
        f'{100 * ratio.aa_spread:.1f} %',
        equal[ratio.outputs_equal],
        'yes' if ratio.holds else 'NO',
    ]


def _write(path: Path, ratios: Sequence[Ratio]) -> None:
    stamp = {'machine': fingerprint(), 'date': f'{datetime.now(UTC):%Y-%m-%d}'}
    records = [{**asdict(ratio), 'ratio': ratio.ratio, **stamp} for ratio in ratios]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(records, indent=2) + '\n', encoding='utf-8')


if __name__ == '__main__':
    main()
