"""What is made of a frame besides ``~/segments``, each only while somebody listens."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from rclpy.node import Node

from ros2_rose.history import FrameRecord
from ros2_rose.overlay import PicturePublisher
from ros2_rose.parameters import RoseParameters
from ros2_rose.unknown import Road, UnknownPublisher
from ros2_rose.vision_outputs import VisionPublisher, find_vision_msgs
from rose_model.config import RoseConfig


class DerivedOutputs:
    """Pictures, what is unknown on the road, detections, and the meaning of the label map."""

    def __init__(self, node: Node) -> None:
        self._pictures = PicturePublisher(node)
        self._unknown = UnknownPublisher(node)
        messages = find_vision_msgs()
        self._vision = None if messages is None else VisionPublisher(node, messages)
        self._threshold = 0.0
        self._road = Road(())
        logger = node.get_logger()
        logger.info(f'Images are written by the {self._pictures.writer_name} writer.')
        if messages is None:
            logger.info('vision_msgs is not installed: no ~/detections and no ~/label_info.')

    def configure(self, parameters: RoseParameters, config: RoseConfig) -> None:
        """Follow these settings from the next frame on."""
        self._threshold = parameters.min_objectness or config.patch_filter.min_objectness
        self._road = Road(tuple(label.lower() for label in parameters.road_labels))

    def publish(self, record: FrameRecord, rgb: NDArray[np.uint8] | None, model: str) -> None:
        """Publish what somebody listens to; called from the thread of the model.

        ``rgb``: the image, uint8 ``[H, W, 3]``; without it there is no overlay.
        ``model``: its name.
        """
        self._unknown.publish(record, self._road, model)
        self._pictures.publish(record, rgb)
        if self._vision is not None:
            self._vision.publish(record, self._threshold)
