"""What lies on the road and has no class: geometry in small pictures, drawn as text."""

from dataclasses import replace

import numpy as np
import pytest
from std_msgs.msg import Header

from ros2_rose import unknown
from ros2_rose.conversions import to_time
from ros2_rose.history import FrameRecord
from ros2_rose.ontology import NO_ONTOLOGY, Ontology
from ros2_rose.unknown import Road, UnknownPublisher, lies_in, stands_on, unknown_on
from rose_model.records import Segment, Segmentation

ONTOLOGY = Ontology({'car': 'vehicle', 'pavement': 'terrain', 'tarmac': 'Driveable', 'sky': 'sky'})
ROAD = Road(('road',))

SCENE = """
    ............
    ...dd.......
    ...dd...cc..
    .rrddrrrccpp
    rrrrrrrrrrpp
    rrrrrrrrrrpp
"""


def record_of(picture, names, ontology=ONTOLOGY):
    """A frame from letters.  ``names``: what each letter is; stuff is marked by an asterisk."""
    pixels = np.array([list(line.strip()) for line in picture.strip().splitlines()])
    segments = [
        segment_of(letter, name, pixels == letter)
        for letter, name in names.items()
        if (pixels == letter).any()
    ]
    segmentation = Segmentation((), pixels.shape, 'segment', context=None)
    return FrameRecord(
        'front',
        Header(stamp=to_time(7)),
        7,
        3,
        segmentation.with_segments(tuple(segments)),
        revision=2,
        ontology=ontology,
    )


def segment_of(identity, name, mask):
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    box = int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
    cropped = mask[box[1] : box[3], box[0] : box[2]]
    label, is_thing = name.lstrip('*'), not name.startswith('*')
    return Segment(identity, label, 0.75, 0.5, 0.25, is_thing, box, cropped, 0)


def found(picture, names, ontology=ONTOLOGY, road=ROAD):
    record = record_of(picture, names, ontology)
    return {segment.id for segment in unknown_on(road, road.region(record), record)}


def test_a_thing_without_a_class_that_stands_on_the_road_is_found():
    names = {'r': '*road', 'd': 'red dragon', 'c': 'white car', 'p': '*pavement'}
    assert found(SCENE, names) == {'d'}


def test_a_road_with_nothing_on_it_has_nothing_unknown():
    assert found(SCENE, {'r': '*road', 'p': '*pavement'}) == set()


def test_what_has_a_class_is_not_unknown():
    assert found(SCENE, {'r': '*road', 'd': 'car', 'c': 'car'}) == set()


def test_without_an_ontology_nothing_has_a_class():
    names = {'r': '*road', 'd': 'dragon', 'c': 'car', 'p': '*pavement'}
    assert found(SCENE, names, NO_ONTOLOGY) == {'d', 'c'}


def test_where_no_road_is_seen_all_things_without_a_class_are_given():
    names = {'r': '*lava', 'd': 'dragon', 'c': 'car', 'p': '*pavement'}
    assert found(SCENE, names) == {'d'}
    assert ROAD.region(record_of(SCENE, names)) is None


@pytest.mark.parametrize('name', ['*wet road', '*ROAD', '*tarmac'])
def test_the_road_is_known_by_its_label_its_last_word_or_its_class(name):
    names = {'r': name, 'd': 'dragon'}
    assert found(SCENE, names, road=Road(('road', 'driveable'))) == {'d'}


def test_a_road_is_never_unknown_though_it_has_no_class():
    names = {'r': '*road', 'd': 'car'}
    assert found(SCENE, names, Ontology({'car': 'vehicle'})) == set()


def test_a_thing_called_road_is_no_road():
    assert ROAD.region(record_of(SCENE, {'r': 'road', 'd': 'dragon'})) is None


@pytest.mark.parametrize(
    'picture',
    [
        # beside the road, on the pavement
        """
        .......dd.
        rrrrrpppdd
        rrrrrpppdd
        rrrrrppppp
        """,
        # behind the road: its foot is higher up
        """
        ..dd......
        ..dd......
        ..........
        ..........
        rrrrrrrrrr
        """,
        # over the road, as a sign is
        """
        ...dddd...
        ..........
        ..........
        ..........
        .rrrrrrrr.
        rrrrrrrrrr
        """,
    ],
)
def test_a_thing_beside_behind_or_above_the_road_is_not_on_it(picture):
    assert found(picture, {'r': '*road', 'd': 'dragon', 'p': '*pavement'}) == set()


