"""Objects keep their ids and the labels that were stated for them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from ros2_rose.tracker import MEMORY, MIN_IOU, Tracker, _cells
from rose_model.records import Segment, Segmentation
from rose_model.write_back import segment_iou

SIZE = (60, 80)


def thing(box, category='car', is_thing=True):
    x1, y1, x2, y2 = box
    return Segment(
        '?', category, 0.5, 0.5, 0.5, is_thing, box, np.ones((y2 - y1, x2 - x1), bool), 0
    )


def frame(*segments, size=SIZE):
    return Segmentation((), size, 'segment', context=None).with_segments(segments)


def follow(tracker, *segments, size=SIZE):
    """The followed segments; ``tracker.last`` is the stamp of their frame."""
    tracker.last = getattr(tracker, 'last', 0) + 1
    return tracker.follow(frame(*segments, size=size), tracker.last).segments


def ids(tracker, *segments, size=SIZE):
    """The ids by box."""
    followed = follow(tracker, *segments, size=size)
    return {segment.box_xyxy: segment.id for segment in followed}


def test_a_frame_without_segments_is_followed():
    assert follow(Tracker()) == ()


def test_moving_objects_keep_their_ids_though_their_order_changes():
    tracker = Tracker()
    first = ids(tracker, thing((0, 0, 20, 20)), thing((40, 0, 58, 20)))
    second = ids(tracker, thing((44, 0, 68, 20)), thing((4, 0, 24, 20)))
    assert second[4, 0, 24, 20] == first[0, 0, 20, 20]
    assert second[44, 0, 68, 20] == first[40, 0, 58, 20]


def test_the_best_pairs_of_all_are_taken_not_the_best_one_first():
    """The middle segment overlaps the left track most, but the right track has no other."""
    tracker = Tracker()
    first = ids(tracker, thing((10, 0, 30, 20)), thing((20, 0, 40, 20)))
    second = ids(tracker, thing((14, 0, 34, 20)), thing((4, 0, 24, 20)))
    assert second[4, 0, 24, 20] == first[10, 0, 30, 20]
    assert second[14, 0, 34, 20] == first[20, 0, 40, 20]


def test_what_is_new_gets_an_id_that_was_never_used():
    tracker = Tracker()
    old = set(ids(tracker, thing((0, 0, 20, 20))).values())
    new = set(ids(tracker, thing((50, 30, 70, 50))).values())
    tracker.forget()
    last = set(ids(tracker, thing((50, 30, 70, 50))).values())
    assert len(old | new | last) == 3


BOXES = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 40), st.integers(1, 20), st.integers(1, 20)),
    min_size=1,
    max_size=6,
)


@given(BOXES, BOXES, st.randoms(use_true_random=False))
def test_no_pair_of_masks_that_overlap_enough_is_passed_over(before, after, random):
    """Most pairs are ruled out by boxes and areas; those that count must not be."""
    first, second = (
        [thing((x, y, x + w, y + h), is_thing=random.random() < 0.7) for x, y, w, h in boxes]
        for boxes in (before, after)
    )
    tracker = Tracker()
    followed = follow(tracker, *first)
    old = {segment.id: segment for segment in followed}
    gained = 0.0
    for segment in follow(tracker, *second):
        if segment.id in old:
            assert segment.is_thing == old[segment.id].is_thing
            assert segment_iou(segment, old[segment.id]) >= MIN_IOU
            gained += segment_iou(segment, old[segment.id])
    iou = np.array(
        [[segment_iou(a, b) * (a.is_thing == b.is_thing) for b in second] for a in first]
    )
    score = np.where(iou >= MIN_IOU, iou, 0)
    assert gained == pytest.approx(score[linear_sum_assignment(score, maximize=True)].sum())


def test_a_thing_does_not_become_stuff():
    tracker = Tracker()
    first = ids(tracker, thing((0, 0, 20, 20)))
    assert ids(tracker, thing((0, 0, 20, 20), is_thing=False)) != first


@pytest.mark.parametrize(('gap', 'is_same'), [(MEMORY, True), (MEMORY + 1, False)])
def test_an_object_may_be_out_of_sight_for_some_frames(gap, is_same):
    tracker = Tracker()
    before = ids(tracker, thing((0, 0, 20, 20)))
    for _ in range(gap):
        ids(tracker)
    assert (ids(tracker, thing((0, 0, 20, 20))) == before) is is_same


def test_another_image_size_is_another_view():
    tracker = Tracker()
    before = ids(tracker, thing((0, 0, 20, 20)))
    assert ids(tracker, thing((0, 0, 20, 20)), size=(61, 80)) != before


def test_a_corrected_mask_is_where_its_object_is_looked_for():
    tracker = Tracker()
    [car] = follow(tracker, thing((0, 0, 20, 20)))
    tracker.adopt(replace(thing((40, 0, 60, 20)), id=car.id), tracker.last)
    assert ids(tracker, thing((42, 0, 62, 20))) == {(42, 0, 62, 20): car.id}


def test_an_older_mask_does_not_replace_what_was_seen_since():
    tracker = Tracker()
    [car] = follow(tracker, thing((0, 0, 20, 20)))
    old = tracker.last
    ids(tracker, thing((4, 0, 24, 20)))
    tracker.adopt(replace(thing((40, 0, 60, 20)), id=car.id), old)
    assert ids(tracker, thing((8, 0, 28, 20))) == {(8, 0, 28, 20): car.id}


@pytest.mark.parametrize(
    ('since', 'is_followed'), [(0, True), (MEMORY, True), (MEMORY + 1, False)]
)
def test_what_a_correction_adds_is_followed_from_a_frame_that_is_not_too_old(since, is_followed):
    tracker = Tracker()
    [car] = follow(tracker, thing((0, 0, 20, 20)))
    stamp_ns = tracker.last
    for _ in range(since):
        ids(tracker, thing((0, 0, 20, 20)))
    new = thing((40, 0, 60, 20))
    added = replace(new, id=tracker.id_for(new, (car.id,), stamp_ns))
    assert added.id != car.id
    assert tracker.can_follow(added.id, stamp_ns) is is_followed
    tracker.adopt(added, stamp_ns)
    later = ids(tracker, thing((0, 0, 20, 20)), thing((42, 0, 62, 20)))
    assert later[0, 0, 20, 20] == car.id
    assert (later[42, 0, 62, 20] == added.id) is is_followed


def test_what_was_added_and_taken_back_is_followed_no_longer_unless_it_was_seen():
    for is_seen in (False, True):
        tracker = Tracker()
        ids(tracker)
        new = thing((40, 0, 60, 20))
        added = replace(new, id=tracker.id_for(new, (), tracker.last))
        stamp_ns = tracker.last
        tracker.adopt(added, stamp_ns)
        ids(tracker, *[thing((41, 0, 61, 20))] * is_seen)
        tracker.retract(added.id, stamp_ns)
        assert (added.id in tracker.ids) is is_seen


def test_what_a_correction_adds_is_the_object_that_was_there_before():
    tracker = Tracker()
    [car] = follow(tracker, thing((0, 0, 20, 20)))
    ids(tracker)
    added = thing((10, 0, 26, 20))
    identity = tracker.id_for(added, (), tracker.last)
    assert identity == car.id
    assert tracker.id_for(added, (car.id,), tracker.last) != car.id
    assert tracker.id_for(thing((0, 0, 20, 20), is_thing=False), (), tracker.last) != car.id
    assert tracker.id_for(added, (), tracker.last + 1) != car.id
    tracker.adopt(replace(added, id=identity), tracker.last)  # newer than when it was seen
    assert ids(tracker, thing((18, 0, 32, 20))) == {(18, 0, 32, 20): car.id}


def test_the_last_objects_take_what_others_leave():
    tracker = Tracker()
    near, far = thing((0, 0, 20, 20)), thing((2, 0, 22, 20))
    first = ids(tracker, near, far)

    def next_ids(*segments):
        tracker.last += 1
        last = (first[near.box_xyxy],)
        followed = tracker.follow(frame(*segments), tracker.last, last).segments
        return {segment.box_xyxy: segment.id for segment in followed}

    assert next_ids(near) == {near.box_xyxy: first[far.box_xyxy]}
    assert next_ids() == {}
    # One that wants either takes the nearer one, and the last one what is left.
    assert set(next_ids(near, far).values()) == set(first.values())
    new = thing((50, 30, 70, 50))
    assert next_ids(near, far, new)[new.box_xyxy] not in first.values()


def test_before_any_frame_nothing_is_followed():
    tracker = Tracker()
    assert not tracker.can_follow('1', 0)
    tracker.adopt(replace(thing((0, 0, 20, 20)), id='1'), 0)
    tracker.retract('1', 0)
    assert tracker.ids == frozenset()


def test_masks_are_compared_at_their_place_in_the_image():
    """On every fourth pixel of a wide image, whatever the corner of the box."""
    size = (500, 1000)
    for x1, y1 in ((0, 0), (1, 2), (3, 7), (501, 333)):
        segment = thing((x1, y1, x1 + 90, y1 + 41))
        full = segment.full_mask(size)
        points = np.unpackbits(_cells([segment], size)[0].view(np.uint8)).reshape(125, -1)
        assert np.array_equal(points[:, :250], full[::4, ::4])
        assert not points[:, 250:].any()


def test_masks_that_cross_are_told_apart():
    """Their boxes are nearly the same."""
    tracker = Tracker()
    down, up = np.eye(20, dtype=bool), np.eye(20, dtype=bool)[::-1]
    first, second = (
        replace(thing((0, 0, 20, 20)), mask=np.logical_or(mask, np.roll(mask, 1, 1)))
        for mask in (down, up)
    )
    [a] = follow(tracker, first)
    [b] = follow(tracker, second)
    assert a.id != b.id
