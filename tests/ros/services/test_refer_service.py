"""The service that finds what a description means.

Deadlines, the queue and the life of the node are the same for corrections, and are tested there.
"""

import pytest
from std_msgs.msg import Header

from ros2_rose.conversions import to_nanoseconds, to_time
from ros2_rose.srv import Refer, Refine
from ros2_rose.worker import MAX_WAITING_JOBS

CODES = Refer.Response
STAMP_NS = 5_000_000_007  # of the frame on the bench
WAIT_S = 30.0


def codes_of(kind):
    return {
        name: getattr(kind.Response, name)
        for name in dir(kind.Response)
        if isinstance(getattr(kind.Response, name), int)
    }


def test_the_codes_mean_what_they_mean_for_corrections():
    assert codes_of(Refer).items() <= codes_of(Refine).items()
    assert set(codes_of(Refine)) - set(codes_of(Refer)) == {'NO_SUCH_SEGMENT'}


def test_what_is_described_comes_back_as_the_only_segment(bench, make_segment):
    bench.segmenter.found = {'the red car': make_segment('', 'red car', box=(6, 0, 8, 2))}
    bench.open()
    answer = bench.refer('  the red car ')
    assert (answer.success, answer.code) == (True, CODES.OK), answer.message
    assert [segment.label for segment in answer.result.segments] == ['red car']
    assert to_nanoseconds(answer.result.header.stamp) == STAMP_NS
    assert answer.result.header.frame_id == 'optical'
    assert (answer.result.camera, answer.result.revision) == ('front', 0)
    assert answer.result.prompt == 'What is the red car?'  # candidates play no part in it
    assert answer.result.model == 'scripted@0'
    assert to_nanoseconds(answer.oldest_stamp) == STAMP_NS
    assert answer.elapsed_sec > 0


def test_the_frame_is_not_encoded_again_and_not_changed(bench, make_segment):
    bench.segmenter.found = {'a car': make_segment('')}
    bench.open()
    before = bench.history.find('front', STAMP_NS)
    assert bench.refer('a car').success
    assert bench.segmenter.contexts == [before.segmentation.context]
    assert bench.history.find('front', STAMP_NS) is before
    assert bench.published == []


def test_a_segment_that_the_frame_has_comes_with_its_id_so_that_it_can_be_corrected(
    bench, make_segment
):
    """The model numbers its only answer '1', which may be another segment of the frame."""
    whole = make_segment('1', box=(0, 0, 8, 5))
    elsewhere = make_segment('1', box=(6, 4, 8, 6))
    bench.segmenter.found = {'the large one': whole, 'a new one': elsewhere}
    bench.open()
    assert bench.refer('the large one').result.segments[0].id == '2'
    assert bench.refer('a new one').result.segments[0].id == ''


def test_nothing_that_answers_is_not_understood(bench):
    bench.open()
    answer = bench.refer('the submarine')
    assert (answer.code, answer.success) == (CODES.NOT_UNDERSTOOD, False)
    assert 'the submarine' in answer.message
    assert answer.result.segments == []


@pytest.mark.parametrize(
    ('description', 'fields', 'code'),
    [
        ('', {}, CODES.TEXT_EMPTY),
        (' \t ', {}, CODES.TEXT_EMPTY),
        ('x' * 1025, {}, CODES.TEXT_TOO_LONG),
        ('\x1b[31mred', {}, CODES.INVALID_REQUEST),
        ('car', {'timeout_sec': -1.0}, CODES.INVALID_REQUEST),
        ('car', {'header': Header(stamp=to_time(STAMP_NS + 1))}, CODES.NO_SUCH_FRAME),
        ('car', {'camera': 'rear'}, CODES.NO_SUCH_FRAME),
    ],
)
def test_what_needs_no_model_is_refused_before_the_queue(bench, description, fields, code):
    bench.open()
    answer = bench.refer(description, **fields)
    assert (answer.code, answer.success) == (code, False)
    assert answer.message
    assert 'correction' not in answer.message
    assert bench.segmenter.texts == []


@pytest.mark.parametrize(
    ('description', 'code'),
    [('too many tokens', CODES.TEXT_TOO_LONG), ('crash', CODES.REJECTED)],
)
def test_what_the_model_refuses_has_its_code_and_the_next_one_is_answered(
    bench, make_segment, description, code
):
    bench.segmenter.found = {'a car': make_segment('')}
    bench.open()
    answer = bench.refer(description)
    assert (answer.code, answer.success) == (code, False)
    assert answer.message
    assert bench.refer('a car').success


def test_an_inactive_node_says_so(bench):
    answer = bench.refer('a car')
    assert answer.code == CODES.NOT_ACTIVE
    assert 'activate' in answer.message


def test_descriptions_and_corrections_wait_in_one_line_and_time_out_alike(bench):
    bench.open()
    bench.segmenter.gate.clear()
    slow = bench.send_description('slow', timeout_sec=0.5)
    assert bench.segmenter.began.wait(WAIT_S)
    waiting = [bench.send() for _ in range(MAX_WAITING_JOBS)]
    bench.ask('')  # answered in order: all of them have arrived by now
    assert bench.refer('one too many').code == CODES.BUSY
    assert bench.answer(slow).code == CODES.TIMEOUT
    bench.segmenter.gate.set()
    assert {bench.answer(future).code for future in waiting} == {CODES.OK}
