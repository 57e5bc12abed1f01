"""The camera process: plays frames on a ROS 2 topic; run as ``python -m demo.camera [PATH]``.

Prints the stamp of every published frame in nanoseconds, a line each, so that the client can
account for all of them.
"""

from __future__ import annotations

import sys
import time
from array import array
from collections.abc import Iterator
from pathlib import Path

import rclpy
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image

from demo.errors import DemoError
from demo.frames import RATE_HZ, Rgb, read_frames

TOPIC = 'image_raw'
FRAME_ID = 'camera_optical_frame'
QOS = QoSProfile(depth=5, history=HistoryPolicy.KEEP_LAST, reliability=ReliabilityPolicy.RELIABLE)

SUBSCRIBER_TIMEOUT_S = 20.0
ACKNOWLEDGE_TIMEOUT_S = 5.0


def main() -> int:
    """Play the source that the command line names, then wait until everything has arrived."""
    source = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    rclpy.init()
    node = rclpy.create_node('camera')
    try:
        publisher = node.create_publisher(Image, TOPIC, QOS)
        _wait_for_subscriber(publisher)
        _play(node, publisher, read_frames(source))
        publisher.wait_for_all_acked(Duration(seconds=ACKNOWLEDGE_TIMEOUT_S))
    except DemoError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    finally:
        node.destroy_node()
        rclpy.try_shutdown()
    return 0


def image_message(rgb: Rgb, stamp_ns: int) -> Image:
    """A ``rgb8`` image message of a uint8 picture ``[H, W, 3]``."""
    message = Image()
    message.header.stamp.sec, message.header.stamp.nanosec = divmod(stamp_ns, 10**9)
    message.header.frame_id = FRAME_ID
    message.height, message.width = rgb.shape[:2]
    message.encoding = 'rgb8'
    message.step = 3 * message.width
    # an array of bytes is stored as it is; anything else is copied byte by byte in Python
    message.data = array('B', rgb.tobytes())
    return message


def _wait_for_subscriber(publisher: Publisher) -> None:
    give_up = time.monotonic() + SUBSCRIBER_TIMEOUT_S
    while publisher.get_subscription_count() == 0:
        if time.monotonic() > give_up:
            raise DemoError(f'nobody subscribed to {TOPIC} within {SUBSCRIBER_TIMEOUT_S:.0f} s.')
        _sleep(0.05)


def _play(node: Node, publisher: Publisher, frames: Iterator[Rgb]) -> None:
    due = time.monotonic()
    for rgb in frames:
        _sleep(due - time.monotonic())
        # the moment of publishing, as of a live camera: old stamps would be refused as stale
        stamp_ns = time.time_ns()
        publisher.publish(image_message(rgb, stamp_ns))
        print(stamp_ns, flush=True)
        # after a late frame the next one still keeps its distance: no bursts
        due = max(due, time.monotonic()) + 1 / RATE_HZ


def _sleep(seconds: float) -> None:
    if not rclpy.ok():
        raise KeyboardInterrupt
    time.sleep(max(0.0, seconds))


if __name__ == '__main__':
    sys.exit(main())
