"""The ways to correct that need no sentence: a label, and clicks."""

import pytest
from std_msgs.msg import Header

from ros2_rose.conversions import to_time
from ros2_rose.srv import Refine
from rose_model.records import PointHint

CODES = Refine.Response
STAMP_NS = 5_000_000_007  # of the frame on the bench
CLICK = {'points_x': [2.0], 'points_y': [1.0], 'point_labels': b'\x01'}


def labels(record):
    return {segment.id: segment.category for segment in record.segmentation.segments}


@pytest.mark.parametrize('text', ['', '  ', 'whatever this is', 'this is a tram'])
def test_a_label_is_what_a_segment_is_called_whatever_the_text_says(bench, text):
    bench.open()
    answer = bench.ask(text, label=' fire engine ')
    assert answer.success, answer.message
    [segment] = answer.result.segments
    assert (segment.id, segment.label) == ('1', 'fire engine')


def test_a_label_names_what_was_missed(bench, make_segment):
    bench.segmenter.found = {'you missed that one': make_segment('', 'cat', box=(6, 4, 8, 6))}
    bench.open()
    answer = bench.ask('you missed that one', segment_id='', label='dog')
    assert [segment.label for segment in answer.result.segments] == ['dog']
    [held] = bench.corrections().corrections
    assert (held.text, held.label_before, held.label_after) == ('you missed that one', '', 'dog')


def test_a_label_holds_for_the_object_and_for_the_session(bench):
    bench.open()
    assert 'stays with the object' in bench.ask('', label='bus', scope=1).message
    answer = bench.ask('', segment_id='2', label='street', scope=2)
    assert "what the model calls 'road' is 'street'" in answer.message
    later = bench.add_frame(STAMP_NS + 1, bench.model_frame)
    assert labels(later) == {'1': 'bus', '2': 'street'}


@pytest.mark.parametrize(
    ('label', 'code', 'told'),
    [
        ('   ', CODES.INVALID_REQUEST, 'label'),
        ('red\x1b[0m', CODES.INVALID_REQUEST, 'label'),
        ('red\ncar', CODES.INVALID_REQUEST, 'label'),
        ('caf\ufffd', CODES.INVALID_REQUEST, 'label'),
        ('x' * 65, CODES.TEXT_TOO_LONG, '65 characters'),
        ('x' * 2**20, CODES.TEXT_TOO_LONG, 'characters'),
    ],
)
def test_a_label_that_is_no_name_is_refused_before_the_queue(bench, label, code, told):
    bench.open()
    answer = bench.ask('this is a bus', label=label)
    assert (answer.code, answer.success) == (code, False)
    assert told in answer.message
    assert bench.segmenter.texts == []


def test_a_label_contradicts_a_target_that_keeps_it(bench):
    bench.open()
    answer = bench.ask('', label='bus', target=Refine.Request.TARGET_MASK)
    assert answer.code == CODES.INVALID_REQUEST
    assert 'label' in answer.message
    assert 'TARGET_MASK' in answer.message


def test_clicks_alone_say_that_the_mask_is_wrong(bench):
    bench.open()
    answer = bench.ask('', **CLICK, scope=Refine.Request.SCOPE_TRACK)
    assert answer.success, answer.message
    assert answer.message.startswith('mask: 1 changed')
    assert 'this frame only' in answer.message
    assert [segment.label for segment in answer.result.segments] == ['car']


def test_clicks_alone_say_that_something_was_missed(bench, make_segment):
    bench.segmenter.found = {'': make_segment('', 'cat', box=(6, 4, 8, 6))}
    bench.open()
    answer = bench.ask('', segment_id='', **CLICK)
    assert [segment.label for segment in answer.result.segments] == ['cat']
    [correction] = bench.memory.ledger.held()
    assert correction.points == (PointHint(2.0, 1.0, True),)


def test_with_nothing_at_all_the_text_is_missing(bench):
    bench.open()
    for segment_id in ('1', ''):
        assert bench.ask('', segment_id=segment_id).code == CODES.TEXT_EMPTY
    header = Header(stamp=to_time(STAMP_NS + 1))
    assert bench.ask('', header=header).code == CODES.TEXT_EMPTY
    assert bench.segmenter.texts == []
