"""Corrections of real frames by the real model, over DDS."""

import array

import numpy as np
import pytest
from std_msgs.msg import Header

from ros2_rose.conversions import to_nanoseconds, to_time
from ros2_rose.masks import decode_mask
from ros2_rose.msg import Segment
from ros2_rose.srv import Refine

pytestmark = pytest.mark.timeout(400)  # a process loads its libraries

CODES = Refine.Response
HISTORY = 4


@pytest.fixture(scope='module')
def node(ros, start_node):
    # Few segments, so that the frame has something missed.
    process = start_node(history_length=HISTORY, max_segments=4, diagnostics_period_s=0.2)
    ros.wait_until_ready()
    return process


@pytest.fixture
def frame(ros, node, street):
    """A frame that was just published, with its segments."""
    message = ros.segment(street)
    assert message.segments, 'the model finds nothing in a street scene'
    return message


def full_mask(frame, segment):
    return decode_mask(segment.mask, frame.height, frame.width)


def test_a_wrong_mask_is_corrected_and_the_name_stays(ros, frame):
    """A click on what a mask misses says so; words alone may be refused."""
    old = frame.segments[-1]
    mask = full_mask(frame, old).astype(bool)
    row = int(mask.sum(1).argmax())
    answer = ros.refine(
        'the mask is not right',
        frame.header,
        segment_id=old.id,
        target=Refine.Request.TARGET_MASK,
        points_x=[float(mask[row].argmax() - 1)],
        points_y=[float(row)],
        point_labels=b'\x01',
    )
    assert answer.success, answer.message
    [changed] = answer.result.segments
    assert (changed.id, changed.label) == (old.id, old.label)
    assert (changed.revision, changed.source) == (1, Segment.SOURCE_REFINED)
    assert full_mask(frame, changed).sum() == changed.area > 0
    assert answer.result.header == frame.header
    assert (answer.result.revision, answer.result.frame_seq) == (1, frame.frame_seq)


def test_a_wrong_name_is_corrected_and_the_mask_stays(ros, frame):
    old = frame.segments[0]
    answer = ros.refine(
        'this is a bus', frame.header, segment_id=old.id, target=Refine.Request.TARGET_LABEL
    )
    assert answer.success, answer.message
    [changed] = answer.result.segments
    assert (changed.id, changed.label, changed.revision) == (old.id, 'bus', 1)
    assert np.array_equal(full_mask(frame, changed), full_mask(frame, old))


def test_a_label_names_a_segment_and_the_mask_stays(ros, frame):
    old = frame.segments[0]
    answer = ros.refine('', frame.header, segment_id=old.id, label='snow plough')
    assert answer.success, answer.message
    [changed] = answer.result.segments
    assert (changed.id, changed.label, changed.label_score) == (old.id, 'snow plough', 1.0)
    assert changed.mask == old.mask


@pytest.mark.parametrize('fields', [{'remove': True}, {'text': 'this is nothing, remove it'}])
def test_what_is_nothing_is_removed_and_published_so(ros, frame, fields):
    old = frame.segments[-1]
    answer = ros.refine(
        **({'text': '', 'header': frame.header, 'segment_id': old.id, 'publish': True} | fields)
    )
    assert answer.success, answer.message
    assert (answer.result.segments, list(answer.removed_ids)) == ([], [old.id])
    assert repr(old.label) in answer.message
    again = ros.answer_to(to_nanoseconds(frame.header.stamp), 1)
    assert again.segments == frame.segments[:-1]


def test_what_was_missed_is_added(ros, frame, scene):
    found = np.any([full_mask(frame, segment) for segment in frame.segments], axis=0)
    things = [index for index, region in enumerate(scene.regions) if region.is_thing]
    missed = max(things, key=lambda index: (scene.mask(index) & ~found).sum())
    rows, columns = np.nonzero(scene.mask(missed) & ~found)
    answer = ros.refine(
        f'you missed the {scene.regions[missed].name}',
        frame.header,
        points_x=[float(np.median(columns))],
        points_y=[float(np.median(rows))],
        point_labels=array.array('B', [1]),
    )
    assert answer.success, answer.message
    [added] = answer.result.segments
    assert added.id not in {segment.id for segment in frame.segments}
    assert (added.revision, added.source) == (1, Segment.SOURCE_REFINED)
    assert added.area > 0


