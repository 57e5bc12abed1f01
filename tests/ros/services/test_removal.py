"""Segments that are nothing: removed from their frame and from later ones, put back by an undo."""

from dataclasses import replace

import pytest
from std_msgs.msg import Header

from ros2_rose.conversions import to_nanoseconds, to_time
from ros2_rose.srv import Refine, Undo
from ros2_rose.tracker import MEMORY

CODES = Refine.Response
STAMP_NS = 5_000_000_007  # of the frame on the bench
TRACK = Refine.Request.SCOPE_TRACK


def labels(record):
    return {segment.id: segment.category for segment in record.segmentation.segments}


def next_frame(bench, stamp_ns=STAMP_NS + 1):
    return bench.add_frame(stamp_ns, bench.model_frame)


def frame_of(bench, *segments, stamp_ns=STAMP_NS + 1):
    """The record of a new frame with these segments, and the header that names it."""
    record = bench.add_frame(stamp_ns, bench.model_frame.with_segments(segments))
    return record, Header(stamp=to_time(stamp_ns))


def remove(bench, segment_id='1', **fields):
    return bench.ask('', segment_id=segment_id, remove=True, **fields)


def current(bench, stamp_ns=STAMP_NS):
    return bench.history.find('front', stamp_ns)


# --- the frame ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    'fields',
    [
        {'text': '', 'remove': True},
        {'text': ' there is no car', 'remove': True},
        {'text': 'this is nothing, remove it'},
        {'text': 'delete the car'},
    ],
)
def test_a_segment_is_removed_by_the_field_and_by_words(bench, fields):
    bench.open()
    answer = bench.ask(**fields, publish=True)
    assert (answer.code, answer.success) == (CODES.OK, True), answer.message
    assert answer.message == "delete: 0 changed, 1 removed: segment '1', 'car'."
    assert answer.result.segments == []
    assert list(answer.removed_ids) == ['1']
    assert answer.result.revision == 1
    assert to_nanoseconds(answer.result.header.stamp) == STAMP_NS
    assert labels(current(bench)) == {'2': 'road'}
    again = bench.ask('this is a bus')  # by now the corrected frame is published
    assert again.code == CODES.NO_SUCH_SEGMENT
    assert [labels(record) for record in bench.published] == [{'2': 'road'}]


def test_words_that_remove_the_road_remove_no_car(bench):
    bench.open()
    assert bench.ask('remove the road').success
    assert '1' in labels(current(bench))


def test_the_last_segment_of_a_frame_can_go(bench):
    bench.open()
    assert remove(bench, '1').success
    assert remove(bench, '2').success
    assert labels(current(bench)) == {}
    assert bench.undo().success
    assert bench.undo().success
    assert labels(current(bench)) == {'1': 'car', '2': 'road'}


def test_what_the_model_refuses_to_remove_stays(bench):
    bench.open()
    answer = bench.ask('rejected', remove=True)
    assert answer.code == CODES.REJECTED
    assert labels(current(bench)) == {'1': 'car', '2': 'road'}
    assert current(bench).revision == 0


@pytest.mark.parametrize(
    ('field', 'fields'),
    [
        ('segment_id', {'segment_id': ''}),
        ('label', {'label': 'bus'}),
        ('points_x', {'points_x': [1.0], 'points_y': [1.0], 'point_labels': b'\x01'}),
        ('target', {'target': Refine.Request.TARGET_LABEL}),
        ('target', {'target': Refine.Request.TARGET_MASK}),
        ('scope', {'scope': Refine.Request.SCOPE_SESSION}),
        ('\\x1b', {'text': 'a\x1b'}),
    ],
)
def test_what_contradicts_a_removal_is_refused_by_name_before_the_queue(bench, field, fields):
    bench.open()
    answer = bench.ask(**({'text': '', 'remove': True} | fields))
    assert (answer.code, answer.success) == (CODES.INVALID_REQUEST, False)
    assert field in answer.message
    assert bench.segmenter.texts == []
    assert labels(current(bench)) == {'1': 'car', '2': 'road'}


def test_words_of_removal_hold_for_no_session(bench):
    bench.open()
    answer = bench.ask('this is nothing, remove it', scope=Refine.Request.SCOPE_SESSION)
    assert answer.code == CODES.INVALID_REQUEST
    assert bench.segmenter.texts == []


# --- undo ---------------------------------------------------------------------------------------


