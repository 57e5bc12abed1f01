"""Corrections for the session, listed corrections, and corrections that are taken back."""

import pytest
from std_msgs.msg import Header

from ros2_rose.conversions import to_nanoseconds, to_time
from ros2_rose.corrections import Scope
from ros2_rose.srv import Corrections, Refine, Undo

CODES = Undo.Response
STAMP_NS = 5_000_000_007  # of the frame on the bench
FRAME, TRACK, SESSION = range(3)


def labels(record):
    return {segment.id: segment.category for segment in record.segmentation.segments}


def next_frame(bench, stamp_ns=STAMP_NS + 1):
    return bench.add_frame(stamp_ns, bench.model_frame)


def codes_of(kind):
    values = {name: getattr(kind.Response, name) for name in dir(kind.Response)}
    return {name: value for name, value in values.items() if isinstance(value, int)}


def test_the_codes_mean_what_they_mean_for_corrections():
    assert set(codes_of(Undo)) - set(codes_of(Refine)) == {'NO_SUCH_CORRECTION'}
    for kind in (Undo, Corrections):
        shared = codes_of(kind).items() - {('NO_SUCH_CORRECTION', CODES.NO_SUCH_CORRECTION)}
        assert shared <= codes_of(Refine).items()


# --- the session --------------------------------------------------------------------------------


def test_for_the_session_what_the_model_calls_so_is_called_otherwise(bench, make_segment):
    bench.open()
    answer = bench.ask('this is a van', scope=SESSION)
    assert answer.success, answer.message
    assert "what the model calls 'car' is 'van'" in answer.message
    assert labels(next_frame(bench)) == {'1': 'van', '2': 'road'}
    # Time goes back: all objects are new, the session is the same.
    again = next_frame(bench, 1)
    assert sorted(labels(again).values()) == ['road', 'van']
    assert list(again.stated.values()) == [Scope.SESSION]
    assert again.generated.keys() == labels(again).keys()
    assert bench.add_frame(2, bench.model_frame.with_segments(())).stated == {}


def test_what_the_model_had_no_time_to_name_is_not_named_for_the_session(bench, make_segment):
    """Or else all that has no name would be called so."""
    bench.open()
    bench.add_frame(STAMP_NS + 1, bench.model_frame.with_segments((make_segment('1', ''),)))
    header = Header(stamp=to_time(STAMP_NS + 1))
    answer = bench.ask('this is a van', header=header, scope=SESSION)
    assert answer.code == CODES.INVALID_REQUEST
    assert bench.ask('this is a van', header=header, scope=TRACK).success


def test_a_label_of_the_session_is_corrected_by_the_models_own(bench):
    """It stays one step from the model's label to the stated one."""
    bench.open()
    bench.ask('this is a van', scope=SESSION)
    next_frame(bench)
    answer = bench.ask('this is a tram', header=Header(stamp=to_time(STAMP_NS + 1)), scope=SESSION)
    assert "what the model calls 'car' is 'tram'" in answer.message
    assert 'tram' in labels(next_frame(bench, 1)).values()


def test_what_is_said_of_an_object_counts_more_than_what_is_said_of_all(bench):
    bench.open()
    bench.ask('this is a bus', scope=TRACK)
    bench.ask('this is a street', segment_id='2', scope=SESSION)
    bench.undo(segment_id='2')
    bench.ask('this is a street', segment_id='2', scope=TRACK)
    assert labels(next_frame(bench)) == {'1': 'bus', '2': 'street'}


def test_what_a_correction_added_has_no_label_of_the_models_to_replace(bench, make_segment):
    bench.segmenter.found = {'you missed the dog': make_segment('', 'dog', box=(6, 4, 8, 6))}
    bench.open()
    [added] = bench.ask('you missed the dog', segment_id='').result.segments
    answer = bench.ask('this is a cow', segment_id=added.id, scope=SESSION)
    assert answer.code == CODES.INVALID_REQUEST
    assert 'a correction has added it' in answer.message


# --- what was missed ----------------------------------------------------------------------------


