"""Quality of service: reliable as long as everybody offers it."""

import pytest
from rclpy.qos import ReliabilityPolicy

from ros2_rose import qos

RELIABLE, BEST_EFFORT = ReliabilityPolicy.RELIABLE, ReliabilityPolicy.BEST_EFFORT


@pytest.mark.parametrize(
    ('setting', 'offers', 'chosen'),
    [
        ('auto', [], RELIABLE),
        ('auto', [True], RELIABLE),
        ('auto', [False], BEST_EFFORT),
        ('auto', [True, False], BEST_EFFORT),
        ('reliable', [False], RELIABLE),
        ('best_effort', [True], BEST_EFFORT),
    ],
)
def test_reliability_follows_the_setting_and_the_offers(setting, offers, chosen):
    assert qos.choose_reliability(setting, offers) == chosen


def test_images_queue_up_in_the_middleware_rather_than_vanish_uncounted():
    """With depth 1 a busy processor lost 2 of 101 images that no counter knew of."""
    assert qos.images(RELIABLE).depth == qos.IMAGE_QUEUE > 1


def test_every_profile_is_fresh_for_overrides_write_into_it():
    assert qos.segments() is not qos.segments()
    assert qos.pictures() is not qos.pictures()
