"""Pictures out: drawn only for listeners, and readable by every ROS tool."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from std_msgs.msg import Header

from ros2_rose import overlay
from ros2_rose.conversions import to_time
from ros2_rose.history import FrameRecord
from ros2_rose.image_writer import write_image
from ros2_rose.overlay import PicturePublisher, label_map
from rose_model.overlay import colour_of, draw_overlay
from rose_model.records import Segment

RGB = np.full((6, 8, 3), 100, np.uint8)


class FakePublisher:
    def __init__(self, listeners):
        self.listeners = listeners
        self.messages = []

    def get_subscription_count(self):
        return self.listeners

    def publish(self, message):
        self.messages.append(message)


class FakeNode:
    def __init__(self, overlay_listeners, label_map_listeners):
        self.publishers = {
            '~/overlay': FakePublisher(overlay_listeners),
            '~/label_map': FakePublisher(label_map_listeners),
        }

    def create_publisher(self, kind, name, profile, **options):
        return self.publishers[name]


def published(node, record, rgb):
    PicturePublisher(node).publish(record, rgb)
    return [len(publisher.messages) for publisher in node.publishers.values()]


@pytest.fixture
def record(make_segment, make_segmentation):
    segmentation = make_segmentation(make_segment('1'), make_segment('2', box=(0, 0, 8, 6)))
    return FrameRecord('front', Header(stamp=to_time(7)), 7, 0, segmentation)


@pytest.mark.parametrize('listeners', [(0, 0), (1, 0), (0, 2), (3, 1)])
def test_each_picture_is_published_only_while_somebody_listens(record, listeners):
    expected = [min(1, count) for count in listeners]
    assert published(FakeNode(*listeners), record, RGB) == expected


def test_nothing_is_drawn_without_listeners(record, monkeypatch):
    monkeypatch.setattr(overlay, 'draw_overlay', None)
    monkeypatch.setattr(overlay, 'label_map', None)
    assert published(FakeNode(0, 0), record, RGB) == [0, 0]


def test_without_the_image_there_is_a_label_map_but_no_overlay(record):
    assert published(FakeNode(1, 1), record, None) == [0, 1]


def test_pictures_have_the_header_and_size_of_the_image(record):
    node = FakeNode(1, 1)
    published(node, record, RGB)
    for publisher, encoding in zip(node.publishers.values(), ('rgb8', '16UC1'), strict=True):
        [message] = publisher.messages
        assert message.header == record.header
        assert (message.height, message.width, message.encoding) == (6, 8, encoding)


def test_the_label_map_numbers_segments_as_the_message_lists_them(record):
    numbers = label_map(record.segmentation.segments, (6, 8))
    assert numbers.dtype == np.uint16
    assert record.segmentation.segments[1].id == '1'
    assert (numbers[1:3, 1:4] == 2).all()
    assert (numbers == 1).sum() == 6 * 8 - 6


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 4), arrays(bool, (2, 3))), max_size=9))
def test_the_label_map_is_painted_in_order(places):
    segments = [
        Segment(str(n), '', 0.5, 0.5, 0.5, True, (x, y, x + 3, y + 2), mask, 0)
        for n, (x, y, mask) in enumerate(places)
    ]
    expected = np.zeros((6, 8), np.uint16)
    for number, (x, y, mask) in enumerate(places, start=1):
        expected[y : y + 2, x : x + 3][mask] = number
    assert np.array_equal(label_map(segments, (6, 8)), expected)


def test_the_label_map_tells_more_segments_apart_than_a_byte(make_segment):
    assert label_map([make_segment('1')] * 300, (6, 8)).max() == 300


def test_a_frame_without_segments_has_an_empty_label_map():
    assert not label_map((), (6, 8)).any()


@pytest.mark.parametrize(
    ('pixels', 'encoding'),
    [
        (np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3), 'rgb8'),
        (np.arange(6 * 8, dtype=np.uint16).reshape(6, 8) * 999, '16UC1'),
        (np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3)[:, ::-1], 'rgb8'),
    ],
)
def test_written_pixels_are_read_back(pixels, encoding):
    message = write_image(pixels, encoding, Header())
    assert message.step == 8 * pixels[0, 0].nbytes
    read = np.frombuffer(message.data, pixels.dtype).reshape(pixels.shape)
    assert np.array_equal(read, pixels)


@pytest.mark.parametrize(
    ('pixels', 'encoding'),
    [
        (np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3), 'rgb8'),
        (np.arange(6 * 8, dtype=np.uint16).reshape(6, 8) * 999, '16UC1'),
    ],
)
def test_both_writers_write_the_same(pixels, encoding):
    bridge = pytest.importorskip('cv_bridge', reason='cv_bridge comes with a ROS installation')
    ours = write_image(pixels, encoding, Header(frame_id='optical'))
    theirs = bridge.CvBridge().cv2_to_imgmsg(pixels, encoding, Header(frame_id='optical'))
    assert ours == theirs


# --- drawing ------------------------------------------------------------------------------------


def test_an_overlay_without_segments_is_a_copy_of_the_image():
    drawn = draw_overlay(RGB, [])
    assert np.array_equal(drawn, RGB)
    assert drawn is not RGB


def test_drawing_leaves_the_image_itself_alone(make_segment):
    rgb = RGB.copy()
    drawn = draw_overlay(rgb, [make_segment('1')])
    assert np.array_equal(rgb, RGB)
    assert not np.array_equal(drawn, RGB)


def test_pixels_outside_of_masks_and_labels_stay(make_segment):
    rgb = np.full((200, 300, 3), 100, np.uint8)
    drawn = draw_overlay(rgb, [make_segment('1', box=(100, 100, 150, 140))])
    assert np.array_equal(drawn[160:], rgb[160:])
    assert (drawn[120, 125] != 100).any()


def test_where_segments_overlap_the_last_one_is_seen(make_segment):
    rgb = np.full((200, 300, 3), 100, np.uint8)
    lower = make_segment('1', 'road', box=(50, 50, 250, 190), is_thing=False)
    upper = make_segment('2', box=(100, 100, 200, 180))
    both = draw_overlay(rgb, [lower, upper])
    assert np.array_equal(both[140, 150], draw_overlay(rgb, [upper])[140, 150])
    assert np.array_equal(both[140, 75], draw_overlay(rgb, [lower])[140, 75])


def test_hundreds_of_segments_are_drawn_each_in_its_colour(make_segment):
    """One byte a pixel tells 127 segments apart, so they are drawn in several turns."""
    rgb = np.full((200, 300, 3), 100, np.uint8)
    boxes = [(x, y, x + 8, y + 8) for y in range(0, 200, 10) for x in range(0, 300, 10)]
    segments = [make_segment(str(n), '', box=box) for n, box in enumerate(boxes)]
    drawn = draw_overlay(rgb, segments)
    for segment in segments:
        x, y = segment.box_xyxy[:2]
        expected = 0.5 * 100 + 0.5 * np.array(colour_of(segment))
        assert np.abs(drawn[y + 4, x + 4] - expected).max() <= 1


def test_the_colour_of_an_object_is_the_same_in_every_run(make_segment):
    """Values that another machine and another run of Python must give, too."""
    assert colour_of(make_segment('1', 'car')) == (86, 255, 25)
    assert colour_of(make_segment('2', 'car')) == (86, 210, 115)
    assert colour_of(make_segment('1', 'road', is_thing=False)) == (131, 230, 161)


def test_place_and_mask_do_not_matter_for_the_colour(make_segment):
    here, there = make_segment('7', 'car'), make_segment('7', 'car', box=(0, 0, 8, 6), revision=3)
    assert colour_of(here) == colour_of(there)


def test_things_of_one_name_are_told_apart_and_adjectives_are_not(make_segment):
    colours = {colour_of(make_segment(str(number), 'car')) for number in range(1, 11)}
    assert len(colours) >= 7
    assert colour_of(make_segment('3', 'Red car')) == colour_of(make_segment('3', 'car'))


def test_stuff_has_one_colour_a_name_and_is_paler_than_things(make_segment):
    road = [make_segment(str(number), 'road', is_thing=False) for number in range(9)]
    assert len({colour_of(segment) for segment in road}) == 1
    pale = min(colour_of(road[0])) / max(colour_of(road[0]))
    for number in range(20):
        colour = colour_of(make_segment(str(number), 'road'))
        assert min(colour) / max(colour) < pale


@pytest.mark.parametrize('name', ['', 'Straßenbahn', '大', 'lone \ud800'])
def test_any_name_has_a_colour(make_segment, name):
    for identity in ('', 'größer', '17'):
        assert all(0 <= value <= 255 for value in colour_of(make_segment(identity, name)))


@pytest.mark.parametrize('ground', [0, 255])
def test_an_outline_can_be_seen_on_black_and_on_white(make_segment, ground):
    rgb = np.full((200, 300, 3), ground, np.uint8)
    for number in range(20):
        segment = make_segment(str(number), f'name {number}', box=(100, 60, 200, 140))
        edge = draw_overlay(rgb, [segment])[95:105, 96:104].astype(int)
        assert np.ptp(edge.mean(axis=2)) > 80, colour_of(segment)


@pytest.mark.parametrize('size', [(1, 1), (6, 8), (1080, 1920)])
def test_images_of_any_size_can_be_drawn_on(make_segment, size):
    rgb = np.zeros((*size, 3), np.uint8)
    segment = make_segment('1', 'größer 大', box=(0, 0, size[1], size[0]))
    assert draw_overlay(rgb, [segment]).shape == rgb.shape
