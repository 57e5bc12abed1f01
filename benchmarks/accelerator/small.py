"""The shipped model on the device: a frame of a 640x480 camera."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.accelerator.reading import Reading
from benchmarks.accelerator.subject import Subject
from benchmarks.accelerator.timer import Timer
from rose_model.data.streets import render_scene
from rose_model.segmenter import RoseSegmenter

ROUNDS = 50
_SIZE = (480, 640)


def nano_frames(subject: Subject, timer: Timer) -> Iterator[Reading]:
    """Frames of nano with its trained weights, at its own thresholds, in each precision."""
    device = subject.rose.device
    image = render_scene(3, _SIZE).image
    for precision in ('fp32', 'bf16', *(['fp16'] if device.type == 'cuda' else [])):
        segmenter = RoseSegmenter.from_pretrained('nano', device=str(device), precision=precision)
        count = len(segmenter.segment(image).segments)
        times = timer.on_clock(lambda found=segmenter: found.segment(image), ROUNDS)  # type: ignore[misc]
        yield Reading.of(f'nano, frame of 640x480, {precision}', times, note=f'{count} segments')
