"""How time and memory of a frame grow with the image, the objects in it and the number of cameras:
``python -m benchmarks.growth``.

nano's size with random weights, float32, forced numbers of objects with names of 4 tokens
(``forced_frame``).  One model serves all cameras, one frame after another; what it gave for each
of them is kept, as the node's history does.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from statistics import linear_regression, median

import torch

from benchmarks.figures import Figure, Section, report
from benchmarks.forced_frame import ForcedFrame, make_frame
from benchmarks.process_sample import sample_process
from benchmarks.quiet import wait_until_quiet
from benchmarks.ratios.ratio import ROUNDS, THREADS, time_ms
from ros2_rose.heap import even_memory
from rose_model.presets import nano

SIZES = ((480, 640), (720, 1280), (1080, 1920), (2160, 3840))
COUNTS = (10, 25, 50, 100)
CAMERAS = (1, 2, 4, 6)
_OBJECTS = 25


def main() -> None:
    """Print the table and write it to ``results/growth.json``."""
    even_memory()
    wait_until_quiet()
    torch.set_num_threads(THREADS)
    small = SIZES[0]
    report(
        'growth',
        {
            f'image, {_OBJECTS} objects': with_size(),
            'objects, 640x480': grow(
                'objects', ((count, [frame_of(small, count)]) for count in COUNTS)
            ),
            f'cameras of 640x480, {_OBJECTS} objects each': grow(
                'cameras', ((count, [frame_of(small, _OBJECTS)] * count) for count in CAMERAS)
            ),
        },
    )


def with_size() -> Section:
    """Over megapixels."""
    return grow(
        'megapixels',
        ((h * w / 1e6, [frame_of((h, w), _OBJECTS)]) for h, w in SIZES),
    )


def frame_of(size: tuple[int, int], objects: int) -> ForcedFrame:
    """A frame of nano."""
    return make_frame(nano(), size, objects, torch.float32)


def grow(unit: str, rounds: Iterable[tuple[float, list[ForcedFrame]]]) -> Section:
    """The median time of each round of frames, the memory while its results are held, and how
    much one more costs.
    """
    start_s = time.monotonic()
    figures, amounts, times_ms = [], [], []
    for amount, frames in rounds:
        amounts.append(amount)
        times_ms.append(round_ms(frames))
        held = [frame.segmenter.segment(frame.image) for frame in frames]
        memory_mib = sample_process(os.getpid()).own_mib
        figures += [
            Figure(f'{amount:.3g} {unit}: time', times_ms[-1], 'ms'),
            Figure(f'{amount:.3g} {unit}: memory of the process', memory_mib, 'MiB'),
        ]
        del held
    more = linear_regression(amounts, times_ms).slope
    figures.append(Figure(f'one of the {unit} more', more, 'ms'))
    return Section(time.monotonic() - start_s, figures)


def round_ms(frames: list[ForcedFrame]) -> float:
    """The median time of all frames once, after one to warm up."""

    def run() -> None:
        for frame in frames:
            frame.segment()

    run()
    return median(time_ms(run) for _ in range(ROUNDS))


if __name__ == '__main__':
    main()
