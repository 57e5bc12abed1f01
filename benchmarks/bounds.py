"""The least time that a frame can take on this machine, and what it does take:
``python -m benchmarks.bounds --preset rose_0_5b --measure``.

A pass takes at least its operations over the rate of a large matrix product, and at least its
bytes over the rate at which memory is read, both measured here (``hardware``), in the type in
which this processor multiplies faster; a frame is its passes, one after another (``work``).  With
``--measure`` a frame of 1920x1080 pixels with random weights and 100 forced objects, names of 4
tokens, is timed stage by stage and whole; what the stages do not explain is resizing, choosing
patches, and finishing masks.

The product and the reading take their turns among the stages then, and all times are medians: on
a virtual machine whose rates change threefold within minutes, the best moment's rate is no bound
of what came at another one.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from benchmarks.figures import RESULTS, Figure, Section, report
from benchmarks.forced_frame import load_of, make_frame, word_tokenizer
from benchmarks.hardware import Hardware, faster_dtype, hardware_of, measure_hardware, probes
from benchmarks.quiet import wait_until_quiet
from benchmarks.ratios.parts import Times, time_parts
from benchmarks.ratios.ratio import THREADS
from ros2_rose.heap import even_memory
from rose_model.config import RoseConfig
from rose_model.instructions import Prompter
from rose_model.presets import PRESETS
from rose_model.work import Work, frame_work

SIZE = (1080, 1920)
OBJECTS = 100
MOST_OVER_BOUND = {'rose_0_5b': 2.5}
"""Goals, by preset."""
_FRAME = 'frame'


def main() -> None:
    """Print the table and write it to ``results/bounds_PRESET.json``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--preset', choices=PRESETS, default='rose_0_5b')
    parser.add_argument('--measure', action='store_true', help='time a frame, too')
    parser.add_argument(
        '--table', action='store_true', help='measure nothing: the result as Markdown'
    )
    arguments = parser.parse_args()
    if arguments.table:
        print(markdown(RESULTS / f'bounds_{arguments.preset}.json'))
        return
    even_memory()
    wait_until_quiet()
    torch.set_num_threads(THREADS)
    config = PRESETS[arguments.preset]()
    prompter = Prompter.of(word_tokenizer(), config.category)
    work = frame_work(config, load_of(prompter, OBJECTS))
    start_s, dtype = time.monotonic(), faster_dtype()
    if arguments.measure:
        times, peak_gib = measure_frame(config, dtype)
        hardware = hardware_of(times, dtype)
        figures = measured_figures(config.name, bounds_ms(work, hardware), times)
        figures.append(Figure('peak memory of the process', peak_gib, 'GiB'))
    else:
        hardware = measure_hardware(dtype)
        figures = bound_figures(bounds_ms(work, hardware))
    sections = {
        'machine': Section(0.0, machine_figures(hardware)),
        str(dtype).removeprefix('torch.'): Section(time.monotonic() - start_s, figures),
    }
    report(f'bounds_{config.name}', sections)


def bounds_ms(work: Mapping[str, Sequence[Work]], hardware: Hardware) -> dict[str, float]:
    """Milliseconds by stage, and of the frame."""
    stages = {
        stage: 1e3 * sum(hardware.bound_s(one.flops, one.values) for one in passes)
        for stage, passes in work.items()
    }
    return {**stages, _FRAME: sum(stages.values())}


def measure_frame(config: RoseConfig, dtype: torch.dtype) -> tuple[Times, float]:
    """Milliseconds by stage, of the frame, and of what the machine's rates follow from; the most
    memory that the process has had for a frame, in GiB.

    Raises:
        RuntimeError: not all of the objects got through.
    """
    frame = make_frame(config, SIZE, OBJECTS, dtype)
    found = frame.segment()
    if found != OBJECTS:
        raise RuntimeError(f'The frame has {found} segments instead of the forced {OBJECTS}.')
    peak_gib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    with torch.inference_mode():
        parts = {**probes(dtype), **frame.stages(), _FRAME: frame.segment}
        return time_parts(parts, {}).whole, peak_gib


def markdown(path: Path) -> str:
    """A table of a file that was measured: bound, time and ratio by stage, and all the rest."""
    record = json.loads(path.read_text(encoding='utf-8'))
    lines = ['| | bound | measured | over the bound |', '| --- | --- | --- | --- |']
    stages: dict[str, list[str]] = {}
    rest = [f'{record["machine"]}; {record["date"]}']
    for scenario in record['scenarios'].values():
        for figure in scenario['figures']:
            stage, is_stage, _ = figure['name'].partition(': ')
            value = f'{figure["value"]:.4g} {figure["unit"]}'
            if is_stage:
                stages.setdefault(stage, []).append(value)
            else:
                rest.append(f'{stage}: {value}')
    lines += [f'| {" | ".join([stage, *values])} |' for stage, values in stages.items()]
    return '\n'.join([*lines, '', *rest])


def machine_figures(hardware: Hardware) -> list[Figure]:
    """What it can do."""
    return [
        Figure('matrix product', hardware.flops / 1e12, 'TFLOP/s'),
        Figure('memory read', hardware.bandwidth / 1e9, 'GB/s'),
    ]


def bound_figures(bounds: Mapping[str, float]) -> list[Figure]:
    """The bounds alone."""
    return [Figure(f'{stage}: bound', value, 'ms') for stage, value in bounds.items()]


def measured_figures(preset: str, bounds: Mapping[str, float], times: Times) -> list[Figure]:
    """Bound, median and ratio of each stage and of the frame, and what the stages leave of it."""
    figures = []
    for stage, bound in bounds.items():
        goal = MOST_OVER_BOUND.get(preset) if stage == _FRAME else None
        figures += [
            Figure(f'{stage}: bound', bound, 'ms'),
            Figure(f'{stage}: measured', times[stage], 'ms'),
            Figure(f'{stage}: over the bound', times[stage] / bound, 'x', at_most=goal),
        ]
    rest = times[_FRAME] - sum(times[stage] for stage in bounds if stage != _FRAME)
    return [*figures, Figure('outside these stages', rest, 'ms')]


if __name__ == '__main__':
    main()
