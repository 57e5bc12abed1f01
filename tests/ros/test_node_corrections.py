"""Corrections that reach further than their frame, over DDS: through one node with two cameras."""

import numpy as np
import pytest

from ros2_rose.conversions import to_nanoseconds
from ros2_rose.msg import Segment
from ros2_rose.srv import Corrections, Refine, Undo
from rose_model.data.corrections import LoggedCorrections
from rose_model.instructions import FOREGROUND

pytestmark = pytest.mark.timeout(400)  # a process loads its libraries

FRONT, LEFT = '/front/image_raw', '/left/image_raw'
SESSION = Refine.Request.SCOPE_SESSION


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp('log') / 'corrections'


@pytest.fixture(scope='module')
def node(ros, start_node, folder):
    process = start_node(
        camera_names='[front, left]', correction_log=folder, diagnostics_period_s=0.2
    )
    ros.wait_until_ready()
    return process


@pytest.fixture
def frame(ros, node, street):
    """A frame of the camera ``front``."""
    message = ros.segment(street, topic=FRONT)
    assert message.segments, 'the model finds nothing in a street scene'
    return message


def undo(ros, **fields):
    return ros.call(Undo, '/rose/undo', Undo.Request(**fields))


def held(ros):
    answer = ros.call(Corrections, '/rose/corrections', Corrections.Request())
    assert answer.success, answer.message
    return list(answer.corrections)


def labels(message):
    return sorted(segment.label for segment in message.segments)


def count(ros, name):
    return int(ros.status['correction_log'][1][name])


def test_a_label_holds_for_the_session_on_all_cameras_until_it_is_taken_back(
    ros, frame, street, folder
):
    before = ros.segment(street, topic=LEFT)
    thing = next(s for s in frame.segments if s.kind == Segment.KIND_THING)
    answer = ros.refine(
        'this is a gryphon',
        frame.header,
        camera='front',
        segment_id=thing.id,
        scope=SESSION,
        publish=True,
    )
    assert answer.success, answer.message
    assert f"what the model calls '{thing.label}' is 'gryphon'" in answer.message
    renamed = sorted('gryphon' if n == thing.label else n for n in labels(before))
    after = ros.segment(street, topic=LEFT)
    assert labels(after) == renamed
    stated = {s.label: s.source for s in after.segments}
    assert stated.pop('gryphon') == Segment.SOURCE_SESSION
    assert set(stated.values()) == {Segment.SOURCE_MODEL}
    own = {s.id: s for s in ros.segment(street, topic=FRONT).segments}[thing.id]
    assert (own.label, own.source) == ('gryphon', Segment.SOURCE_TRACKED)

    [listed] = held(ros)
    assert (listed.camera, listed.segment_id, listed.scope) == ('front', thing.id, SESSION)
    assert (listed.label_before, listed.label_after) == (thing.label, 'gryphon')
    assert listed.stamp == frame.header.stamp

    undone = undo(ros, publish=True)
    assert undone.success, undone.message
    assert undone.correction_id == listed.id
    stamp_ns = to_nanoseconds(frame.header.stamp)
    assert ros.answer_to(stamp_ns, 1).revision == 1
    again = ros.answer_to(stamp_ns, 2)
    assert labels(again) == labels(frame)
    assert {s.source for s in again.segments} == {Segment.SOURCE_MODEL}
    assert labels(ros.segment(street, topic=LEFT)) == labels(before)
    assert held(ros) == []
    assert undo(ros).code == Undo.Response.NO_SUCH_CORRECTION
    ros.wait_for(lambda: count(ros, 'removed') == 1, 'the removal of the example')
    assert list(folder.iterdir()) == []


def test_an_accepted_correction_is_stored_with_the_pixels_that_were_sent(
    ros, frame, street, folder
):
    written = count(ros, 'written')
    old = frame.segments[0]
    request = {'camera': 'front', 'segment_id': old.id, 'target': Refine.Request.TARGET_LABEL}
    assert ros.refine('', frame.header, **request).code == Refine.Response.TEXT_EMPTY
    assert ros.refine('this is a moon', frame.header, **request).success
    ros.wait_for(lambda: count(ros, 'written') == written + 1, 'the example')
    read = LoggedCorrections(folder)
    assert len(read) == 1
    sample = read[0]
    assert np.array_equal(sample.image, street)
    assert sample.regions[sample.target].name == 'moon'
    assert len(sample.regions) == len(frame.segments)
    assert (count(ros, 'failed'), count(ros, 'dropped')) == (0, 0)


def test_a_removed_object_stays_away_on_its_camera_until_it_is_taken_back(
    ros, frame, street, folder
):
    written, removed = count(ros, 'written'), count(ros, 'removed')
    thing = next(s for s in frame.segments if s.kind == Segment.KIND_THING)
    answer = ros.refine(
        '',
        frame.header,
        camera='front',
        segment_id=thing.id,
        remove=True,
        scope=Refine.Request.SCOPE_TRACK,
        publish=True,
    )
    assert answer.success, answer.message
    others = [s for s in frame.segments if s.id != thing.id]
    assert ros.answer_to(to_nanoseconds(frame.header.stamp), 1).segments == others
    for _ in range(2):
        assert ros.segment(street, topic=FRONT).segments == others
    listed = held(ros)[-1]
    assert (listed.segment_id, listed.label_before, listed.label_after) == (
        thing.id,
        thing.label,
        '',
    )
    assert (listed.area_before, listed.area_after) == (thing.area, 0)
    ros.wait_for(lambda: count(ros, 'written') == written + 1, 'the example')

    undone = undo(ros, publish=True)
    assert undone.success, undone.message
    assert undone.correction_id == listed.id
    again = ros.answer_to(to_nanoseconds(frame.header.stamp), 2)
    assert again.segments == frame.segments  # in every field
    assert ros.segment(street, topic=FRONT).segments == frame.segments
    ros.wait_for(lambda: count(ros, 'removed') == removed + 1, 'the removal of the example')


def test_what_was_missed_keeps_its_id_when_the_model_finds_it_later(ros, node, street):
    assert ros.set_parameter('instruction', FOREGROUND).successful
    frame = ros.segment(street, topic=LEFT)
    assert 'sky' not in labels(frame)
    answer = ros.refine('you missed the sky', frame.header, camera='left')
    assert answer.success, answer.message
    [added] = answer.result.segments
    assert added.id not in {segment.id for segment in frame.segments}
    assert ros.set_parameter('instruction', '').successful
    later = {segment.id: segment for segment in ros.segment(street, topic=LEFT).segments}
    assert (later[added.id].label, later[added.id].source) == ('sky', Segment.SOURCE_MODEL)
