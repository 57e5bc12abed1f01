"""Ten thousand image messages that are wrong in every way: the node lives, and counts each one."""

import array

import numpy as np
import pytest

from ros2_rose.image_writer import write_image

pytestmark = pytest.mark.timeout(400)  # a process loads its libraries

MESSAGES = 10_000
HUGE = (0, 1, 2, 3, 7, 255, 2**16, 2**31, 2**32 - 1)
ENCODINGS = ('rgb8', 'bgra8', 'mono16', 'bayer_rggb16', 'yuv422', '32FC3', 'RGB8', '', 'x' * 300)
ENDS = ('processed', 'dropped_busy', 'dropped_stale', 'rejected')


@pytest.fixture(scope='module', autouse=True)
def node(ros, start_node):
    # All of them may wait at once; what the middleware dropped no counter would know.
    depth = {'qos_overrides./image_raw.subscription.depth': MESSAGES}
    process = start_node(diagnostics_period_s=0.2, **depth)
    ros.wait_until_ready()
    return process


def mutated(image, rng):
    """The image with one to three of its fields changed."""
    for field in rng.choice(9, rng.integers(1, 4), replace=False).tolist():
        if field < 3:
            setattr(image, ('height', 'width', 'step')[field], int(rng.choice(HUGE)))
        elif field == 3:
            image.encoding = str(rng.choice(ENCODINGS))
        elif field == 4:
            image.is_bigendian = int(rng.integers(256))
        elif field == 5:
            image.header.frame_id = str(rng.choice(('', '/', 'x' * 3000, 'a\nb\x1b[2K', '\u202e')))
        elif field == 6:
            image.header.stamp.nanosec = int(rng.choice((10**9, *HUGE)))
        elif field == 7:
            image.header.stamp.sec = int(rng.choice((0, -1, -(2**31))))
        else:
            size = int(rng.choice((0, 1, len(image.data) - 1, len(image.data) + 1, 4000)))
            image.data = array.array('B', rng.bytes(size))
    return image


def test_every_mutated_message_is_counted_and_the_node_goes_on(ros, node, street):
    before = ros.content(ros.segment(street))
    received = ros.count('camera', 'received')
    rng = np.random.default_rng(17)
    small = np.ascontiguousarray(street[:12, :16])
    for number in range(MESSAGES):
        ros.send(mutated(write_image(small, 'rgb8', ros.header()), rng))
        if number % 500 == 499:  # not all at once: the network's buffers are finite
            ros.wait_for(
                lambda sent=number + 1: ros.count('camera', 'received') >= received + sent,
                f'{number + 1} messages',
            )

    def is_idle():
        return sum(ros.count('camera', end) for end in ENDS) == ros.count('camera', 'received')

    ros.wait_for(is_idle, 'the account of all messages')
    assert ros.count('camera', 'received') >= received + MESSAGES
    assert ros.count('camera', 'rejected') > MESSAGES / 2
    assert node.is_running()
    assert ros.content(ros.segment(street)) == before