def test_the_corrected_frame_is_published_again_with_all_its_segments(ros, frame):
    old = frame.segments[0]
    for revision, name in ((1, 'bus'), (2, 'tram')):
        answer = ros.refine(f'this is a {name}', frame.header, segment_id=old.id, publish=True)
        assert answer.success, answer.message
        again = ros.answer_to(to_nanoseconds(frame.header.stamp), revision)
        assert again.header == frame.header
        assert again.frame_seq == frame.frame_seq
        labels = {segment.id: segment.label for segment in again.segments}
        assert labels == {segment.id: segment.label for segment in frame.segments} | {old.id: name}


def test_a_correction_without_publish_stays_with_the_caller(ros, frame, street):
    ros.refine('this is a bus', frame.header, segment_id=frame.segments[0].id)
    ros.segment(street)  # whatever was published before it has arrived by now
    assert [message for message in ros.segments if message.header == frame.header] == [frame]


def test_zero_stamp_means_the_newest_frame(ros, frame):
    answer = ros.refine('this is a bus', segment_id=frame.segments[0].id)
    assert answer.success, answer.message
    assert answer.result.header == frame.header


def test_a_point_outside_of_the_image_is_refused(ros, frame):
    answer = ros.refine(
        'you missed this', frame.header, points_x=[1e6], points_y=[1.0], point_labels=b'\x01'
    )
    assert answer.code == CODES.INVALID_REQUEST


@pytest.mark.parametrize(
    ('change', 'code'),
    [
        ({'text': ''}, CODES.TEXT_EMPTY),
        ({'text': 'a' * 2**20}, CODES.TEXT_TOO_LONG),
        ({'text': 'äöü€ ' * 200}, CODES.TEXT_TOO_LONG),  # few characters, many tokens
        ({'segment_id': 'nobody'}, CODES.NO_SUCH_SEGMENT),
        ({'header': Header(stamp=to_time(1))}, CODES.NO_SUCH_FRAME),
        ({'camera': 'rear'}, CODES.NO_SUCH_FRAME),
        ({'text': 'red\x1b[0m'}, CODES.INVALID_REQUEST),
        ({'remove': True, 'label': 'bus'}, CODES.INVALID_REQUEST),
        ({'remove': True, 'segment_id': ''}, CODES.INVALID_REQUEST),
        ({'text': 'this is nothing, remove it', 'segment_id': ''}, CODES.INVALID_REQUEST),
        ({'label': 'x' * 65}, CODES.TEXT_TOO_LONG),
        (
            {'text': 'include all of it', 'scope': Refine.Request.SCOPE_SESSION},
            CODES.INVALID_REQUEST,
        ),
    ],
)
def test_each_refusal_has_its_own_code_and_the_stream_goes_on(ros, frame, street, change, code):
    request = {'text': 'this is a bus', 'header': frame.header, 'segment_id': frame.segments[0].id}
    answer = ros.refine(**(request | change))
    assert (answer.code, answer.success) == (code, False)
    assert answer.message
    assert answer.result.segments == []
    assert ros.segment(street).segments == frame.segments  # the same image, the same answer


def test_a_frame_that_left_the_history_has_expired(ros, frame, street):
    for _ in range(HISTORY):
        newest = ros.segment(street)
    answer = ros.refine('this is a bus', frame.header, segment_id=frame.segments[0].id)
    assert answer.code == CODES.FRAME_EXPIRED
    oldest_ns = to_nanoseconds(answer.oldest_stamp)
    assert to_nanoseconds(frame.header.stamp) < oldest_ns <= to_nanoseconds(newest.header.stamp)


def test_corrections_are_counted(ros, frame):
    before = int(ros.status['refine'][1]['received'])
    ros.refine('', frame.header)
    ros.wait_for(lambda: int(ros.status['refine'][1]['received']) > before, 'the count')
    values = ros.status['refine'][1]
    assert values['received'] == values['answered']


def test_for_the_track_a_corrected_label_stays_with_its_object(ros, frame, street):
    old = frame.segments[0]
    answer = ros.refine(
        'this is a tram',
        frame.header,
        segment_id=old.id,
        target=Refine.Request.TARGET_LABEL,
        scope=Refine.Request.SCOPE_TRACK,
    )
    assert answer.success, answer.message
    assert 'stays with the object' in answer.message
    later = {segment.id: segment for segment in ros.segment(street).segments}
    assert set(later) == {segment.id for segment in frame.segments}
    tracked = later.pop(old.id)
    assert (tracked.label, tracked.source) == ('tram', Segment.SOURCE_TRACKED)
    assert all(segment.source == Segment.SOURCE_MODEL for segment in later.values())
