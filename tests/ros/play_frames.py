"""A camera: plays a folder of pictures and prints, as JSON, the stamps that it used.

python play_frames.py FOLDER TOPIC RATE_HZ
"""

import json
import sys
import time
from pathlib import Path

import cv2
import rclpy
from rclpy.duration import Duration
from rclpy.qos import QoSProfile
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from ros2_rose.image_writer import write_image

WAIT_S = 60.0


def main():
    folder, topic, rate_hz = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])
    rclpy.init()
    node = rclpy.create_node('camera')
    publisher = node.create_publisher(Image, topic, QoSProfile(depth=200))
    give_up = time.monotonic() + WAIT_S
    while not publisher.get_subscription_count():
        if time.monotonic() > give_up:
            sys.exit(f'nobody listens to {topic}')
        rclpy.spin_once(node, timeout_sec=0.1)
    stamps, start = [], time.monotonic()
    for index, path in enumerate(sorted(folder.glob('*.jpg'))):
        pixels = cv2.imread(str(path))
        while time.monotonic() < start + index / rate_hz:
            rclpy.spin_once(node, timeout_sec=start + index / rate_hz - time.monotonic())
        stamp = node.get_clock().now()
        header = Header(stamp=stamp.to_msg(), frame_id='front_optical')
        publisher.publish(write_image(pixels, 'bgr8', header))
        stamps.append(stamp.nanoseconds)
    is_received = publisher.wait_for_all_acked(Duration(seconds=WAIT_S))
    print(json.dumps({'stamps': stamps, 'is_received': is_received}))
    node.destroy_node()
    rclpy.shutdown()


main()
