"""Messages and records: nothing is lost between them."""

import array
from dataclasses import replace

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from ros2_rose.bad_image import BadImageError, BadImageReason
from ros2_rose.conversions import (
    check_image,
    check_timeout,
    correction_to_msg,
    record_to_msg,
    segment_to_msg,
    to_nanoseconds,
    to_time,
)
from ros2_rose.corrections import Correction, Scope
from ros2_rose.history import FrameRecord
from ros2_rose.masks import decode_mask
from ros2_rose.msg import Segment as SegmentMessage
from ros2_rose.msg import SegmentArray
from ros2_rose.segment_fields import Kind, Source
from rose_model.errors import InvalidRequestError
from rose_model.records import RefinementCase


def record_of(segmentation, revision=0, candidates=()):
    header = Header(stamp=to_time(1_500_000_002), frame_id='optical')
    return FrameRecord('front', header, 1_500_000_002, 7, segmentation, revision, candidates)


def sent(message):
    return deserialize_message(serialize_message(message), type(message))


@pytest.mark.parametrize('nanoseconds', [0, 1, 999_999_999, 10**9, 1_795_411_361_162_713_601])
def test_stamps_survive_to_the_nanosecond(nanoseconds):
    assert to_nanoseconds(to_time(nanoseconds)) == nanoseconds


@pytest.mark.parametrize(('sec', 'nanosec'), [(0, 10**9), (7, 2**32 - 1), (-1, 0), (-(2**31), 5)])
@pytest.mark.parametrize('kind', [Image, CompressedImage])
def test_a_stamp_that_is_no_time_is_refused(kind, sec, nanosec):
    message = kind(header=Header(stamp=Time(sec=sec, nanosec=nanosec)))
    with pytest.raises(BadImageError, match=f'sec {sec} and nanosec {nanosec}') as caught:
        check_image(message, 100)
    assert caught.value.reason is BadImageReason.STAMP


@pytest.mark.parametrize(('sec', 'nanosec'), [(0, 0), (0, 1), (2**31 - 1, 10**9 - 1)])
def test_every_other_stamp_is_taken_and_none_at_all(sec, nanosec):
    message = Image(height=1, width=1, encoding='mono8', step=1, data=b'x')
    message.header.stamp = Time(sec=sec, nanosec=nanosec)
    check_image(message, 100)


def test_a_frame_comes_out_of_the_wire_as_it_was(make_segment, make_segmentation):
    small = make_segment('2', 'Lösch-Fahrzeug 🚒', box=(5, 1, 7, 4))
    large = make_segment('1', 'road', box=(0, 2, 8, 6), is_thing=False, hole=(3, 3))
    record = record_of(make_segmentation(small, large))
    message = sent(record_to_msg(record, 'nano@12345678'))
    assert message.header == record.header
    assert (message.camera, message.height, message.width) == ('front', 6, 8)
    assert (message.frame_seq, message.revision) == (7, 0)
    assert (message.prompt, message.model) == ('segment', 'nano@12345678')
    assert [segment.id for segment in message.segments] == ['1', '2']
    for segment, original in zip(message.segments, (large, small), strict=True):
        assert segment.label == original.category
        assert segment.area == original.area
        assert segment.label_score == pytest.approx(original.category_score)
        assert segment.mask_score == pytest.approx(original.mask_score)
        assert np.array_equal(decode_mask(segment.mask, 6, 8), original.full_mask((6, 8)))
    kinds = [segment.kind for segment in message.segments]
    assert kinds == [SegmentMessage.KIND_STUFF, SegmentMessage.KIND_THING]


def test_a_frame_without_segments_is_a_message_without_segments(make_segmentation):
    message = sent(record_to_msg(record_of(make_segmentation()), 'nano'))
    assert message.segments == []
    assert (message.height, message.width) == (6, 8)


def test_the_prompt_says_which_labels_were_to_choose_from(make_segmentation):
    record = record_of(make_segmentation(), candidates=('car', 'fire hydrant'))
    prompt = 'segment Candidates: car, fire hydrant.'
    assert record_to_msg(record, 'nano').prompt == prompt
    assert record_to_msg(record.corrected(make_segmentation()), 'nano').prompt == prompt


def test_a_reply_holds_only_the_changed_segments(make_segment, make_segmentation):
    changed = make_segment('2', 'bus', revision=1)
    record = record_of(make_segmentation(make_segment('1'), changed), revision=3)
    message = record_to_msg(record, 'nano', [changed])
    assert [segment.id for segment in message.segments] == ['2']
    assert message.revision == 3
    assert message.segments[0].revision == 1


def test_a_segment_says_where_it_comes_from(make_segment, make_segmentation):
    segments = [make_segment(number, revision=int(number > '3')) for number in '12345']
    record = replace(
        record_of(make_segmentation(*segments)),
        stated={'2': Scope.TRACK, '3': Scope.SESSION, '4': Scope.TRACK, '5': Scope.TRACK},
        given_back=frozenset({'5'}),
    )
    sources = {segment.id: segment.source for segment in record_to_msg(record, 'nano').segments}
    assert sources == {
        '1': SegmentMessage.SOURCE_MODEL,
        '2': SegmentMessage.SOURCE_TRACKED,
        '3': SegmentMessage.SOURCE_SESSION,
        '4': SegmentMessage.SOURCE_REFINED,
        '5': SegmentMessage.SOURCE_TRACKED,  # corrected, and given back
    }


def test_runs_are_stored_without_copying_number_by_number(make_segment):
    assert isinstance(segment_to_msg(make_segment('1')).mask.counts, array.array)


def test_kinds_and_sources_are_numbered_as_in_the_message():
    for kind in (Kind, Source):
        for member in kind:
            name = f'{kind.__name__.upper()}_{member.name}'
            assert getattr(SegmentMessage, name) == member.value


def test_messages_pass_the_field_checks(make_segment, make_segmentation):
    record = record_of(make_segmentation(make_segment('1')))
    message = record_to_msg(record, 'nano')
    fields = {name: getattr(message, name) for name in message.get_fields_and_field_types()}
    SegmentArray(check_fields=True, **fields)


def test_a_correction_says_what_was_and_what_is(make_segment):
    car, bus = make_segment('1'), make_segment('1', 'bus', (1, 1, 5, 3))
    told = {}
    for name, before, after in (('changed', car, bus), ('added', None, bus), ('gone', car, None)):
        case = RefinementCase.DELETE if after is None else RefinementCase.CATEGORY
        correction = Correction('front', 7, '', case, Scope.TRACK, before, after)
        message = sent(correction_to_msg(correction, in_history=True))
        assert (message.segment_id, message.text, message.scope) == ('1', '', 1)
        told[name] = (message.label_before, message.label_after)
        assert (message.area_before, message.area_after) == (
            0 if before is None else 6,
            0 if after is None else 8,
        )
    assert told == {'changed': ('car', 'bus'), 'added': ('', 'bus'), 'gone': ('car', '')}


@pytest.mark.parametrize('seconds', [-1.0, float('nan'), float('inf'), 1e30])
def test_a_timeout_that_is_no_time_is_refused(seconds):
    check_timeout(0.0)
    with pytest.raises(InvalidRequestError, match='timeout_sec'):
        check_timeout(seconds)
