"""What a deadline leaves of a frame: ``python -m benchmarks.deadline``.

Street scenes of 640x480 are shown to the shipped nano with less and less time.
"""

from __future__ import annotations

import argparse
import math
import time

import numpy as np

from benchmarks.figures import Figure, Section, report
from rose_model.data.streets import render_scene
from rose_model.evaluation.streets import SPLITS
from rose_model.segmenter import RoseSegmenter

SIZE = (480, 640)
FIRST_SCENE = SPLITS['test'].first  # of those that training never shows
SHARES = (math.inf, 1.0, 0.75, 0.6, 0.5)
LEARNING = 5  # frames in which the segmenter learns its pace; they are not counted


def measure(segmenter: RoseSegmenter, scenes: int, limit_s: float) -> Section:
    """Masks, names and time of frames that have ``limit_s`` each."""
    times_s, masks, names = [], [], []
    for number in range(LEARNING + scenes):
        image = render_scene(FIRST_SCENE + number, SIZE, things=(6, 12)).image
        start_s = time.monotonic()
        frame = segmenter.segment(image, deadline_s=start_s + limit_s)
        times_s.append(time.monotonic() - start_s)
        masks.append(len(frame.segments))
        names.append(sum(bool(segment.category) for segment in frame.segments))
    times_ms = 1e3 * np.array(times_s[LEARNING:])
    return Section(
        float(sum(times_s)),
        [
            Figure('time, p50', float(np.percentile(times_ms, 50)), 'ms'),
            Figure('time, p95', float(np.percentile(times_ms, 95)), 'ms'),
            Figure('late', 100 * float(np.mean(times_ms > 1e3 * limit_s)), '%'),
            Figure('masks in a frame', float(np.mean(masks[LEARNING:]))),
            Figure('names in a frame', float(np.mean(names[LEARNING:]))),
        ],
    )


def main() -> None:
    """Measure each deadline, as a share of the median time without one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--scenes', type=int, default=40)
    scenes = parser.parse_args().scenes
    segmenter = RoseSegmenter.from_pretrained('nano')
    sections: dict[str, Section] = {}
    whole_s = math.inf
    for share in SHARES:
        limit_s = math.inf if math.isinf(share) else share * whole_s
        name = 'no deadline' if math.isinf(share) else f'{1e3 * limit_s:.0f} ms'
        sections[name] = measure(segmenter, scenes, limit_s)
        if math.isinf(share):
            whole_s = sections[name].figures[0].value / 1e3
    report('deadline', sections)


if __name__ == '__main__':
    main()
