"""Cameras in a process of their own: play one picture each at a steady rate.

``python -m benchmarks.camera HZ WIDTH HEIGHT SECONDS TOPIC...`` prints one JSON object at the end:
by topic, how many images were published.
"""

from __future__ import annotations

import json
import sys
import time
from array import array

import numpy as np
import rclpy
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image

_QOS = QoSProfile(depth=5, history=HistoryPolicy.KEEP_LAST, reliability=ReliabilityPolicy.RELIABLE)


def main() -> None:
    """Play until the time is over."""
    rate_hz, width, height, seconds = (float(text) for text in sys.argv[1:5])
    topics = sys.argv[5:]
    rclpy.init()
    node = rclpy.create_node('cameras')
    publishers = {topic: node.create_publisher(Image, topic, _QOS) for topic in topics}
    image = _image(int(height), int(width))
    _wait_for_subscribers(list(publishers.values()))
    counts = _play(node, publishers, image, rate_hz, seconds)
    print(json.dumps(counts), flush=True)
    time.sleep(2.0)  # reliable images may have to be sent again
    node.destroy_node()
    rclpy.try_shutdown()


def _image(height: int, width: int) -> Image:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    message = Image(height=height, width=width, encoding='rgb8', step=3 * width)
    message.header.frame_id = 'camera_optical_frame'
    message.data = array('B', pixels.tobytes())
    return message


def _wait_for_subscribers(publishers: list[Publisher]) -> None:
    while not all(publisher.get_subscription_count() for publisher in publishers):
        time.sleep(0.05)


def _play(
    node: Node,
    publishers: dict[str, Publisher],
    image: Image,
    rate_hz: float,
    seconds: float,
) -> dict[str, int]:
    """Publish on each topic at the rate, the topics in turn; a late image is not made up for."""
    counts = dict.fromkeys(publishers, 0)
    period_s = 1 / rate_hz / len(publishers)
    start_s = due_s = time.monotonic()
    while due_s < start_s + seconds:
        for topic, publisher in publishers.items():
            time.sleep(max(0.0, due_s - time.monotonic()))
            stamp_ns = time.time_ns()
            image.header.stamp.sec, image.header.stamp.nanosec = divmod(stamp_ns, 10**9)
            publisher.publish(image)
            counts[topic] += 1
            due_s = max(due_s + period_s, time.monotonic())
    return counts


if __name__ == '__main__':
    main()
