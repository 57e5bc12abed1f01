"""A camera: sends small images of one value at a rate until it is ended.

python steady_camera.py TOPIC RATE_HZ VALUE
"""

import contextlib
import sys

import numpy as np
import rclpy
from rclpy.executors import ExternalShutdownException
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from ros2_rose.image_writer import write_image


def main():
    topic, rate_hz, value = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
    rclpy.init()
    node = rclpy.create_node('steady_camera')
    publisher = node.create_publisher(Image, topic, 5)
    pixels = np.full((6, 8, 3), value, np.uint8)

    def send():
        header = Header(stamp=node.get_clock().now().to_msg(), frame_id='optical')
        publisher.publish(write_image(pixels, 'rgb8', header))

    node.create_timer(1 / rate_hz, send)
    with contextlib.suppress(KeyboardInterrupt, ExternalShutdownException):
        rclpy.spin(node)


main()
