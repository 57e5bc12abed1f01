"""The inbox: the newest frame wins, and the sum of the counters is the number of frames."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ros2_rose.camera_inbox import JUMP_BACK_NS, CameraInbox, Frame


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
    inbox.offer(frame(5))
    inbox.offer(frame(5))
    inbox.offer(frame(4))
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
    inbox.offer(frame(2 * JUMP_BACK_NS))
    assert inbox.take().stamp_ns == 2 * JUMP_BACK_NS


def test_frames_without_stamps_are_never_stale():
    inbox = CameraInbox(['front'])
    for _ in range(3):
        inbox.offer(frame(0))
        assert inbox.take() is not None


def test_cameras_take_turns_whatever_their_rates():
    inbox = CameraInbox(['front', 'left', 'rear'])
    served = []
    for stamp in range(1, 10):
        for camera in ('front', 'left', 'rear'):
            for part in range(2 if camera == 'front' else 1):
                inbox.offer(frame(2 * stamp + part, camera))
        served.append(inbox.take().camera)
    assert [served.count(camera) for camera in ('front', 'left', 'rear')] == [3, 3, 3]


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


ENDS = st.sampled_from(['offer', 'refuse', 'processed', 'failed', 'came_late', 'clear'])


@given(st.lists(st.tuples(ENDS, st.integers(0, 20))))
def test_every_frame_is_accounted_for(steps):
    inbox = CameraInbox(['front'])
    for step, stamp in steps:
        if step == 'offer':
            inbox.offer(frame(stamp))
        elif step == 'refuse':
            inbox.refuse('front', 'STEP')
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
