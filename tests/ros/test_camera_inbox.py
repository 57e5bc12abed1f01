"""The inbox: the newest frame wins, and the sum of the counters is the number of frames."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ros2_rose.camera_inbox import JUMP_BACK_NS, MAX_PRIORITY, CameraInbox, Frame


def frame(stamp_ns, camera='front'):
    return Frame(camera, stamp_ns, received_s=0.0, message=stamp_ns)


def dropped(inbox, camera='front'):
    counts = inbox.counts()[camera]
    return counts.dropped_busy, counts.dropped_stale


def test_an_inbox_without_frames_gives_none():
    inbox = CameraInbox(['front'])
    assert inbox.take() is None
    assert inbox.is_empty
    assert inbox.counts()['front'].received == 0


def test_the_newest_frame_replaces_the_waiting_one_which_is_counted():
    inbox = CameraInbox(['front'])
    for stamp in (1, 2, 3):
        inbox.offer(frame(stamp))
    assert inbox.take().stamp_ns == 3
    assert inbox.take() is None
    assert dropped(inbox) == (2, 0)


def test_late_and_repeated_stamps_are_stale():
    inbox = CameraInbox(['front'])
    assert inbox.offer(frame(5))
    assert not inbox.offer(frame(5))
    assert not inbox.offer(frame(4))
    assert inbox.take().stamp_ns == 5
    assert dropped(inbox) == (0, 2)


def test_a_stamp_is_stale_also_after_its_frame_was_taken():
    inbox = CameraInbox(['front'])
    inbox.offer(frame(5))
    inbox.take()
    inbox.offer(frame(5))
    assert inbox.take() is None


def test_a_recording_that_starts_again_goes_on():
    inbox = CameraInbox(['front'])
    inbox.offer(frame(10 * JUMP_BACK_NS))
    inbox.take()
    assert inbox.counts()['front'].remarks['time_back'] == 0
    inbox.offer(frame(2 * JUMP_BACK_NS))
    assert inbox.take().stamp_ns == 2 * JUMP_BACK_NS
    assert inbox.counts()['front'].remarks['time_back'] == 1


def test_frames_without_stamps_are_never_stale():
    inbox = CameraInbox(['front'])
    for _ in range(3):
        inbox.offer(frame(0))
        assert inbox.take() is not None
    assert inbox.counts()['front'].remarks['time_back'] == 0


def test_a_frame_without_a_stamp_does_not_hide_that_the_next_one_is_repeated():
    inbox = CameraInbox(['front'])
    for stamp in (5, 0, 5):
        inbox.offer(frame(stamp))
    assert dropped(inbox) == (1, 1)
    assert inbox.counts()['front'].remarks['time_back'] == 0


def test_cameras_take_turns_whatever_their_rates():
    inbox = CameraInbox(['front', 'left', 'rear'])
    served = []
    for stamp in range(1, 10):
        for camera in ('front', 'left', 'rear'):
            for part in range(2 if camera == 'front' else 1):
                inbox.offer(frame(2 * stamp + part, camera))
        served.append(inbox.take().camera)
    assert [served.count(camera) for camera in ('front', 'left', 'rear')] == [3, 3, 3]


def serve(inbox, turns):
    """Who has each of so many turns, while frames of all cameras wait all the time."""
    served = []
    for stamp in range(1, turns + 1):
        for camera in inbox.counts():
            inbox.offer(frame(stamp, camera))
        served.append(inbox.take().camera)
    return served


def test_waiting_cameras_are_served_in_the_ratio_of_their_priorities():
    served = serve(CameraInbox(['front', 'left', 'rear'], {'front': 3, 'rear': 2}), 60)
    assert [served.count(camera) for camera in ('front', 'left', 'rear')] == [30, 10, 20]


def test_six_equal_cameras_are_served_in_a_fixed_order():
    cameras = list('abcdef')
    assert serve(CameraInbox(cameras, dict.fromkeys(cameras, 7)), 18) == cameras * 3


def test_a_camera_that_was_silent_is_not_owed_the_turns_that_it_missed():
    inbox = CameraInbox(['front', 'rear'])
    for stamp in range(1, 100):
        inbox.offer(frame(stamp))
        assert inbox.take().camera == 'front'
    served = []
    for stamp in range(100, 110):
        inbox.offer(frame(stamp))
        inbox.offer(frame(stamp, 'rear'))
        served.append(inbox.take().camera)
    assert served.count('front') == served.count('rear') == 5


def test_turns_that_a_camera_does_not_use_go_to_the_others():
    inbox = CameraInbox(['front', 'rear'], {'front': MAX_PRIORITY})
    for stamp in range(1, 10):
        inbox.offer(frame(stamp, 'rear'))
        assert inbox.take().camera == 'rear'


@given(
    st.lists(st.integers(1, MAX_PRIORITY), min_size=2, max_size=6),
    st.lists(st.integers(0, 63), min_size=60, max_size=60),
)
def test_no_camera_starves(priorities, arrivals):
    """Whatever comes when: a bound on the turns of the others while one camera waits."""
    names = 'abcdef'[: len(priorities)]
    inbox = CameraInbox(names, dict(zip(names, priorities, strict=True)))
    waited = {name: dict.fromkeys(names, 0) for name in names}
    waiting = set()
    for stamp, arrival in enumerate(arrivals, start=1):
        for bit, name in enumerate(names):
            if arrival >> bit & 1:
                inbox.offer(frame(stamp, name))
                waiting.add(name)
        taken = inbox.take()
        if taken is None:
            continue
        waiting.discard(taken.camera)
        waited[taken.camera] = dict.fromkeys(names, 0)
        for name in waiting:
            waited[name][taken.camera] += 1
            own, other = priorities[names.index(name)], priorities[names.index(taken.camera)]
            assert waited[name][taken.camera] <= other / own + 1


def test_cleared_frames_are_stale():
    inbox = CameraInbox(['front', 'left'])
    inbox.offer(frame(1))
    inbox.clear()
    assert inbox.is_empty
    assert dropped(inbox) == (0, 1)
    assert dropped(inbox, 'left') == (0, 0)


def test_an_unknown_camera_is_a_defect_of_the_caller():
    with pytest.raises(KeyError):
        CameraInbox(['front']).offer(frame(1, 'rear'))


ENDS = st.sampled_from(['offer', 'expire', 'refuse', 'processed', 'failed', 'came_late', 'clear'])


@given(st.lists(st.tuples(ENDS, st.integers(0, 20))))
def test_every_frame_is_accounted_for(steps):
    inbox = CameraInbox(['front'])
    for step, stamp in steps:
        if step == 'offer':
            inbox.offer(frame(stamp))
        elif step == 'refuse':
            inbox.refuse('front', 'STEP')
        elif step == 'expire':
            inbox.expire('front')
        elif step == 'clear':
            inbox.clear()
        elif inbox.take() is not None:
            getattr(inbox, step)('front', *(['MODEL'] if step == 'failed' else []))
    inbox.clear()
    counts = inbox.counts()['front']
    assert counts.received == (counts.processed + counts.dropped + sum(counts.rejected.values()))


def test_two_threads_lose_no_count():
    inbox = CameraInbox(['front'])
    number = 2000

    def offer():
        for stamp in range(1, number + 1):
            inbox.offer(frame(stamp))

    thread = threading.Thread(target=offer)
    thread.start()
    while thread.is_alive() or not inbox.is_empty:
        if inbox.take() is not None:
            inbox.processed('front')
    thread.join()
    counts = inbox.counts()['front']
    assert counts.received == number == counts.processed + counts.dropped
