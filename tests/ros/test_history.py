"""The history: frames by exact stamp, and the difference between too late and never."""

import pytest

from ros2_rose.history import (
    REMEMBERED_STAMPS,
    FrameExpiredError,
    FrameHistory,
    FrameRecord,
    NoSuchFrameError,
)


def record(stamp_ns, camera='front', frame_seq=0):
    return FrameRecord(camera, None, stamp_ns, frame_seq, segmentation=None)


def history_of(*stamps, length=3):
    history = FrameHistory(['front', 'left'], length)
    for stamp in stamps:
        history.add(record(stamp))
    return history


def test_a_frame_is_found_by_its_exact_stamp():
    assert history_of(10, 20, 30).find('front', 20).stamp_ns == 20


@pytest.mark.parametrize('stamp', [11, 9, 31])
def test_a_stamp_beside_it_is_never_seen(stamp):
    with pytest.raises(NoSuchFrameError, match='no processed frame'):
        history_of(10, 20, 30).find('front', stamp)


def test_an_old_frame_has_expired():
    history = history_of(10, 20, 30, 40)
    with pytest.raises(FrameExpiredError, match='last 3 frames'):
        history.find('front', 10)
    assert history.oldest_stamp_ns('front') == 20


def test_a_frame_of_long_ago_is_as_one_that_never_was():
    history = history_of(*range(1, REMEMBERED_STAMPS + 3), length=1)
    with pytest.raises(NoSuchFrameError, match='no processed frame of this stamp'):
        history.find('front', 1)
    with pytest.raises(FrameExpiredError):
        history.find('front', 2)


def test_zero_is_the_newest_frame():
    assert history_of(10, 20).find('front', 0).stamp_ns == 20


def test_an_empty_history_has_no_frame_at_all():
    history = history_of()
    assert history.oldest_stamp_ns('front') is None
    for stamp in (0, 10):
        with pytest.raises(NoSuchFrameError, match="'front' has no processed frame yet"):
            history.find('front', stamp)


def test_cameras_do_not_mix():
    with pytest.raises(NoSuchFrameError):
        history_of(10).find('left', 10)


def test_an_unknown_camera_is_named_with_the_known_ones():
    with pytest.raises(NoSuchFrameError, match='front, left'):
        history_of(10).find('rear', 10)
    assert history_of(10).oldest_stamp_ns('rear') is None


def test_a_corrected_frame_takes_its_own_place():
    history = history_of(10, 20, 30)
    corrected = history.find('front', 10).corrected('better')
    history.update(corrected)
    assert history.find('front', 10).revision == 1
    assert history.find('front', 10).segmentation == 'better'
    assert history.oldest_stamp_ns('front') == 10
    history.add(record(40))
    with pytest.raises(FrameExpiredError):
        history.find('front', 10)


def test_a_correction_of_an_expired_frame_does_not_bring_it_back():
    history = history_of(10, 20, 30)
    corrected = history.find('front', 10).corrected('better')
    history.add(record(40))
    history.update(corrected)
    assert history.oldest_stamp_ns('front') == 20
