"""What regions find in addition, and what they cost: ``python -m benchmarks.regions``.

Street scenes of 960 x 720 pixels are shown to the shipped nano whole, and with the regions of the
parameter ``cameras.<name>.regions`` besides.  A thing is found if a segment has an IoU of 0.5 with
it; far ones cover less than one part in 300 of the image.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from numpy.typing import NDArray

from benchmarks.figures import Figure, Section, report
from ros2_rose.parameters import RoseParameters, parameters_from
from ros2_rose.segmenting import load_segmenter, segment_image
from ros2_rose.worker import Segmenter
from rose_model.data.sample import Sample
from rose_model.data.streets import render_scene
from rose_model.evaluation.streets import SPLITS
from rose_model.records import Segmentation

SIZE = (720, 960)
FAR = 1 / 300
LAYOUTS: dict[str, list[float]] = {
    'the whole image': [],
    'and its middle': [0.25, 0.25, 0.5, 0.5],
    'and four tiles': [x for y0 in (0, 0.4) for x0 in (0, 0.4) for x in (x0, y0, 0.6, 0.6)],
}
FIRST_SCENE = SPLITS['test'].first  # of those that training never shows


def measure(parameters: RoseParameters, segmenter: Segmenter, scenes: int) -> Section:
    """Recall of far and of near things, precision, and time of a frame."""
    found = {'far': 0, 'near': 0}
    total = {'far': 0, 'near': 0}
    claimed = right = 0
    times_ms = []
    for number in range(scenes):
        scene = render_scene(FIRST_SCENE + number, SIZE)
        start_s = time.perf_counter()
        frame = segment_image(segmenter, scene.image, parameters, 'camera')
        times_ms.append(1e3 * (time.perf_counter() - start_s))
        truth, iou = _compare(scene, frame)
        for mask, best in zip(truth, iou.max(1, initial=0), strict=True):
            place = 'far' if mask.mean() < FAR else 'near'
            total[place] += 1
            found[place] += bool(best >= 0.5)
        claimed += iou.shape[1]
        right += int((iou.max(0, initial=0) >= 0.5).sum())
    return Section(
        sum(times_ms) / 1e3,
        [
            *(
                Figure(
                    f'{place} things found, of {total[place]}',
                    100 * found[place] / total[place],
                    '%',
                )
                for place in total
            ),
            Figure('segments that are a thing', 100 * right / claimed, '%'),
            Figure('time of a frame, median', float(np.median(times_ms)), 'ms'),
        ],
    )


def _compare(
    scene: Sample, frame: Segmentation
) -> tuple[list[NDArray[np.bool_]], NDArray[np.float64]]:
    """The masks of the scene's N things, and the IoU ``[N, M]`` of each with the frame's M."""
    truth = [scene.mask(n) for n, region in enumerate(scene.regions) if region.is_thing]
    things = [s.full_mask(SIZE) for s in frame.segments if s.is_thing]
    iou = np.zeros((len(truth), len(things)))
    for row, mask in enumerate(truth):
        for column, thing in enumerate(things):
            iou[row, column] = (mask & thing).sum() / (mask | thing).sum()
    return truth, iou


def main() -> None:
    """Measure each layout on as many scenes as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--scenes', type=int, default=100)
    scenes = parser.parse_args().scenes
    segmenter = load_segmenter(parameters_from({}))
    sections = {}
    for name, numbers in LAYOUTS.items():
        parameters = parameters_from({'cameras.camera.regions': numbers})
        sections[name] = measure(parameters, segmenter, scenes)
    report('regions', sections)


if __name__ == '__main__':
    main()
