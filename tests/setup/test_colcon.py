"""The ROS package builds with colcon over the environment, with copies and with links."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# What a user of the workspace sees, printed as facts.
LOOK = """
from importlib.util import find_spec
from pathlib import Path
import ros2_rose.masks
from rclpy.serialization import deserialize_message, serialize_message
from ros2_rose.msg import Mask
from ros2_rose.srv import Refine
mask = Mask(width=2, height=1, counts=[1, 1])
print('message', deserialize_message(serialize_message(mask), Mask) == mask)
print('init', 'extend_path' in Path(ros2_rose.__file__).read_text())
for name in (ros2_rose.__file__, ros2_rose.masks.__file__, ros2_rose.msg.__file__,
             find_spec('rose_model').origin):
    print('file', name)
"""


@pytest.fixture(scope='module', params=[[], ['--symlink-install']], ids=['copied', 'linked'])
def workspace(request, tmp_path_factory):
    """A workspace with the package built and installed, over the wheels as the underlay."""
    folder = tmp_path_factory.mktemp('workspace')
    binaries = Path(sys.prefix, 'bin')
    environment = {
        **os.environ,
        'PATH': f'{binaries}:{os.environ["PATH"]}',
        'AMENT_PREFIX_PATH': sys.prefix,
        'CMAKE_PREFIX_PATH': sys.prefix,
    }
    build = subprocess.run(
        [
            *(binaries / 'colcon', 'build', *request.param, '--base-paths', ROOT),
            *('--cmake-args', f'-DPython3_EXECUTABLE={binaries}/python', '-DBUILD_TESTING=OFF'),
        ],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert build.returncode == 0, build.stdout + build.stderr
    assert '1 package finished' in build.stdout
    return folder


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_workspace_gives_the_messages_and_both_packages(workspace):
    command = f'. install/local_setup.sh && exec {sys.executable} -'
    environment = {k: v for k, v in os.environ.items() if k != '_ROS_WHEELS_BOOTSTRAP_COMPLETE'}
    run = subprocess.run(
        ['sh', '-c', command],
        cwd=workspace,
        env=environment,
        input=LOOK,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    facts = [line.split(' ', 1) for line in run.stdout.splitlines()]
    files = [value for name, value in facts if name == 'file']
    assert ['message', 'True'] in facts
    assert ['init', 'True'] in facts
    assert len(files) == 4
    for file in files:
        assert Path(file).is_relative_to(workspace / 'install')


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_workspace_has_what_ros2_run_and_ros2_launch_look_for(workspace):
    prefix = workspace / 'install' / 'ros2_rose'
    assert os.access(prefix / 'lib/ros2_rose/rose_node', os.X_OK)
    share = prefix / 'share'
    assert (share / 'ament_index/resource_index/packages/ros2_rose').is_file()
    for folder in ('launch', 'config'):
        sources = {path.name for path in (ROOT / folder).iterdir() if path.is_file()}
        assert sources <= {path.name for path in (share / 'ros2_rose' / folder).iterdir()}
        assert sources
