"""Clients that die before their answer comes leave nothing behind."""

import os

import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from std_msgs.msg import Header

from ros2_rose.conversions import to_time
from ros2_rose.srv import Refine

WAIT_S = 30.0
STAMP_NS = 5_000_000_007
CLIENTS = 12


def ask_and_die(bench):
    """A client of its own participant, which is gone while its request is in work."""
    context = Context()
    rclpy.init(context=context)
    node = rclpy.create_node('dying', context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    client = node.create_client(Refine, '/rose/refine')
    assert client.wait_for_service(WAIT_S)
    bench.segmenter.gate.clear()
    bench.segmenter.began.clear()
    request = Refine.Request(
        text='bus', segment_id='1', header=Header(stamp=to_time(STAMP_NS)), publish=True
    )
    client.call_async(request)
    assert bench.segmenter.began.wait(WAIT_S)
    executor.shutdown()
    node.destroy_node()
    rclpy.shutdown(context=context)
    bench.segmenter.gate.set()


def held(bench):
    return len(os.listdir('/proc/self/fd')), len(list(bench.server.timers))


def test_clients_that_die_in_mid_request_leave_nothing_behind(bench):
    bench.open()
    for _ in range(2):
        ask_and_die(bench)
        assert bench.ask().success
    before = held(bench)
    for _ in range(CLIENTS):
        ask_and_die(bench)
    assert bench.ask().success
    assert held(bench) <= before
    service = bench.services[0]
    assert not service._open
    assert service.counts.received == service.counts.answered == CLIENTS + 5
    assert len(bench.published) == CLIENTS + 2  # what was asked for was done