def test_an_undo_puts_the_very_segment_back(bench, make_segment):
    bench.open()
    car, road = make_segment('', 'car', hole=(2, 1)), make_segment('', 'road', box=(0, 0, 8, 6))
    before, header = frame_of(bench, car, road)
    identity = next(key for key, label in labels(before).items() if label == 'car')
    assert remove(bench, identity, header=header).success
    undone = bench.undo(publish=True)
    assert undone.success, undone.message
    [segment] = undone.result.segments
    assert (segment.id, segment.label, segment.revision) == (identity, 'car', 0)
    assert segment.source == segment.SOURCE_MODEL
    assert (undone.result.revision, list(undone.removed_ids)) == (2, [])
    after = current(bench, STAMP_NS + 1).segmentation.segments
    assert len(after) == 2
    assert all(new is old for new, old in zip(after, before.segmentation.segments, strict=True))
    assert bench.undo().code == Undo.Response.NO_SUCH_CORRECTION
    assert [record.revision for record in bench.published] == [2]


@pytest.mark.parametrize('order', ['12', '21'])
def test_segments_of_one_size_come_back_to_their_places(bench, make_segment, order):
    bench.open()
    boxes = [(x, y, x + 2, y + 2) for x, y in ((0, 0), (3, 0), (6, 0), (0, 3))]
    before, header = frame_of(bench, *(make_segment('', 'cone', box=box) for box in boxes))
    ids = [segment.id for segment in before.segmentation.segments]
    for identity in ids[1:3]:
        assert remove(bench, identity, header=header).success
    for number in order:
        assert bench.undo(correction_id=number).success
    after = current(bench, STAMP_NS + 1).segmentation.segments
    assert all(new is old for new, old in zip(after, before.segmentation.segments, strict=True))


def test_what_was_corrected_and_then_removed_comes_back_corrected(bench):
    bench.open()
    assert bench.ask('this is a bus').success
    assert remove(bench).success
    refused = bench.undo(correction_id='1')
    assert refused.code == Undo.Response.INVALID_REQUEST
    assert 'Correction 2' in refused.message
    [segment] = bench.undo().result.segments
    assert (segment.label, segment.revision, segment.source) == (
        'bus',
        1,
        segment.SOURCE_REFINED,
    )
    [segment] = bench.undo().result.segments
    assert (segment.label, segment.revision, segment.source) == ('car', 2, segment.SOURCE_MODEL)


def test_what_was_missed_and_then_removed_comes_back_as_added(bench, make_segment):
    dog = make_segment('', 'dog', box=(6, 4, 8, 6))
    bench.segmenter.found = {'you missed the dog': dog}
    bench.open()
    [added] = bench.ask('you missed the dog', segment_id='').result.segments
    assert remove(bench, added.id).success
    [segment] = bench.undo().result.segments
    assert (segment.id, segment.label, segment.source) == (
        added.id,
        'dog',
        segment.SOURCE_REFINED,
    )
    assert list(bench.undo().removed_ids) == [added.id]
    assert labels(current(bench)) == {'1': 'car', '2': 'road'}


def test_duplicates_that_a_correction_removed_come_back_with_its_undo(bench, make_segment):
    bench.open()
    car, twin = make_segment('', 'car'), make_segment('', 'van', box=(1, 1, 4, 4))
    road = make_segment('', 'road', box=(0, 0, 8, 6))
    before, header = frame_of(bench, car, twin, road)
    ids = {label: identity for identity, label in labels(before).items()}
    assert bench.ask('this is a tram', segment_id=ids['van'], header=header).success
    bench.segmenter.doubles = (ids['van'],)
    answer = bench.ask('this is a bus', segment_id=ids['car'], header=header)
    assert ids['van'] in answer.removed_ids
    assert labels(current(bench, STAMP_NS + 1)) == {ids['road']: 'road', ids['car']: 'bus'}
    # Its own correction waits for the one that removed it.
    assert bench.undo(correction_id='1').code == Undo.Response.INVALID_REQUEST
    undone = bench.undo(segment_id=ids['van'])
    assert undone.correction_id == '2'
    told = [(segment.id, segment.label) for segment in undone.result.segments]
    assert told == [(ids['van'], 'tram'), (ids['car'], 'car')]
    assert bench.undo().success
    after = current(bench, STAMP_NS + 1)
    assert labels(after) == labels(before)
    assert [s.id for s in after.segmentation.segments] == [
        s.id for s in before.segmentation.segments
    ]


# --- objects ------------------------------------------------------------------------------------


def test_for_the_frame_alone_the_object_is_there_in_the_next_one(bench):
    bench.open()
    assert remove(bench).success
    assert labels(next_frame(bench)) == {'1': 'car', '2': 'road'}


def test_for_the_track_a_removed_object_stays_away_until_the_undo(bench):
    bench.open()
    answer = remove(bench, scope=TRACK)
    assert 'stays removed' in answer.message
    for number in range(1, 5):
        record = next_frame(bench, STAMP_NS + number)
        assert labels(record) == {'2': 'road'}
        assert record.generated == {'2': 'road'}
    # A frame more than its history away it is still known.
    [held] = bench.corrections().corrections
    assert (held.segment_id, held.scope, held.in_history) == ('1', TRACK, False)
    undone = bench.undo()
    assert 'shown again' in undone.message
    assert labels(next_frame(bench, STAMP_NS + 9)) == {'1': 'car', '2': 'road'}


