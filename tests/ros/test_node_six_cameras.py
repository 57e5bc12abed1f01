"""One node, one model, six cameras with different pictures: each gets its own answers."""

import cv2
import pytest
from sensor_msgs.msg import Image

from ros2_rose.image_writer import write_image

pytestmark = pytest.mark.timeout(400)  # a process loads its libraries

CAMERAS = ['front', 'left', 'right', 'rear', 'front_left', 'front_right']
ROUNDS = 2


@pytest.fixture(scope='module')
def pictures(test_data):
    """Six moments of a drive, some seconds apart."""
    paths = sorted((test_data / 'camvid' / 'val' / 'images').glob('*.jpg'))[:: 101 // 6][:6]
    return [cv2.imread(str(path))[..., ::-1] for path in paths]


@pytest.fixture(scope='module', autouse=True)
def node(ros, start_node, pictures):
    process = start_node(camera_names=f'[{", ".join(CAMERAS)}]', diagnostics_period_s=0.2)
    ros.wait_until_ready()
    return process


def send(ros, camera, picture):
    image = write_image(picture, 'rgb8', ros.header(f'{camera}_optical'))
    return ros.send(image, f'/{camera}/image_raw')


@pytest.fixture(scope='module')
def alone(ros, node, pictures):
    """What the node says of each picture while no other camera sends."""
    contents = [ros.content(ros.answer_to(send(ros, 'front', picture))) for picture in pictures]
    assert all(segments for _, _, segments in contents)
    assert all(contents.count(content) == 1 for content in contents)
    return contents


def test_each_camera_gets_the_answers_to_its_own_pictures(ros, pictures, alone):
    for camera in CAMERAS:
        ros.publisher(Image, f'/{camera}/image_raw')
    for round_ in range(ROUNDS):
        shown = {camera: (place + round_) % 6 for place, camera in enumerate(CAMERAS)}
        stamps = {camera: send(ros, camera, pictures[shown[camera]]) for camera in CAMERAS}
        for camera, stamp_ns in stamps.items():
            message = ros.answer_to(stamp_ns)
            assert message.camera == camera
            assert message.header.frame_id == f'{camera}_optical'
            assert ros.content(message) == alone[shown[camera]]


@pytest.mark.parametrize('camera', CAMERAS)
def test_every_frame_of_every_camera_is_processed_and_counted(ros, alone, camera):
    sent = ROUNDS + (len(alone) if camera == 'front' else 0)
    ros.wait_for(lambda: ros.count(camera, 'processed') == sent, 'the counts')
    assert ros.count(camera, 'received') == sent
