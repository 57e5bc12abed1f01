"""Stamps and clocks that repeat, stand still, jump or lie."""

import time

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from rosgraph_msgs.msg import Clock
from std_msgs.msg import Header

from ros2_rose.conversions import to_time
from ros2_rose.image_writer import write_image

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR
SECOND = 1_000_000_000
HOUR = 3600 * SECOND


def image(stamp_ns, value=7):
    header = Header(stamp=to_time(stamp_ns), frame_id='optical')
    return write_image(np.full((6, 8, 3), value, np.uint8), 'rgb8', header)


@pytest.fixture(autouse=True)
def fresh(ros):
    ros.forget()


def wait_for(ros, name, count):
    ros.wait_for(lambda: ros.count('camera', name) == count, f'{name} {count}')


def test_images_that_are_too_old_are_a_warning_and_then_an_error_until_fresh_ones_come(
    ros, start_in_process
):
    start_in_process(max_age_s=2.0, input_timeout_s=60.0)
    levels = []
    for number in range(6):
        ros.send(image(time.time_ns() - 10 * SECOND + number))
        wait_for(ros, 'dropped_stale', number + 1)
        levels.append(ros.level['input/camera'])
    assert (levels[0], levels[-1]) == (WARN, ERROR)
    assert ros.status['input/camera'][0] == '6 of the last 6 images were refused, STALE'
    assert ros.segments == []
    for number in range(10):
        ros.send(image(time.time_ns()))
        wait_for(ros, 'received', 7 + number)
    ros.wait_for(lambda: ros.level['input/camera'] == OK, 'a well camera')
    wait_for(ros, 'processed', 10)
    assert ros.count('camera', 'dropped_stale') == 6


def test_a_recording_that_starts_again_is_counted_and_comes_out_in_order(ros, start_in_process):
    start_in_process()
    stamps = [100 * SECOND, 101 * SECOND, 101 * SECOND, 100 * SECOND, 10 * SECOND, 11 * SECOND]
    for number, stamp in enumerate(stamps, start=1):
        ros.send(image(stamp))
        wait_for(ros, 'received', number)
        ros.wait_for(
            lambda number=number: (
                ros.count('camera', 'processed') + ros.count('camera', 'dropped_stale') == number
            ),
            'the end of the frame',
        )
    ros.wait_for(lambda: len(ros.segments) == 4, 'four answers')
    assert [message.header.stamp.sec for message in ros.segments] == [100, 101, 10, 11]
    assert ros.count('camera', 'time_back') == 1
    assert ros.count('camera', 'dropped_stale') == 2
    first, second, third, _ = (message.segments[0].id for message in ros.segments)
    assert first == second != third


def test_no_stamp_and_one_from_the_future_are_taken_and_counted(ros, start_in_process):
    start_in_process(max_age_s=2.0)
    for number, stamp in enumerate((0, 0, time.time_ns() + 10 * SECOND), start=1):
        ros.send(image(stamp))
        wait_for(ros, 'processed', number)
    assert ros.count('camera', 'without_stamp') == 2
    assert ros.count('camera', 'from_future') == 1


@pytest.mark.parametrize('max_age_s', [0.0, 2.0])
def test_a_clock_that_jumps_stands_still_or_runs_fast_raises_no_false_alarm(
    ros, start_in_process, max_age_s
):
    """The camera goes on: its stamps are of the clock at hand."""
    start_in_process(use_sim_time=True, max_age_s=max_age_s, input_timeout_s=5.0)
    clock = ros.publisher(Clock, '/clock')
    levels = []
    now = HOUR
    steps = [SECOND // 10] * 3 + [HOUR] + [0] * 3 + [-HOUR] + [SECOND] * 5
    for number, step in enumerate(steps, start=1):
        now += step
        clock.publish(Clock(clock=to_time(now)))
        ros.send(image(now + number))  # a clock that stands still must not make stamps repeat
        wait_for(ros, 'processed', number)
        levels.append(ros.level['input/camera'])
    assert set(levels[1:]) == {OK}
    assert ros.count('camera', 'time_back') == 1
    assert ros.count('camera', 'dropped_stale') == 0
    assert len(ros.segments) == len(steps)
