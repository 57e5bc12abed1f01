"""Every way in which an image may arrive, and the pictures that go out."""

import array
import time

import cv2
import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.qos import ReliabilityPolicy
from sensor_msgs.msg import CompressedImage, Image

from ros2_rose.image_writer import write_image
from ros2_rose.masks import decode_mask

pytestmark = pytest.mark.timeout(400)  # a process loads its libraries

WAIT_S = 120.0
FRONT, REAR = '/front/image_raw', '/rear/image_raw/compressed'


@pytest.fixture(scope='module', autouse=True)
def node(ros, start_node):
    process = start_node(
        camera_names='[front, rear]',
        cameras__rear__transport='compressed',
        diagnostics_period_s=0.2,
        input_timeout_s=600.0,  # what is said of a camera here is of its images
    )
    ros.wait_until_ready()
    return process


@pytest.fixture(scope='module')
def plain(ros, node, street):
    message = ros.segment(street, topic=FRONT)
    assert message.segments, 'the model finds nothing in a street scene'
    assert message.camera == 'front'
    return ros.content(message)


def padded(rgb, header):
    height, width = rgb.shape[:2]
    rows = np.pad(rgb.reshape(height, -1), ((0, 0), (0, 5)), constant_values=200)
    image = write_image(rgb, 'rgb8', header)
    image.step = 3 * width + 5
    image.data = array.array('B', rows.tobytes())
    return image


def compressed(rgb, header, suffix='.png', text='png'):
    data = cv2.imencode(suffix, np.ascontiguousarray(rgb[..., ::-1]))[1].tobytes()
    return CompressedImage(header=header, format=text, data=array.array('B', data))


def test_padded_rows_give_the_same_segments(ros, street, plain):
    stamp_ns = ros.send(padded(street, ros.header()), FRONT)
    assert ros.content(ros.answer_to(stamp_ns)) == plain


def test_another_order_of_colours_gives_the_same_segments(ros, street, plain):
    image = write_image(street[..., ::-1], 'bgr8', ros.header())
    assert ros.content(ros.answer_to(ros.send(image, FRONT))) == plain


@pytest.mark.parametrize(
    'text', ['png', '', 'rgb8; png compressed bgr8', 'jpeg', pytest.param('x' * 2**20, id='1 MB')]
)
def test_a_lossless_compressed_image_gives_the_same_segments(ros, street, plain, text):
    stamp_ns = ros.send(compressed(street, ros.header(), text=text), REAR)
    message = ros.answer_to(stamp_ns)
    assert message.camera == 'rear'
    assert ros.content(message) == plain


def test_a_format_that_the_data_belie_is_a_warning(ros, node, street):
    ros.answer_to(ros.send(compressed(street, ros.header(), text='jpeg\nall is well'), REAR))
    ros.wait_for(lambda: "Camera 'rear' sends png as 'jpeg" in node.output, 'the warning')
    assert '\nall is well' not in node.output


def test_a_frame_id_that_is_missing_is_a_warning(ros, node, street):
    image = write_image(street, 'rgb8', ros.header(frame_id=''))
    assert ros.answer_to(ros.send(image, FRONT)).header == image.header
    ros.wait_for(lambda: "Camera 'front' sends images without a frame_id" in node.output, 'it')


def test_a_jpeg_is_segmented(ros, street):
    image = compressed(street, ros.header(), '.jpg', 'jpeg')
    assert ros.answer_to(ros.send(image, REAR)).segments


def with_fields(**fields):
    """A maker of raw images of which some fields are wrong."""

    def make(rgb, header):
        image = write_image(rgb, 'rgb8', header)
        for name, value in fields.items():
            setattr(image, name, value)
        return image

    return make


def bad_raw(rgb, header):
    image = write_image(rgb, 'rgb8', header)
    image.data = image.data[:-1]
    return image


