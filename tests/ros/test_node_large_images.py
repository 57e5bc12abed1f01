"""Images of 1920x1080: all of them arrive with the shipped profile, without it each is counted."""

import select
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from diagnostic_msgs.msg import DiagnosticStatus

pytestmark = pytest.mark.timeout(400)  # processes load their libraries

NUMBER = 30
PROFILE = Path(__file__).parents[2] / 'config' / 'fastdds_large.xml'
VARIABLES = ('FASTRTPS_DEFAULT_PROFILES_FILE', 'FASTDDS_DEFAULT_PROFILES_FILE')


@pytest.fixture(scope='module', params=[True, False], ids=['profile', 'default'])
def has_profile(request):
    """Whether the node and the cameras are started with the profile."""
    with pytest.MonkeyPatch.context() as patch:
        for name in VARIABLES:
            if request.param:
                patch.setenv(name, str(PROFILE))
            else:
                patch.delenv(name, raising=False)
        yield request.param


@pytest.fixture(scope='module')
def node(ros, start_node, has_profile):
    ros.status.clear()
    cameras = ('reliable', 'best_effort')
    # On a starved machine the node may not run for seconds; the middleware keeps the images then.
    depths = {f'qos_overrides./{name}/image_raw.subscription.depth': NUMBER for name in cameras}
    process = start_node(
        camera_names=f'[{", ".join(cameras)}]',
        diagnostics_period_s=0.1,
        max_segments=1,
        min_objectness=1.0,
        **depths,
    )
    ros.wait_until_ready()
    yield process
    process.stop()


@contextmanager
def played(ros, reliability):
    """What was said of a camera of this reliability while it sent its images, which began once
    the node knew the camera and said so; the camera stays until the end of the block.
    """
    script = Path(__file__).with_name('play_large.py')
    topic = f'/{reliability}/image_raw'
    command = [sys.executable, script, topic, reliability, str(NUMBER)]
    silent = f'/large_camera could be heard on {topic}, but sends nothing'
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as camera:

        def is_known():
            assert camera.poll() is None, 'the camera has ended'
            return ros.status.get(f'input/{reliability}', ('',))[0].endswith(silent)

        ros.wait_for(is_known, silent)
        camera.stdin.write(b'\n')
        camera.stdin.flush()
        told = set()

        def has_sent_all():
            status = ros.status.get(f'input/{reliability}', ('',))[0]
            told.add((ros.level.get(f'input/{reliability}'), status))
            return select.select([camera.stdout], [], [], 0)[0]

        ros.wait_for(has_sent_all, 'all of the images to be sent')
        yield told
    assert camera.returncode == 0


def test_a_reliable_camera_loses_nothing(ros, node):
    with played(ros, 'reliable'):
        ros.wait_for(lambda: ros.count('reliable', 'received') == NUMBER, 'all images')
    assert ros.count('reliable', 'lost') == 0


def test_a_best_effort_camera_loses_nothing_with_the_profile_and_is_accounted_for_without(
    ros, node, has_profile
):
    def known():
        return ros.count('best_effort', 'received') + ros.count('best_effort', 'lost')

    # Nothing tells of an image lost before the first that arrives, nor of one after the last.
    edges = 0 if has_profile else 2
    with played(ros, 'best_effort') as told:
        ros.wait_for(lambda: known() >= NUMBER - edges, 'the account')
    assert known() <= NUMBER
    lost = ros.count('best_effort', 'lost')
    assert not (lost and has_profile)
    words = {text for level, text in told if level == DiagnosticStatus.ERROR}
    assert any('lost on the way' in text and 'large_images' in text for text in words) or lost < 6
