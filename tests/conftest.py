"""Shared by all tests: they stay on this machine, and real images come from outside."""

import os
from pathlib import Path

import pytest

# Before anything imports rclpy or transformers.  A domain of its own for each test run, so that
# neither a robot in the same network nor a second run hears it; 101 is the last one that is safe
# on Linux.
os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
os.environ['ROS_DOMAIN_ID'] = str(1 + os.getpid() % 101)
os.environ['HF_HUB_OFFLINE'] = '1'


@pytest.fixture(scope='session')
def test_data() -> Path:
    """The folder of real images that ROSE_TEST_DATA names."""
    if 'ROSE_TEST_DATA' not in os.environ:
        pytest.skip('ROSE_TEST_DATA is not set: no real images')
    folder = Path(os.environ['ROSE_TEST_DATA'])
    if not folder.is_dir():
        pytest.fail(f'ROSE_TEST_DATA={folder} is not a folder')
    return folder