@pytest.mark.parametrize(
    'picture',
    [
        # down to the lower edge of the image, with road on both sides
        """
        rrrrrrrrrr
        rrrddddrrr
        rrrddddrrr
        """,
        # a gap between mask and road
        """
        ....dd....
        rrr.dd.rrr
        rrr....rrr
        rrrrrrrrrr
        """,
        # over the whole width of the road
        """
        ..........
        dddddddddd
        dddddddddd
        rrrrrrrrrr
        """,
        # half of it on the pavement
        """
        ...dddd...
        rrrddddppp
        rrrrrppppp
        rrrrrppppp
        """,
        # on two legs
        """
        ...dddd...
        rrrddddrrr
        rrrdrrdrrr
        rrrrrrrrrr
        """,
    ],
)
def test_a_thing_with_its_foot_on_the_road_is_on_it(picture):
    assert found(picture, {'r': '*road', 'd': 'dragon', 'p': '*pavement'}) == {'d'}


def test_what_stands_on_a_traffic_island_is_not_on_the_road():
    picture = """
        rrrr..dd..rrrr
        rrrr..dd..rrrr
        rrrrppddpprrrr
        rrrrpppppprrrr
        rrrrrrrrrrrrrr
        rrrrrrrrrrrrrr
    """
    assert found(picture, {'r': '*road', 'd': 'dragon', 'p': '*pavement'}) == set()


def test_an_overhang_does_not_touch_the_ground():
    picture = """
        dddddddddd..
        dd......dddd
        dd..........
        dd..........
        dd..........
        pprrrrrrrrrr
        pprrrrrrrrrr
    """
    assert found(picture, {'r': '*road', 'd': 'crane', 'p': '*pavement'}) == set()


def test_stuff_is_on_the_road_when_most_of_it_is_inside():
    spill = """
        ..........
        rrrrssrrrr
        rrrsssrrrr
        rrrrrrrrrr
    """
    verge = """
        .ssssssss.
        .ssssssss.
        rrrrrrrrrr
        rrrrrrrrrr
    """
    assert found(spill, {'r': '*road', 's': '*oil'}) == {'s'}
    assert found(verge, {'r': '*road', 's': '*grass'}) == set()


def test_the_limits_are_those_that_are_documented():
    region = np.zeros((100, 100), bool)
    region[50:] = True
    region[:, 30:] = False
    wide = segment_of('1', 'dragon', np.pad(np.ones((20, 100), bool), ((30, 50), (0, 0))))
    assert stands_on(wide, region)  # 30 of 100 columns
    region[:, 29] = False
    assert not stands_on(wide, region)
    stuff = segment_of('1', '*oil', np.pad(np.ones((10, 58), bool), ((60, 30), (0, 42))))
    assert lies_in(stuff, region)
    region[60, 0] = False
    assert not lies_in(stuff, region)


@pytest.mark.parametrize(('gap', 'expected'), [(0, True), (1, True), (2, False)])
def test_the_road_begins_close_below_the_foot(gap, expected):
    region = np.zeros((100, 100), bool)
    region[50 + gap :] = True
    segment = segment_of('1', 'dragon', np.pad(np.ones((10, 10), bool), ((40, 50), (10, 80))))
    assert stands_on(segment, region) is expected  # GAP is two pixels


# --- publishing ---------------------------------------------------------------------------------


class FakeNode:
    def __init__(self, listeners):
        self.listeners, self.messages, self.log = listeners, [], []

    def create_publisher(self, kind, name, profile, **options):
        assert name == '~/unknown'
        return self

    def get_subscription_count(self):
        return self.listeners

    def publish(self, message):
        self.messages.append(message)

    def get_logger(self):
        return self

    def warning(self, text, **options):
        self.log.append(text)


def published(record, listeners=1, road=ROAD):
    node = FakeNode(listeners)
    UnknownPublisher(node).publish(record, road, 'nano@0')
    return node


def test_the_message_is_that_of_the_frame_with_fewer_segments():
    node = published(record_of(SCENE, {'r': '*road', 'd': 'dragon', 'c': 'car'}))
    [message] = node.messages
    assert [(segment.id, segment.ontology) for segment in message.segments] == [('d', '')]
    assert (message.camera, message.frame_seq, message.revision) == ('front', 3, 2)
    assert (message.model, message.height, message.width) == ('nano@0', 6, 12)
    assert message.header.stamp == to_time(7)
    assert node.log == []


def test_a_frame_with_nothing_unknown_gives_an_empty_message():
    record = record_of(SCENE, {'r': '*road', 'c': 'car'})
    for each in (record, replace(record, segmentation=record.segmentation.with_segments(()))):
        [message] = published(each).messages
        assert message.segments == []


def test_a_frame_without_a_road_is_told_of_with_the_labels_that_were_looked_for():
    [line] = published(record_of(SCENE, {'d': 'dragon'}), road=Road(('street', 'lane'))).log
    assert "'front' sees no road" in line
    assert 'street, lane' in line


def test_nothing_is_worked_out_for_nobody(monkeypatch):
    monkeypatch.setattr(unknown, 'unknown_on', None)
    assert published(record_of(SCENE, {'r': '*road'}), listeners=0).messages == []
