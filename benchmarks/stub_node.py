"""The real node around a model that takes a known time, so that all the rest is the node's.

``python -m benchmarks.stub_program FRAME_MS REFINE_MS SEGMENTS LATENCIES SCENE --ros-args ...``:
the percentiles are those of the newest LATENCIES frames, and SCENE is ``ellipses``, which do not
overlap, or ``dense``, a crowded street.
"""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from benchmarks.dense_scene import dense_segments
from ros2_rose import diagnostics
from ros2_rose.parameters import RoseParameters
from ros2_rose.rose_node import run
from ros2_rose.worker import Segmenter
from rose_model.records import (
    FrameContext,
    PointHint,
    Refinement,
    RefinementCase,
    RefineTarget,
    Segment,
    Segmentation,
)

_NO_CONTEXT: FrameContext = None  # type: ignore[assignment]  # nothing here looks at the image


@dataclass(frozen=True)
class StubSegmenter:
    """Sleeps, as a thread does that waits for a GPU, and gives the same segments every time."""

    frame_s: float
    refine_s: float
    segments: int
    scene: str = 'ellipses'
    name: str = 'stub@00000000'

    def segment(
        self,
        image: NDArray[np.uint8],
        instruction: str | None = None,
        *,
        candidates: Sequence[str] = (),
        deadline_s: float = math.inf,
    ) -> Segmentation:
        """As many segments as were asked for, all over the image."""
        height, width = image.shape[:2]
        segments = _SCENES[self.scene](height, width, self.segments)
        time.sleep(self.frame_s)
        return Segmentation(segments, (height, width), '', _NO_CONTEXT)

    def self_refine(
        self, segmentation: Segmentation, *, deadline_s: float = math.inf
    ) -> Segmentation:
        """The same segments."""
        return segmentation

    def refer(self, image: FrameContext, description: str) -> Segmentation:
        """Never called: no benchmark describes anything."""
        raise NotImplementedError(description)

    def refine(
        self,
        segmentation: Segmentation,
        text: str = '',
        *,
        segment_id: str = '',
        target: RefineTarget = RefineTarget.AUTO,
        points: tuple[PointHint, ...] = (),
        label: str = '',
        remove: bool = False,
    ) -> Refinement:
        """The first segment, or the one that is named, under the name of the text."""
        time.sleep(self.refine_s)
        old = segmentation.find(segment_id) or segmentation.segments[0]
        new = replace(old, category=text, revision=old.revision + 1)
        others = tuple(segment for segment in segmentation.segments if segment is not old)
        corrected = segmentation.with_segments((new, *others))
        return Refinement(RefinementCase.CATEGORY, (new,), (), corrected)


@cache
def _ellipses(height: int, width: int, count: int) -> tuple[Segment, ...]:
    """Ellipses on a grid, largest first, with wavy borders as masks of real things have."""
    columns = int(np.ceil(np.sqrt(count * width / height)))
    rows = int(np.ceil(count / columns))
    segments = []
    for number in range(count):
        row, column = divmod(number, columns)
        share = 0.5 + number / (2 * count)
        box_height, box_width = (int(share * height / rows), int(share * width / columns))
        y, x = np.mgrid[-1 : 1 : box_height * 1j, -1 : 1 : box_width * 1j]
        mask = np.hypot(x, y) < 0.9 + 0.1 * np.sin(12 * np.arctan2(y, x))
        rows_used, columns_used = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        tight = mask[rows_used[0] : rows_used[-1] + 1, columns_used[0] : columns_used[-1] + 1]
        top, left = row * height // rows, column * width // columns
        box = (left, top, left + tight.shape[1], top + tight.shape[0])
        segments.append(Segment(str(number + 1), 'thing', 0.9, 0.9, 0.9, True, box, tight, number))
    return tuple(sorted(segments, key=lambda segment: segment.area, reverse=True))


@cache
def _dense(height: int, width: int, count: int) -> tuple[Segment, ...]:
    return dense_segments((height, width), count)


_SCENES = {'ellipses': _ellipses, 'dense': _dense}


def main() -> NoReturn:
    """Run the node with the stub until a signal ends it."""
    frame_ms, refine_ms, segments, latencies = (float(text) for text in sys.argv[1:5])
    scene = sys.argv[5]
    diagnostics.LATENCIES = int(latencies)

    def load(parameters: RoseParameters) -> Segmenter:
        return StubSegmenter(frame_ms / 1e3, refine_ms / 1e3, int(segments), scene)

    os._exit(run([sys.argv[0], *sys.argv[6:]], load))
