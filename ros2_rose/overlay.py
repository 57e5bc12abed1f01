"""Pictures of a segmented frame for people and tools, made only while somebody listens.

``~/overlay``: the image with masks and names, ``rgb8``.  ``~/label_map``: ``16UC1``, index in
``SegmentArray.segments`` + 1 of the last segment that covers the pixel, 0 where there is none;
overlaps are lost.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from rclpy.node import Node
from sensor_msgs.msg import Image

from ros2_rose import qos
from ros2_rose.history import FrameRecord
from ros2_rose.image_writer import find_writer
from rose_model.overlay import draw_overlay, paint_numbers
from rose_model.records import Segment


def label_map(segments: Sequence[Segment], size: tuple[int, int]) -> NDArray[np.uint16]:
    """uint16 ``[H, W]``: number of the segment from 1 on, painted in order; 0 elsewhere."""
    numbers = np.zeros(size, dtype=np.uint16)
    paint_numbers(segments, numbers)
    return numbers


class PicturePublisher:
    """Publishes both pictures; may be called from the thread of the model."""

    def __init__(self, node: Node) -> None:
        self._write, self.writer_name = find_writer()
        overrides = qos.output_overrides
        self._overlay = node.create_publisher(
            Image, '~/overlay', qos.pictures(), qos_overriding_options=overrides()
        )
        self._label_map = node.create_publisher(
            Image, '~/label_map', qos.pictures(), qos_overriding_options=overrides()
        )

    def publish(self, record: FrameRecord, rgb: NDArray[np.uint8] | None) -> None:
        """Publish what somebody listens to; without the image there is no overlay."""
        segmentation = record.segmentation
        if rgb is not None and self._overlay.get_subscription_count():
            picture = draw_overlay(rgb, segmentation.segments)
            self._overlay.publish(self._write(picture, 'rgb8', record.header))
        if self._label_map.get_subscription_count():
            numbers = label_map(segmentation.segments, segmentation.original_size)
            self._label_map.publish(self._write(numbers, '16UC1', record.header))
