"""The launch file: what ``ros2 launch ros2_rose rose.launch.py --show-args`` promises."""

import importlib.util
from pathlib import Path

import pytest

LAUNCH_FILE = Path(__file__).parents[2] / 'launch' / 'rose.launch.py'
ARGUMENTS = {
    'namespace',
    'image',
    'params_file',
    'use_sim_time',
    'log_level',
    'large_images',
    'respawn',
}


def test_the_launch_file_starts_the_node_with_these_arguments():
    actions = pytest.importorskip('launch.actions', reason='launch comes with a ROS installation')
    nodes = pytest.importorskip('launch_ros.actions', reason='it comes with a ROS installation')
    specification = importlib.util.spec_from_file_location('rose_launch', LAUNCH_FILE)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    entities = module.generate_launch_description().entities
    declared = [each for each in entities if isinstance(each, actions.DeclareLaunchArgument)]
    assert {argument.name for argument in declared} == ARGUMENTS
    assert all(argument.description for argument in declared)
    [node] = [each for each in entities if isinstance(each, nodes.LifecycleNode)]
    assert (node.node_package, node.node_executable) == ('ros2_rose', 'rose_node')
