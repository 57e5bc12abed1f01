"""A camera is judged by when its images come and by how many can be used."""

import pytest
from diagnostic_msgs.msg import DiagnosticStatus

from ros2_rose.camera_watch import CameraWatch, Health
from ros2_rose.parameters import CameraParameters

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR


def explain():
    return 'because'


def never():
    raise AssertionError('only silence needs an explanation')


def watch(**rates):
    return CameraWatch(CameraParameters(**rates), timeout_s=1.0, now_s=100.0)


def test_before_the_timeout_it_is_waited_for_and_then_an_error_with_its_reason():
    camera = watch()
    assert camera.health(100.9, never).level == WARN
    health = camera.health(101.1, explain)
    assert health.level == ERROR
    assert 'since the node listens' in health.text
    assert health.text.endswith('because')


def test_a_camera_that_stops_is_an_error_and_one_that_returns_is_well():
    camera = watch()
    camera.arrived(100.5)
    assert camera.health(101.4, never).level == OK
    health = camera.health(101.6, explain)
    assert (health.level, 'any more' in health.text) == (ERROR, True)
    camera.arrived(105.0)
    assert camera.health(105.1, never).level == OK


@pytest.mark.parametrize(('rate_hz', 'level'), [(30, OK), (10, WARN), (2, ERROR)])
def test_the_rate_is_judged_by_what_was_configured(rate_hz, level):
    camera = watch(warn_rate_hz=20.0, error_rate_hz=5.0)
    for number in range(11):
        camera.arrived(100 + number / rate_hz)
    assert camera.health(100 + 10 / rate_hz, never).level == level


def test_a_rate_is_not_judged_before_it_can_be_known():
    camera = watch(error_rate_hz=30.0)
    camera.arrived(100.0)
    camera.arrived(100.9)
    assert camera.health(100.9, never).level == OK


def test_one_refused_image_is_a_warning_and_six_of_ten_are_an_error():
    camera = watch()
    for number in range(10):
        camera.arrived(100 + number / 100, 'STEP' if number == 0 else '')
    assert camera.health(100.1, never).level == WARN
    for number in range(6):
        camera.arrived(100.1 + number / 100, 'STEP')
    health = camera.health(100.2, never)
    assert health.level == ERROR
    assert health.text == '6 of the last 10 images were refused, STEP'


def test_ten_good_images_make_it_well_again():
    camera = watch()
    for _ in range(10):
        camera.arrived(100.0, 'STEP')
    for _ in range(10):
        camera.arrived(100.1)
    assert camera.health(100.2, never).level == OK


def test_one_lost_image_is_a_warning_and_six_of_ten_are_an_error_with_the_cure():
    camera = watch()
    for number in range(9):
        camera.arrived(100 + number / 100)
    camera.lost(1, 'cure it')
    assert camera.health(100.1, never).level == WARN
    camera.lost(5, 'cure it')
    health = camera.health(100.1, never)
    assert health.level == ERROR
    assert health.text == '6 of the last 10 images were lost on the way; cure it'


def test_silence_of_a_camera_whose_images_get_lost_is_explained_by_that():
    camera = watch()
    camera.lost(10_000, 'cure it')
    health = camera.health(101.1, never)
    assert health.level == ERROR
    assert health.text.endswith('10000 were lost on the way; cure it')
    camera.arrived(102.0)
    assert camera.health(103.1, explain).text.endswith('because')


def test_what_was_missed_most_is_told():
    camera = watch()
    for _ in range(7):
        camera.arrived(100.0, 'STEP')
    camera.lost(2, 'cure it')
    assert camera.health(100.1, never).text == '7 of the last 9 images were refused, STEP'


def test_images_that_turn_out_bad_count_as_refused():
    camera = watch()
    camera.turned_out_bad('DECODE')  # the model was faster than the news of its arrival
    for number in range(10):
        camera.arrived(100 + number / 100, 'STEP' if number == 9 else '')
    for _ in range(5):
        camera.turned_out_bad('DECODE')
    health = camera.health(100.2, never)
    assert health == Health(ERROR, '6 of the last 10 images were refused, STEP')