def bad_compressed(rgb, header):
    image = compressed(rgb, header, '.jpg', 'jpeg')
    image.data = image.data[: len(image.data) // 2]
    return image


def bad_pixels(rgb, header):
    """Its chunks are whole, so that only decoding shows what is wrong."""
    image = compressed(rgb, header)
    start = bytes(image.data).index(b'IDAT') + 20
    image.data[start : start + 400] = array.array('B', bytes(400))
    return image


def bad_stamp(rgb, header):
    header.stamp.nanosec = 10**9
    return write_image(rgb, 'rgb8', header)


@pytest.mark.parametrize(
    ('camera', 'topic', 'make', 'reason'),
    [
        ('front', FRONT, bad_raw, 'DATA_SIZE'),
        ('front', FRONT, with_fields(data=array.array('B')), 'DATA_SIZE'),
        ('front', FRONT, with_fields(width=0), 'EMPTY'),
        ('front', FRONT, with_fields(height=2**32 - 1, width=2**32 - 1), 'TOO_LARGE'),
        ('front', FRONT, with_fields(encoding='x' * 10_000), 'ENCODING'),
        ('front', FRONT, with_fields(step=5), 'STEP'),
        ('front', FRONT, bad_stamp, 'STAMP'),
        ('rear', REAR, bad_compressed, 'DECODE'),
        ('rear', REAR, bad_pixels, 'DECODE'),
    ],
)
def test_a_broken_image_is_counted_by_its_reason_and_the_next_one_works(
    ros, street, plain, camera, topic, make, reason
):
    before = ros.count(camera, f'rejected.{reason}')
    ros.send(make(street, ros.header()), topic)
    ros.wait_for(lambda: ros.count(camera, f'rejected.{reason}') == before + 1, 'the count')
    assert ros.content(ros.segment(street, topic=FRONT)) == plain


@pytest.mark.parametrize('size', [(1, 1), (1, 4096), (4096, 1), (7, 7), (3, 8191), (8191, 3)])
def test_tiny_and_thin_images_are_answered(ros, size):
    message = ros.segment(np.full((*size, 3), 90, np.uint8), topic=FRONT)
    assert (message.height, message.width) == size


def noise(size, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)


@pytest.mark.parametrize(
    'rgb', [np.full((60, 80, 3), value, np.uint8) for value in (0, 128, 255)] + [noise((60, 80))]
)
def test_images_of_nothing_are_answered_with_finite_scores(ros, rgb):
    for segment in ros.segment(rgb, topic=FRONT).segments:
        assert np.isfinite([segment.label_score, segment.mask_score]).all()
        assert segment.area > 0


def test_another_size_and_encoding_with_each_frame_leaves_nothing_behind(ros, node, street, plain):
    """Memory, too: it may vary by what PyTorch keeps for itself, but not by frames."""
    sizes = [(90, 120), (120, 90), (31, 77), (360, 480), (48, 640), (240, 250), (1, 9), (200, 20)]

    def highest(rounds):
        """Memory meanwhile; it goes down and up again by tens of MiB, as the collector runs."""
        most = 0
        for number in range(rounds * len(sizes)):
            size = sizes[number % len(sizes)]
            if number % 2:
                ros.segment(noise(size, number), topic=FRONT)
            else:
                grey = write_image(noise(size, number)[..., 0], 'mono8', ros.header())
                ros.answer_to(ros.send(grey, FRONT))
            most = max(most, node.memory())
        return most

    before = highest(4)
    assert highest(4) - before < 64 * 2**20
    assert ros.content(ros.segment(street, topic=FRONT)) == plain


def test_a_bad_image_is_a_warning_six_of_ten_an_error_and_ten_good_ones_make_it_well(ros, street):
    tiny = street[:8, :8]

    def say(good, bad, level):
        for make in [compressed] * good + [bad_pixels] * bad:
            before = ros.count('rear', 'received')
            ros.send(make(street if make is bad_pixels else tiny, ros.header()), REAR)
            ros.wait_for(lambda: ros.count('rear', 'received') > before, 'the count')  # noqa: B023
        ros.wait_for(lambda: ros.level['input/rear'] == level, f'{level} after {good}, {bad}')
        return ros.status['input/rear'][0]

    assert say(10, 0, DiagnosticStatus.OK) == 'receiving'
    assert say(0, 1, DiagnosticStatus.WARN) == '1 of the last 10 images were refused, DECODE'
    assert say(0, 5, DiagnosticStatus.ERROR) == '6 of the last 10 images were refused, DECODE'
    assert say(10, 0, DiagnosticStatus.OK) == 'receiving'


def is_even(ros, camera):
    """Nothing waits, and nothing is worked on."""
    ends = ('processed', 'dropped_busy', 'dropped_stale', 'rejected')
    ended = sum(ros.count(camera, end) for end in ends)
    return ros.count(camera, 'received') == ended > 0


def test_of_a_stream_with_a_tenth_of_damaged_frames_each_is_counted(ros, street):
    names = ('received', 'processed', 'dropped_busy', 'dropped_stale', 'rejected.DECODE')
    ros.wait_for(lambda: is_even(ros, 'rear'), 'the end of the frames before')
    before = {name: ros.count('rear', name) for name in names}

    def grown():
        return [ros.count('rear', name) - before[name] for name in names]

    for number in range(100):
        make = bad_compressed if number % 10 == 9 else compressed
        ros.send(make(street, ros.header()), REAR)
        if number % 5 == 4:  # the network's queue holds five
            ros.wait_for(lambda sent=number + 1: grown()[0] == sent, f'{number + 1} frames')
    ros.wait_for(lambda: is_even(ros, 'rear'), 'the account of all frames')
    received, processed, busy, stale, rejected = grown()
    assert (received, processed + busy, stale, rejected) == (100, 90, 0, 10)
    assert processed > 0


def test_a_repeated_stamp_is_not_answered_twice(ros, street):
    image = write_image(street, 'rgb8', ros.header())
    stamp_ns = ros.send(image, FRONT)
    ros.answer_to(stamp_ns)
    before = ros.count('front', 'dropped_stale')
    ros.send(image, FRONT)
    ros.wait_for(lambda: ros.count('front', 'dropped_stale') == before + 1, 'the count')
    ros.segment(street, topic=FRONT)
    ros.answer_to(stamp_ns)  # still exactly one


def test_pictures_are_published_while_somebody_listens(ros, street):
    overlays = ros.collect(Image, '/rose/overlay')
    label_maps = ros.collect(Image, '/rose/label_map')
    for topic in ('/rose/overlay', '/rose/label_map'):
        ros.wait_for(lambda name=topic: ros.node.count_publishers(name), topic)
    # The node may learn of the subscriptions some frames later.
    give_up = time.monotonic() + WAIT_S
    while not (overlays and label_maps):
        assert time.monotonic() < give_up, 'no pictures came'
        ros.segment(street, topic=FRONT)
    message = ros.segment(street, topic=FRONT)
    ros.wait_for(
        lambda: overlays[-1].header == label_maps[-1].header == message.header, 'both pictures'
    )
    overlay, label_map = overlays[-1], label_maps[-1]
    assert (overlay.encoding, overlay.height, overlay.width) == ('rgb8', *street.shape[:2])
    drawn = np.frombuffer(overlay.data, np.uint8).reshape(street.shape)
    assert not np.array_equal(drawn, street)
    assert label_map.encoding == '16UC1'
    numbers = np.frombuffer(label_map.data, np.uint16).reshape(street.shape[:2])
    painted = np.zeros_like(numbers)
    for number, segment in enumerate(message.segments, start=1):
        painted[decode_mask(segment.mask, message.height, message.width)] = number
    assert np.array_equal(numbers, painted)


def test_a_best_effort_camera_is_heard(ros, street):
    """Last: from now on a best-effort publisher is on the topic."""
    message = ros.send_until_answered(
        lambda header: write_image(street, 'rgb8', header), FRONT, ReliabilityPolicy.BEST_EFFORT
    )
    assert message.camera == 'front'


@pytest.mark.parametrize('camera', ['front', 'rear'])
def test_every_frame_is_accounted_for(ros, camera):
    ros.wait_for(lambda: is_even(ros, camera), 'the account of all frames')
