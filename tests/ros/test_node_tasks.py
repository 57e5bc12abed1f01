"""Every task of the model through the node: by parameters while it runs, and by ``~/refer``."""

import numpy as np
import pytest

from ros2_rose.masks import decode_mask
from ros2_rose.msg import Segment
from ros2_rose.srv import Refer
from rose_model.data.street_descriptions import describe_thing
from rose_model.instructions import ALL_REGIONS, FOREGROUND

pytestmark = pytest.mark.timeout(400)  # a process loads its libraries

CODES = Refer.Response


@pytest.fixture(scope='module')
def node(ros, start_node):
    process = start_node(diagnostics_period_s=0.2)
    ros.wait_until_ready()
    return process


@pytest.fixture
def change(ros, node):
    """Change parameters of the running node; they are as before after the test."""
    changed = {}

    def make(name, value, before):
        result = ros.set_parameter(name, value)
        assert result.successful, result.reason
        changed[name] = before

    yield make
    for name, before in changed.items():
        assert ros.set_parameter(name, before).successful


def test_candidates_name_the_next_frame(ros, street, change):
    candidates = ['road', 'sky', 'orange lorry']
    change('candidates', candidates, [])
    message = ros.segment(street)
    assert message.prompt == f'{ALL_REGIONS} Candidates: road, sky, orange lorry.'
    assert message.segments
    assert {segment.label for segment in message.segments} <= set(candidates)
    assert all(0.0 < segment.label_score <= 1.0 for segment in message.segments)


def test_after_the_candidates_labels_are_generated_again(ros, street, node):
    before = ros.segment(street)
    for candidates in (['road'], []):
        assert ros.set_parameter('candidates', candidates).successful
    after = ros.segment(street)
    assert after.prompt == before.prompt == ALL_REGIONS
    assert after.segments == before.segments


def test_an_instruction_asks_for_something_else(ros, street, change):
    change('instruction', FOREGROUND, '')
    assert ros.segment(street).prompt == FOREGROUND


def test_self_refinement_gives_one_message_with_the_same_segments(ros, street, change):
    before = ros.segment(street)
    change('self_refine', True, False)
    message = ros.segment(street)
    assert (message.revision, message.frame_seq) == (0, before.frame_seq + 1)
    labels = {segment.id: segment.label for segment in before.segments}
    assert {segment.id: segment.label for segment in message.segments} == labels
    for segment in message.segments:
        is_refined = segment.source == Segment.SOURCE_REFINED
        assert segment.revision == int(is_refined)


@pytest.mark.parametrize(
    ('name', 'value', 'reason'),
    [
        ('instruction', 'äöü€ ' * 200, 'tokens'),  # few characters, many tokens
        ('instruction', 'red\x1b[0m', 'printable'),
        ('candidates', ['car', 'car'], 'twice'),
        ('max_segments', 3, 'configured'),
    ],
)
def test_what_is_refused_leaves_the_stream_as_it_was(ros, street, node, name, value, reason):
    before = ros.segment(street)
    result = ros.set_parameter(name, value)
    assert not result.successful
    assert reason in result.reason
    after = ros.segment(street)
    assert (after.prompt, after.segments) == (before.prompt, before.segments)


def test_a_described_thing_is_found_in_a_frame_and_can_be_corrected(ros, street, scene, node):
    rng = np.random.default_rng(0)
    described = [describe_thing(scene, index, rng) for index in range(len(scene.regions))]
    frame = ros.segment(street)
    for description in filter(None, described):
        answer = ros.refer(description, frame.header)
        assert answer.code in (CODES.OK, CODES.NOT_UNDERSTOOD), answer.message
        if answer.success:
            break
    assert answer.success, answer.message
    [found] = answer.result.segments
    assert description in answer.result.prompt
    assert answer.result.header == frame.header
    assert decode_mask(found.mask, frame.height, frame.width).sum() == found.area > 0
    assert found.id in {'', *(segment.id for segment in frame.segments)}
    # An empty id stands for something missed, so the answer's id is right in either case.
    text = 'this is a bus' if found.id else f'you missed {description}'
    corrected = ros.refine(text, frame.header, segment_id=found.id)
    assert corrected.success, corrected.message


def test_descriptions_are_counted_apart_from_corrections(ros, node):
    for _ in range(2):  # what is published after all answers of the tests before has counted them
        last = ros.status['refine']
        ros.wait_for(lambda last=last: ros.status['refine'] is not last, 'a new report')
    before = {name: int(ros.status[name][1]['received']) for name in ('refer', 'refine')}
    assert ros.refer('').code == CODES.TEXT_EMPTY
    ros.wait_for(lambda: int(ros.status['refer'][1]['received']) > before['refer'], 'the count')
    assert int(ros.status['refine'][1]['received']) == before['refine']
