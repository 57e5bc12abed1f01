"""The life of the node: each transition means what ROS says, and a signal ends it in order."""

import signal

import pytest
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from sensor_msgs.msg import Image

from ros2_rose.conversions import to_nanoseconds
from ros2_rose.image_writer import write_image
from ros2_rose.srv import Refine

pytestmark = pytest.mark.timeout(400)  # processes load their libraries


def change(ros, transition):
    request = ChangeState.Request(transition=Transition(id=transition))
    return ros.call(ChangeState, '/rose/change_state', request).success


def state(ros):
    return ros.call(GetState, '/rose/get_state', GetState.Request()).current_state.label


def test_a_whole_life(ros, start_node, street, tmp_path):
    """One test, for each step starts from the state that the one before it left."""
    missing = tmp_path / 'no_such_model'
    node = start_node(autostart=False, model=missing, diagnostics_period_s=0.2)
    assert state(ros) == 'unconfigured'
    assert ros.refine('this is a bus').code == Refine.Response.NOT_ACTIVE

    # A model that is not there is a failure with its reason, and no more.
    assert not change(ros, Transition.TRANSITION_CONFIGURE)
    assert state(ros) == 'unconfigured'
    assert str(missing) in node.output

    # An illegal transition is refused; the node lives.
    assert not change(ros, Transition.TRANSITION_ACTIVATE)
    assert state(ros) == 'unconfigured'

    assert not ros.set_parameter('device', 'abacus').successful
    assert ros.set_parameter('model', 'nano').successful
    assert change(ros, Transition.TRANSITION_CONFIGURE)
    assert state(ros) == 'inactive'
    refused = ros.set_parameter('model', str(missing))
    assert not refused.successful
    assert 'model' in refused.reason
    ros.wait_until_ready()
    assert ros.refine('this is a bus').code == Refine.Response.NOT_ACTIVE

    assert change(ros, Transition.TRANSITION_ACTIVATE)
    assert state(ros) == 'active'
    first = ros.segment(street)

    # Deactivated: nobody listens to the camera, so nothing can be published.
    camera = ros.publisher(Image, '/image_raw')
    assert change(ros, Transition.TRANSITION_DEACTIVATE)
    ros.wait_for(lambda: not camera.get_subscription_count(), 'the end of the subscription')
    assert ros.refine('this is a bus', first.header).code == Refine.Response.NOT_ACTIVE

    # Activated again: the model is still there, and so is the history.
    assert change(ros, Transition.TRANSITION_ACTIVATE)
    ros.wait_for(camera.get_subscription_count, 'the new subscription')
    assert ros.segment(street).segments == first.segments
    assert ros.refine('', first.header).code == Refine.Response.TEXT_EMPTY
    answer = ros.refine('this is a bus', first.header, segment_id=first.segments[0].id)
    assert answer.success, answer.message

    # Cleaned up and configured anew: a new model, an empty history, the same result.
    assert change(ros, Transition.TRANSITION_DEACTIVATE)
    assert change(ros, Transition.TRANSITION_CLEANUP)
    assert state(ros) == 'unconfigured'
    ros.status.clear()
    assert change(ros, Transition.TRANSITION_CONFIGURE)
    assert change(ros, Transition.TRANSITION_ACTIVATE)
    ros.wait_until_ready()
    answer = ros.refine('this is a bus', first.header, segment_id=first.segments[0].id)
    assert answer.code == Refine.Response.NO_SUCH_FRAME
    ros.wait_for(camera.get_subscription_count, 'the new subscription')
    again = ros.segment(street)
    assert again.segments == first.segments
    assert again.frame_seq == 0
    stamps = [to_nanoseconds(message.header.stamp) for message in ros.segments]
    assert len(set(stamps)) == len(stamps) == 3

    assert change(ros, Transition.TRANSITION_ACTIVE_SHUTDOWN)
    assert state(ros) == 'finalized'
    assert node.stop() == 0


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_the_model_loads_ends_the_node_in_order(ros, start_node, number):
    ros.status.clear()
    node = start_node(diagnostics_period_s=0.2)
    ros.wait_for(lambda: 'model' in ros.status, 'the first report')
    node.send_signal(number)
    assert node.wait() == 0
    assert 'Traceback' not in node.output


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_an_idle_node_ends_it_in_order(ros, start_node, number):
    ros.status.clear()
    node = start_node(diagnostics_period_s=0.2)
    ros.wait_until_ready()
    node.send_signal(number)
    assert node.wait() == 0
    assert 'Traceback' not in node.output


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_amid_frames_and_corrections_ends_the_node_in_order(
    ros, start_node, street, number
):
    ros.status.clear()
    node = start_node(diagnostics_period_s=0.2)
    ros.wait_until_ready()
    first = ros.segment(street)
    client = ros.node.create_client(Refine, '/rose/refine')
    ros.wait_for(client.service_is_ready, 'the service')
    text = Refine.Request(text='include the whole of it', segment_id=first.segments[0].id)
    before = len(ros.segments)
    for _ in range(8):
        client.call_async(text)
        ros.send(write_image(street, 'rgb8', ros.header()))
    ros.wait_for(lambda: len(ros.segments) > before, 'a frame after the first')
    node.send_signal(number)
    assert node.wait() == 0
    assert 'Traceback' not in node.output
    ros.node.destroy_client(client)


def test_a_wrong_parameter_ends_the_process_with_one_line(start_node):
    node = start_node(min_objectnes=0.5)
    assert node.wait() == 2
    assert 'did you mean min_objectness' in node.output
    assert len(node.output.splitlines()) == 1
