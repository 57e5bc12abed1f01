"""Shared by the tests of the ROS side: records made by hand, and the real node in its process."""

import numpy as np
import pytest

from rose_model.records import Segment, Segmentation

SIZE = (6, 8)


@pytest.fixture
def make_segment():
    """A segment that fills its box, but for a hole."""

    def make(identity, category='car', box=(1, 1, 4, 3), is_thing=True, revision=0, hole=None):
        x1, y1, x2, y2 = box
        mask = np.ones((y2 - y1, x2 - x1), bool)
        if hole is not None:
            mask[hole[1] - y1, hole[0] - x1] = False
        return Segment(identity, category, 0.75, 0.5, 0.25, is_thing, box, mask, 0, revision)

    return make


@pytest.fixture
def make_segmentation():
    """A frame of 6 x 8 pixels with these segments."""

    def make(*segments):
        return Segmentation((), SIZE, 'segment', context=None).with_segments(segments)

    return make