def test_what_was_missed_is_followed_under_an_id_of_its_own(bench, make_segment):
    dog = make_segment('', 'dog', box=(6, 4, 8, 6))
    bench.segmenter.found = {'you missed the dog': dog}
    bench.open()
    answer = bench.ask('you missed the dog', segment_id='', scope=TRACK)
    assert 'stays with the object' in answer.message
    [added] = answer.result.segments
    assert added.id == '3'
    wolf = make_segment('', 'wolf', box=(6, 4, 8, 6))
    seen = bench.model_frame.with_segments((*bench.model_frame.segments, wolf))
    assert labels(bench.add_frame(STAMP_NS + 1, seen))[added.id] == 'dog'
    undone = bench.undo()
    assert (undone.success, list(undone.removed_ids)) == (True, ['3'])
    assert undone.result.segments == []
    assert labels(bench.history.find('front', STAMP_NS)) == {'1': 'car', '2': 'road'}
    assert labels(bench.add_frame(STAMP_NS + 2, seen))[added.id] == 'wolf'


def test_of_an_object_that_is_out_of_sight_no_label_stays(bench):
    bench.open()
    for number in range(1, 3):
        bench.add_frame(STAMP_NS - number, bench.model_frame.with_segments(()))
    answer = bench.ask('this is a bus', scope=TRACK)
    assert answer.success
    assert 'out of sight' in answer.message
    [held] = bench.corrections().corrections
    assert held.scope == FRAME


# --- the list -----------------------------------------------------------------------------------


def test_the_list_says_what_holds(bench):
    assert bench.corrections().code == CODES.NOT_ACTIVE
    bench.open()
    empty = bench.corrections()
    assert (empty.success, list(empty.corrections)) == (True, [])
    bench.ask('this is a bus', scope=TRACK)
    bench.ask('this is a street', segment_id='2', scope=SESSION)
    first, second = bench.corrections(camera='front').corrections
    assert (first.id, first.segment_id, first.scope) == ('1', '1', TRACK)
    assert (second.id, second.segment_id, second.scope) == ('2', '2', SESSION)
    assert (second.text, second.camera) == ('this is a street', 'front')
    assert to_nanoseconds(second.stamp) == STAMP_NS
    told = (second.label_before, second.label_after, second.generated_label)
    assert told == ('road', 'street', 'road')
    assert second.area_before == second.area_after == 48
    assert second.in_history
    unknown = bench.corrections(camera='rear')
    assert (unknown.code, unknown.success) == (Refine.Response.NO_SUCH_FRAME, False)
    assert 'front' in unknown.message


def test_with_its_frame_goes_what_holds_for_that_alone(bench):
    bench.open()
    bench.ask('this is a bus')
    bench.ask('this is a street', segment_id='2', scope=SESSION)
    bench.ask('this is a tram', scope=TRACK)
    for number in range(1, 4):
        next_frame(bench, STAMP_NS + number)
    held = bench.corrections().corrections
    assert [(item.label_after, item.in_history) for item in held] == [
        ('street', False),
        ('tram', False),
    ]
    # When its object has gone, too, nothing is left but the session.
    for number in range(4, 12):
        bench.add_frame(STAMP_NS + number, bench.model_frame.with_segments(()))
    assert [item.label_after for item in bench.corrections().corrections] == ['street']


# --- undo ---------------------------------------------------------------------------------------


def test_the_newest_correction_is_taken_back_and_the_revision_grows(bench):
    bench.open()
    before = bench.history.find('front', STAMP_NS).segmentation.find('1')
    bench.ask('this is a street', segment_id='2')
    bench.ask('this is a bus')
    answer = bench.undo(publish=True)
    assert answer.success, answer.message
    assert answer.correction_id == '2'
    assert to_nanoseconds(answer.result.header.stamp) == STAMP_NS
    [segment] = answer.result.segments
    assert (segment.id, segment.label, segment.revision) == ('1', 'car', 2)
    assert segment.source == segment.SOURCE_MODEL
    assert answer.result.revision == 3
    now = bench.history.find('front', STAMP_NS)
    assert labels(now) == {'1': 'car', '2': 'street'}
    assert now.segmentation.find('1').mask is before.mask
    assert bench.undo().correction_id == '1'  # by now the first one is published, too
    assert [record.revision for record in bench.published] == [3]
    assert bench.undo().code == CODES.NO_SUCH_CORRECTION
    assert labels(bench.history.find('front', STAMP_NS)) == {'1': 'car', '2': 'road'}


