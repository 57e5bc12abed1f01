"""Who sees whom: tests and demonstration stay on this machine, in a domain of their own."""

import os

import pytest
import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor

from demo import scenario

OWN = int(os.environ['ROS_DOMAIN_ID'])


@pytest.fixture
def make_node():
    nodes = []

    def make(name, domain):
        context = Context()
        rclpy.init(context=context, domain_id=domain)
        nodes.append(rclpy.create_node(name, context=context))
        return nodes[-1]

    yield make
    for node in nodes:
        node.destroy_node()
        rclpy.shutdown(context=node.context)


def test_a_node_of_another_domain_is_not_seen(make_node):
    watcher = make_node('watcher', OWN)
    make_node('stranger', 1 + OWN % 101)
    make_node('friend', OWN)  # comes last: once it is seen, the stranger would have been, too
    executor = SingleThreadedExecutor(context=watcher.context)
    executor.add_node(watcher)
    while 'friend' not in watcher.get_node_names():
        executor.spin_once(timeout_sec=0.1)
    assert 'stranger' not in watcher.get_node_names()


def test_the_tests_stay_on_this_machine():
    assert os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] == 'LOCALHOST'
    assert OWN > 0


def test_the_demonstration_stays_on_this_machine(monkeypatch):
    monkeypatch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'SUBNET')
    monkeypatch.setenv('ROS_DOMAIN_ID', '0')
    scenario._keep_to_ourselves()
    assert os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] == 'LOCALHOST'
    assert int(os.environ['ROS_DOMAIN_ID']) > 0
