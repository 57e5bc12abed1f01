"""Why no image comes, in one sentence with the cure."""

from ros2_rose.silence import Demand, Offer, explain_loss, explain_silence, mismatches

IMAGE, COMPRESSED = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'
WANTED = Demand('/image_raw', IMAGE, is_reliable=True)


def test_a_publisher_that_fits_is_no_mismatch():
    assert mismatches(WANTED, [Offer('/camera', IMAGE, is_reliable=True)]) == []
    easy = Demand('/image_raw', IMAGE, is_reliable=False)
    assert mismatches(easy, [Offer('/camera', IMAGE, is_reliable=True)]) == []


def test_best_effort_cannot_be_heard_reliably():
    [told] = mismatches(WANTED, [Offer('/camera', IMAGE, is_reliable=False)])
    assert '/camera' in told
    assert 'incompatible QoS: RELIABILITY' in told
    assert 'auto' in told


def test_another_type_is_named_with_ours():
    [told] = mismatches(WANTED, [Offer('/camera', COMPRESSED, is_reliable=True)])
    assert COMPRESSED in told
    assert IMAGE in told


def test_without_publishers_the_nearest_name_comes_first():
    topics = {'/lidar_view': IMAGE, '/camera/image_raw': IMAGE}
    told = explain_silence(WANTED, [], topics)
    assert 'nobody publishes /image_raw' in told
    assert f'/camera/image_raw ({IMAGE})' in told
    assert '/lidar_view' not in told


def test_without_a_near_name_all_are_told_up_to_five():
    topics = {f'/x{number}': IMAGE for number in range(9)}
    told = explain_silence(WANTED, [], topics)
    assert told.count(IMAGE) == 5


def test_nothing_at_all_is_said_so():
    assert explain_silence(WANTED, [], {}) == 'nobody publishes /image_raw, nor any other image'


def test_a_publisher_that_fits_but_is_silent_is_named():
    told = explain_silence(WANTED, [Offer('/camera', IMAGE, is_reliable=True)], {})
    assert told == '/camera could be heard on /image_raw, but sends nothing'


def test_the_cure_of_loss_depends_on_the_reliability():
    assert 'large_images:=true' in explain_loss(is_reliable=False)
    assert 'large_images' not in explain_loss(is_reliable=True)