def test_what_was_corrected_twice_is_corrected_once_after_an_undo(bench):
    bench.open()
    bench.ask('this is a bus')
    bench.ask('this is a tram')
    sources = []
    for label in ('bus', 'car'):
        [segment] = bench.undo().result.segments
        assert segment.label == label
        sources.append(segment.source)
    assert sources == [segment.SOURCE_REFINED, segment.SOURCE_MODEL]
    bench.ask('this is a van')
    [segment] = bench.undo().result.segments
    assert (segment.label, segment.source) == ('car', segment.SOURCE_MODEL)
    assert segment.revision == 6


def test_each_field_narrows_what_is_meant(bench):
    bench.open()
    next_frame(bench)
    for stamp_ns, segment_id in ((STAMP_NS, '1'), (STAMP_NS, '2'), (STAMP_NS + 1, '1')):
        bench.ask('bus', header=Header(stamp=to_time(stamp_ns)), segment_id=segment_id)
    assert bench.undo(segment_id='2').correction_id == '2'
    assert bench.undo(camera='rear').code == CODES.NO_SUCH_CORRECTION
    assert bench.undo(correction_id='2').code == CODES.NO_SUCH_CORRECTION
    assert bench.undo(header=Header(stamp=to_time(STAMP_NS))).correction_id == '1'
    assert bench.undo(correction_id='3').correction_id == '3'


def test_an_earlier_correction_of_a_segment_waits_for_the_later_one(bench):
    bench.open()
    bench.ask('bus')
    bench.ask('tram')
    answer = bench.undo(correction_id='1')
    assert answer.code == CODES.INVALID_REQUEST
    assert 'Correction 2' in answer.message
    assert labels(bench.history.find('front', STAMP_NS))['1'] == 'tram'


def test_a_label_is_taken_back_from_the_object_and_from_the_session(bench):
    bench.open()
    bench.ask('this is a bus', scope=TRACK)
    bench.ask('this is a tram', scope=SESSION)
    assert labels(next_frame(bench))['1'] == 'tram'
    answer = bench.undo()
    assert "What the model calls 'car' is called so again." in answer.message
    assert labels(next_frame(bench, STAMP_NS + 2))['1'] == 'bus'
    assert bench.undo().success
    later = next_frame(bench, STAMP_NS + 3)
    assert (labels(later)['1'], later.stated) == ('car', {})


def test_of_a_frame_that_has_gone_the_label_is_taken_back_all_the_same(bench):
    bench.open()
    bench.ask('this is a bus', scope=TRACK)
    for number in range(1, 4):
        next_frame(bench, STAMP_NS + number)
    answer = bench.undo(publish=True)
    assert answer.success
    assert 'has left the history' in answer.message
    assert to_nanoseconds(answer.result.header.stamp) == 0
    assert labels(next_frame(bench, STAMP_NS + 4))['1'] == 'car'
    assert bench.published == []


def test_an_inactive_node_takes_nothing_back(bench):
    assert bench.undo().code == CODES.NOT_ACTIVE


@pytest.mark.parametrize('timeout_sec', [-1.0, float('nan')])
def test_a_time_that_is_none_is_refused(bench, timeout_sec):
    bench.open()
    assert bench.undo(timeout_sec=timeout_sec).code == CODES.INVALID_REQUEST


def test_corrections_beyond_the_limit_are_refused_and_change_nothing(bench, monkeypatch):
    monkeypatch.setattr('ros2_rose.corrections.MAX_HELD', 1)
    bench.open()
    assert bench.ask('bus').success
    answer = bench.ask('tram')
    assert answer.code == CODES.REJECTED
    assert 'take some back' in answer.message
    assert bench.segmenter.texts == ['bus']
    assert bench.undo().success
    assert bench.ask('tram').success
