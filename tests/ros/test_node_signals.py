"""A signal at any moment ends the node within 3 s of its word that it runs, with code 0."""

import random
import signal
import time

import pytest
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from sensor_msgs.msg import Image

from ros2_rose.image_writer import write_image
from ros2_rose.srv import Refine

pytestmark = pytest.mark.timeout(400)  # processes load their libraries

SIGNALS = [signal.SIGINT, signal.SIGTERM]
END_S = 3.0
# Of a busy machine: what is tested is that nobody waits for a model, a frame or a client.
PATIENCE = 4


def end(node, number):
    start_s = time.monotonic()
    node.send_signal(number)
    assert node.wait() == 0
    assert time.monotonic() - start_s < PATIENCE * END_S
    assert 'Traceback' not in node.output


@pytest.mark.parametrize('number', SIGNALS)
@pytest.mark.parametrize('seed', range(3))
def test_at_a_random_moment_after_the_first_word(ros, start_node, street, seed, number):
    """While the model loads, idle, amid frames: whichever the moment hits."""
    ros.status.clear()
    ros.segments.clear()
    node = start_node(diagnostics_period_s=0.2)
    ros.wait_for(lambda: 'model' in ros.status, 'the first report')
    moment_s = time.monotonic() + random.Random(f'{seed}-{number}').uniform(0, 4)  # noqa: S311
    publisher = ros.publisher(Image, '/image_raw')
    while time.monotonic() < moment_s:
        publisher.publish(write_image(street, 'rgb8', ros.header()))
        ros.spin_once()
    end(node, number)


@pytest.mark.parametrize('number', SIGNALS)
def test_amid_transitions(ros, start_node, number):
    """A client asks for one after the other; nobody waits for their answers."""
    ros.status.clear()
    node = start_node(diagnostics_period_s=0.2)
    ros.wait_for(lambda: 'model' in ros.status, 'the first report')
    client = ros.node.create_client(ChangeState, '/rose/change_state')
    ros.wait_for(client.service_is_ready, 'the service')
    for _ in range(5):
        for step in (4, 2, 1, 3):
            client.call_async(ChangeState.Request(transition=Transition(id=step)))
    ros.spin_once()
    end(node, number)
    ros.node.destroy_client(client)


@pytest.mark.parametrize('number', SIGNALS)
def test_amid_a_correction(ros, start_node, street, number):
    ros.status.clear()
    node = start_node(diagnostics_period_s=0.2)
    ros.wait_until_ready()
    first = ros.segment(street)
    client = ros.node.create_client(Refine, '/rose/refine')
    ros.wait_for(client.service_is_ready, 'the service')
    text = Refine.Request(text='include the whole of it', segment_id=first.segments[0].id)
    for _ in range(3):
        client.call_async(text)
    ros.wait_for(
        lambda: int(ros.status['refine'][1].get('received', 0)) > 0, 'the first correction'
    )
    end(node, number)
    ros.node.destroy_client(client)


def test_before_the_first_word_the_process_ends_too(start_node):
    """Python loads its libraries then, so that a signal has its ordinary effect."""
    node = start_node()
    node.send_signal(signal.SIGTERM)
    assert node.wait() in {0, -signal.SIGTERM}