def test_words_remove_for_the_track_as_well(bench):
    bench.open()
    assert 'stays removed' in bench.ask('this is nothing, remove it', scope=TRACK).message
    assert labels(next_frame(bench)) == {'2': 'road'}


def test_a_removed_object_that_was_out_of_sight_for_long_is_another_one(bench):
    bench.open()
    assert remove(bench, scope=TRACK).success
    for number in range(1, MEMORY + 3):
        bench.add_frame(STAMP_NS + number, bench.model_frame.with_segments(()))
    assert sorted(labels(next_frame(bench, STAMP_NS + 20)).values()) == ['car', 'road']
    assert list(bench.corrections().corrections) == []


def test_a_removed_duplicate_does_not_hide_the_object_that_is_there(bench, make_segment):
    """The model finds the car twice, and later once, where the duplicate was."""
    bench.open()
    car, twin = make_segment('', 'car', box=(2, 1, 6, 5)), make_segment('', 'car', (2, 1, 7, 5))
    before, header = frame_of(bench, car, twin)
    [first, second] = [segment.id for segment in before.segmentation.segments]
    assert remove(bench, first, header=header, scope=TRACK).success
    once, _ = frame_of(bench, twin, stamp_ns=STAMP_NS + 2)
    assert list(labels(once)) == [second]
    again, _ = frame_of(bench, car, twin, stamp_ns=STAMP_NS + 3)
    assert list(labels(again)) == [second]


def test_whoever_names_a_removed_object_has_it_back(bench):
    bench.open()
    next_frame(bench)
    assert remove(bench, scope=TRACK).success
    header = Header(stamp=to_time(STAMP_NS + 1))
    assert bench.ask('this is a bus', header=header, scope=TRACK).success
    assert labels(next_frame(bench, STAMP_NS + 2)) == {'1': 'bus', '2': 'road'}
    assert bench.undo().success
    assert labels(next_frame(bench, STAMP_NS + 3)) == {'2': 'road'}


def test_of_an_object_that_is_out_of_sight_nothing_stays_removed(bench):
    bench.open()
    for number in range(1, 3):
        bench.add_frame(STAMP_NS - number, bench.model_frame.with_segments(()))
    answer = remove(bench, scope=TRACK)
    assert answer.success
    assert 'out of sight' in answer.message


@pytest.mark.parametrize('scope', [Refine.Request.SCOPE_FRAME, TRACK])
def test_the_id_of_a_removed_segment_is_given_to_no_other_in_its_frame(bench, make_segment, scope):
    bench.segmenter.found = {'you missed the van': make_segment('', 'van')}
    bench.open()
    assert remove(bench, scope=scope).success
    [added] = bench.ask('you missed the van', segment_id='').result.segments
    assert added.id not in {'1', '2'}
    assert bench.undo(segment_id='1').success
    assert labels(current(bench)) == {'1': 'car', '2': 'road', added.id: 'van'}


def test_what_was_added_in_the_place_of_a_removed_object_goes_with_its_undo_alone(
    bench, make_segment
):
    """In a later frame it is that object, which stays removed afterwards."""
    bench.segmenter.found = {'you missed the van': make_segment('', 'van')}
    bench.open()
    assert remove(bench, scope=TRACK).success
    next_frame(bench)
    header = Header(stamp=to_time(STAMP_NS + 1))
    asked = {'segment_id': '', 'header': header, 'scope': TRACK}
    [added] = bench.ask('you missed the van', **asked).result.segments
    assert added.id == '1'
    assert labels(next_frame(bench, STAMP_NS + 2)) == {'1': 'van', '2': 'road'}
    assert bench.undo().success
    assert labels(next_frame(bench, STAMP_NS + 3)) == {'2': 'road'}


# --- the list -----------------------------------------------------------------------------------


def test_the_list_says_what_was_removed(bench):
    bench.open()
    assert remove(bench, '2', scope=TRACK).success
    [held] = bench.corrections().corrections
    assert (held.id, held.segment_id, held.scope, held.text) == ('1', '2', TRACK, '')
    told = (held.label_before, held.label_after, held.generated_label)
    assert told == ('road', '', 'road')
    assert (held.area_before, held.area_after) == (48, 0)


def test_a_removed_segment_without_a_name_is_told_as_such(bench, make_segment):
    """A deadline has left it so."""
    bench.open()
    record, header = frame_of(bench, replace(make_segment(''), category=''))
    [identity] = labels(record)
    answer = remove(bench, identity, header=header)
    assert answer.message == f"delete: 0 changed, 1 removed: segment {identity!r}, ''."
