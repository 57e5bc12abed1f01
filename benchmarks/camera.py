"""Cameras in a process of their own: play pictures at a steady rate.

``python -m benchmarks.camera HZ WIDTH HEIGHT SECONDS PICTURES TOPIC...`` prints one JSON object at
the end: by topic, how many images were published.  PICTURES: ``noise``, the same one again and
again, or ``streets``, twenty scenes in turn.
"""

from __future__ import annotations

import json
import sys
import time
from array import array
from itertools import cycle

import numpy as np
import rclpy
from numpy.typing import NDArray
from rclpy.publisher import Publisher
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image

_QOS = QoSProfile(depth=5, history=HistoryPolicy.KEEP_LAST, reliability=ReliabilityPolicy.RELIABLE)


def main() -> None:
    """Play until the time is over."""
    rate_hz, width, height, seconds = (float(text) for text in sys.argv[1:5])
    pictures, topics = sys.argv[5], sys.argv[6:]
    rclpy.init()
    node = rclpy.create_node('cameras')
    publishers = {topic: node.create_publisher(Image, topic, _QOS) for topic in topics}
    images = [_message(rgb) for rgb in _PICTURES[pictures]((int(height), int(width)))]
    _wait_for_subscribers(list(publishers.values()))
    counts = _play(publishers, images, rate_hz, seconds)
    print(json.dumps(counts), flush=True)
    time.sleep(2.0)  # reliable images may have to be sent again
    node.destroy_node()
    rclpy.try_shutdown()


def _noise(size: tuple[int, int]) -> list[NDArray[np.uint8]]:
    return [np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)]


def _streets(size: tuple[int, int]) -> list[NDArray[np.uint8]]:
    from rose_model.data.streets import render_scene  # takes seconds to import
    from rose_model.evaluation.streets import SPLITS

    first = SPLITS['test'].first  # training never shows these
    return [render_scene(first + n, size, things=(6, 12)).image for n in range(20)]


_PICTURES = {'noise': _noise, 'streets': _streets}


def _message(rgb: NDArray[np.uint8]) -> Image:
    height, width, _ = rgb.shape
    message = Image(height=height, width=width, encoding='rgb8', step=3 * width)
    message.header.frame_id = 'camera_optical_frame'
    message.data = array('B', rgb.tobytes())
    return message


def _wait_for_subscribers(publishers: list[Publisher]) -> None:
    while not all(publisher.get_subscription_count() for publisher in publishers):
        time.sleep(0.05)


def _play(
    publishers: dict[str, Publisher],
    images: list[Image],
    rate_hz: float,
    seconds: float,
) -> dict[str, int]:
    """Publish on each topic at the rate, the topics in turn; a late image is not made up for."""
    counts = dict.fromkeys(publishers, 0)
    turns = cycle(images)
    period_s = 1 / rate_hz / len(publishers)
    start_s = due_s = time.monotonic()
    while due_s < start_s + seconds:
        for topic, publisher in publishers.items():
            time.sleep(max(0.0, due_s - time.monotonic()))
            image = next(turns)
            stamp_ns = time.time_ns()
            image.header.stamp.sec, image.header.stamp.nanosec = divmod(stamp_ns, 10**9)
            publisher.publish(image)
            counts[topic] += 1
            due_s = max(due_s + period_s, time.monotonic())
    return counts


if __name__ == '__main__':
    main()
