"""A camera of 1920x1080: sends images at 10 Hz once somebody listens and it is told to.

python play_large.py TOPIC reliable|best_effort NUMBER

It is told to with a line on its standard input: that the camera knows of a listener does not mean
that the listener knows of the camera.  It writes a line when it has sent all, and ends with its
input: an image lies in the camera's memory until the listener has come to read it, and a
best-effort camera that ends before takes the image with it.
"""

import array
import sys
import time

import rclpy
from rclpy.duration import Duration
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image

PERIOD_S, WAIT_S = 0.1, 60.0


def main():
    topic, reliability, number = sys.argv[1], sys.argv[2], int(sys.argv[3])
    rclpy.init()
    node = rclpy.create_node('large_camera')
    profile = QoSProfile(depth=number, reliability=ReliabilityPolicy[reliability.upper()])
    publisher = node.create_publisher(Image, topic, profile)
    give_up = time.monotonic() + WAIT_S
    while not publisher.get_subscription_count():
        if time.monotonic() > give_up:
            sys.exit(f'nobody listens to {topic}')
        rclpy.spin_once(node, timeout_sec=0.1)
    sys.stdin.readline()
    image = Image(height=1080, width=1920, step=5760, encoding='rgb8')
    image.data = array.array('B', bytes(1080 * 5760))
    start = time.monotonic()
    for index in range(number):
        while time.monotonic() < start + index * PERIOD_S:
            rclpy.spin_once(node, timeout_sec=PERIOD_S / 10)
        image.header.stamp = node.get_clock().now().to_msg()
        publisher.publish(image)
    publisher.wait_for_all_acked(Duration(seconds=WAIT_S))
    print('all sent', flush=True)
    sys.stdin.read()
    node.destroy_node()
    rclpy.shutdown()


main()
