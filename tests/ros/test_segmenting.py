"""What the model is asked for: the whole image, and the regions of the camera."""

import math
import time

import numpy as np

from ros2_rose.parameters import parameters_from
from ros2_rose.segmenting import segment_image
from rose_model.records import Segment, Segmentation

RGB = np.zeros((100, 200, 3), np.uint8)
REGIONS = {'cameras.camera.regions': [0.25, 0.2, 0.5, 0.6, 0.0, 0.0, 0.1, 0.1]}


class Context:
    class geometry:  # noqa: N801
        grid_size = 10


class Segmenter:
    """Finds one thing of 4 x 4 pixels at (5, 5) in each image."""

    name = 'scripted@0'

    def __init__(self):
        self.sizes, self.deadlines = [], []

    def segment(self, image, instruction=None, *, candidates=(), deadline_s=math.inf):
        self.sizes.append(image.shape[:2])
        self.deadlines.append(deadline_s)
        thing = Segment('1', 'car', 0.5, 0.5, 0.5, True, (5, 5, 9, 9), np.ones((4, 4), bool), 0)
        return Segmentation((thing,), image.shape[:2], 'segment', Context())


def test_without_regions_the_model_sees_the_image_once():
    segmenter = Segmenter()
    frame = segment_image(segmenter, RGB, parameters_from({}), 'camera')
    assert segmenter.sizes == [(100, 200)]
    assert segmenter.deadlines == [math.inf]
    assert len(frame.segments) == 1


def test_each_region_is_seen_at_its_own_resolution_and_merged():
    segmenter = Segmenter()
    frame = segment_image(segmenter, RGB, parameters_from(REGIONS), 'camera')
    assert segmenter.sizes == [(100, 200), (60, 100), (10, 20)]
    assert {segment.box_xyxy for segment in frame.segments} == {(5, 5, 9, 9), (55, 25, 59, 29)}
    assert frame.original_size == (100, 200)


def test_regions_are_of_their_camera():
    segmenter = Segmenter()
    values = {'camera_names': ['front', 'rear'], 'cameras.front.regions': [0.0, 0.0, 0.5, 0.5]}
    segment_image(segmenter, RGB, parameters_from(values), 'rear')
    assert segmenter.sizes == [(100, 200)]


def test_the_time_is_shared_among_the_image_and_its_regions():
    segmenter = Segmenter()
    start_s = time.monotonic()
    segment_image(segmenter, RGB, parameters_from(REGIONS), 'camera', start_s + 3000)
    first, second, last = segmenter.deadlines
    assert start_s + 1000 <= first < second < last <= start_s + 3000 + 1e-3
