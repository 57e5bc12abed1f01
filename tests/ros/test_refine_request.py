"""Requests of corrections: what they ask for, and which of their fields contradict each other."""

import array

import pytest
from rclpy.serialization import deserialize_message, serialize_message

from ros2_rose.corrections import Scope
from ros2_rose.refine_request import refine_arguments
from ros2_rose.srv import Refine
from rose_model.errors import InvalidRequestError, TextEmptyError, TextTooLongError
from rose_model.records import PointHint, RefineTarget

MASK, BOTH = Refine.Request.TARGET_MASK, Refine.Request.TARGET_BOTH
TRACK, SESSION = Refine.Request.SCOPE_TRACK, Refine.Request.SCOPE_SESSION
CLICK = {'points_x': [1.0], 'points_y': [1.0], 'point_labels': [1]}


def sent(message):
    return deserialize_message(serialize_message(message), type(message))


def test_a_request_becomes_the_arguments_of_the_model():
    request = sent(
        Refine.Request(
            text='this is a bus',
            segment_id='3',
            target=Refine.Request.TARGET_LABEL,
            points_x=[1.5, 2.0],
            points_y=[3.0, 4.0],
            point_labels=array.array('B', [1, 0]),
        )
    )
    arguments = refine_arguments(request)
    assert (arguments.text, arguments.segment_id) == ('this is a bus', '3')
    assert arguments.target is RefineTarget.LABEL
    assert arguments.points == (PointHint(1.5, 3.0, True), PointHint(2.0, 4.0, False))


def test_a_plain_request_lets_the_text_decide():
    arguments = refine_arguments(Refine.Request(text='you missed the cyclist'))
    assert arguments.target is RefineTarget.AUTO
    assert arguments.points == ()


@pytest.mark.parametrize(
    ('field', 'values'),
    [
        ('target', {'target': 4}),
        ('segment_id', {'scope': Refine.Request.SCOPE_SESSION, 'text': 'this is a bus'}),
        ('SCOPE_SESSION', {'scope': Refine.Request.SCOPE_SESSION, 'segment_id': '1'}),
        ('scope', {'scope': 9}),
        (
            'scope',
            {'scope': Refine.Request.SCOPE_TRACK, 'target': Refine.Request.TARGET_MASK},
        ),
        ('points_x', {'points_x': [1.0]}),
        ('point', {'points_x': [1.0], 'points_y': [1.0], 'point_labels': [2]}),
        ('point', {'points_x': [float('inf')], 'points_y': [1.0], 'point_labels': [1]}),
    ],
)
def test_a_field_that_cannot_be_used_is_named(field, values):
    with pytest.raises(InvalidRequestError, match=field):
        refine_arguments(Refine.Request(**({'text': 'a'} | values)))


def test_a_request_of_before_there_were_labels_and_removals_means_the_same():
    arguments = refine_arguments(Refine.Request(text='this is a bus', segment_id='1'))
    assert (arguments.label, arguments.remove) == ('', False)


@pytest.mark.parametrize(
    'fields',
    [
        {'text': 'a', 'label': 'red bus'},
        {'label': 'red bus'},
        {'label': 'red bus', 'target': BOTH},
        {'label': 'red bus', 'segment_id': ''},
        {'label': 'red bus', 'scope': SESSION},
        {'label': 'red bus', 'text': 'this is nothing', 'scope': SESSION},
        {'text': 'this is a bus', 'scope': SESSION},
        {'remove': True},
        {'remove': True, 'text': 'a'},
        {'remove': True, 'scope': TRACK},
        CLICK,
        {'segment_id': '', **CLICK},
        {'target': MASK, **CLICK},
    ],
)
def test_what_says_enough_is_taken(fields):
    arguments = refine_arguments(sent(Refine.Request(**({'segment_id': '1'} | fields))))
    assert arguments.label == fields.get('label', '')
    assert arguments.remove == fields.get('remove', False)
    assert len(arguments.points) == len(fields.get('points_x', ()))


@pytest.mark.parametrize('text', ['', ' \t '])
@pytest.mark.parametrize('segment_id', ['', '1'])
def test_what_says_nothing_has_no_text(text, segment_id):
    with pytest.raises(TextEmptyError):
        refine_arguments(Refine.Request(text=text, segment_id=segment_id, target=7))


@pytest.mark.parametrize(
    ('names', 'fields'),
    [
        (['segment_id', 'remove'], {'segment_id': ''}),
        (['label', 'remove'], {'label': 'bus'}),
        (['points_x', 'points_y', 'point_labels', 'remove'], CLICK),
        (['target', 'TARGET_AUTO', 'remove'], {'target': BOTH}),
        (['target', 'TARGET_AUTO', 'remove'], {'target': MASK}),
        (['scope', 'SCOPE_TRACK', 'remove'], {'scope': SESSION}),
        (['label', 'TARGET_MASK'], {'remove': False, 'label': 'bus', 'target': MASK}),
        (
            ['segment_id', 'SCOPE_SESSION'],
            {'remove': False, 'label': 'bus', 'scope': SESSION, 'segment_id': ''},
        ),
        (
            ['SCOPE_SESSION', 'TARGET_LABEL'],
            {'remove': False, 'label': 'bus', 'scope': SESSION, 'target': BOTH},
        ),
        (['SCOPE_SESSION', 'label'], {'remove': False, 'text': 'remove it', 'scope': SESSION}),
        (
            ['SCOPE_SESSION', 'label'],
            {'remove': False, 'text': 'it should be larger', 'scope': SESSION},
        ),
        (['SCOPE_SESSION', 'label'], {'remove': False, 'scope': SESSION, **CLICK}),
        (['label'], {'remove': False, 'label': '  '}),
        (['label'], {'remove': False, 'label': 'a\nb'}),
    ],
)
def test_fields_that_contradict_each_other_are_named(names, fields):
    request = Refine.Request(**({'segment_id': '1', 'remove': True} | fields))
    with pytest.raises(InvalidRequestError) as refusal:
        refine_arguments(request)
    for name in names:
        assert name in str(refusal.value)


def test_a_text_beside_a_removal_or_a_label_is_still_read():
    for fields in ({'remove': True}, {'label': 'bus'}, CLICK):
        with pytest.raises(TextTooLongError):
            refine_arguments(Refine.Request(text='x' * 1025, segment_id='1', **fields))
        with pytest.raises(InvalidRequestError, match='x1b'):
            refine_arguments(Refine.Request(text='a\x1b', segment_id='1', **fields))


def test_a_removal_may_reach_as_far_as_its_object():
    request = Refine.Request(segment_id='1', remove=True, scope=TRACK)
    assert refine_arguments(request).scope is Scope.TRACK
