"""Parameters: every one that cannot be used is refused by name."""

from pathlib import Path

import pytest
import rclpy
import yaml
from rclpy.lifecycle import LifecycleNode
from rclpy.parameter import Parameter

from ros2_rose.parameter_server import ParameterServer
from ros2_rose.parameters import (
    LIVE,
    CameraParameters,
    ParameterError,
    RoseParameters,
    parameters_from,
)

CONFIG = Path(__file__).parents[2] / 'config' / 'rose.yaml'


def flattened(tree, prefix=''):
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from flattened(value, f'{prefix}{name}.')
        else:
            yield prefix + name, value


def every_name():
    yield from sorted(set(RoseParameters.model_fields) - {'cameras'})
    yield from (f'cameras.camera.{name}' for name in CameraParameters.model_fields)


def test_nothing_given_means_the_defaults():
    parameters = parameters_from({})
    assert parameters.model == 'nano'
    assert parameters.cameras == {'camera': CameraParameters()}


def test_the_file_holds_every_parameter_with_its_default():
    values = dict(flattened(yaml.safe_load(CONFIG.read_text())['/**']['ros__parameters']))
    assert parameters_from(values) == parameters_from({})
    assert set(values) == set(every_name())


def test_several_cameras_have_topics_of_their_own():
    values = {'camera_names': ('front', 'left'), 'cameras.left.transport': 'compressed'}
    cameras = parameters_from(values).cameras
    assert list(cameras) == ['front', 'left']
    assert [camera.topic for camera in cameras.values()] == ['front/image_raw', 'left/image_raw']
    assert cameras['left'].transport == 'compressed'


def test_whole_numbers_may_stand_for_floats():
    assert parameters_from({'refine_timeout_s': 5}).refine_timeout_s == 5.0


@pytest.mark.parametrize(
    ('name', 'value'),
    [
        ('model', ''),
        ('model', 3),
        ('device', 'gpu'),
        ('device', 'cuda:'),
        ('precision', 'int8'),
        ('quantise', 'fp8'),
        ('sam_backend', 'onnx'),
        ('num_threads', -1),
        ('num_threads', 10**9),
        ('num_threads', True),
        ('instruction', 'x' * 1025),
        ('instruction', '  '),
        ('instruction', 'red\x1b[0m'),
        ('instruction', 'line\nbreak'),
        ('candidates', 'car'),
        ('candidates', [1]),
        ('candidates', ['']),
        ('candidates', ['x' * 65]),
        ('candidates', ['car', 'tab\tbed']),
        ('candidates', ['car', 'car']),
        ('candidates', [str(number) for number in range(257)]),
        ('self_refine', 1),
        ('min_objectness', float('nan')),
        ('min_objectness', -0.1),
        ('min_objectness', 1.1),
        ('max_segments', 2.5),
        ('max_segments', -1),
        ('camera_names', []),
        ('camera_names', ['a', 'a']),
        ('camera_names', ['a b']),
        ('camera_names', 'front'),
        ('cameras.camera.topic', ''),
        ('cameras.camera.transport', 'h264'),
        ('cameras.camera.reliability', 'Reliable'),
        ('cameras.camera.priority', 0),
        ('cameras.camera.priority', 11),
        ('cameras.camera.priority', 1.5),
        ('cameras.camera.warn_rate_hz', -1.0),
        ('cameras.camera.error_rate_hz', float('nan')),
        ('cameras.camera.regions', [0.0, 0.0, 1.0]),
        ('cameras.camera.regions', [0.5, 0.0, 0.6, 1.0]),
        ('cameras.camera.regions', [0.0, 0.0, 0.1, 0.1] * 17),
        ('cameras.camera.regions', ['left']),
        ('deadline_s', -0.1),
        ('deadline_s', float('inf')),
        ('input_timeout_s', 0.0),
        ('input_timeout_s', float('inf')),
        ('max_age_s', -0.1),
        ('max_age_s', '2'),
        ('max_pixels', 0),
        ('max_pixels', 2**30),
        ('history_length', 0),
        ('refine_timeout_s', 0.0),
        ('refine_timeout_s', float('inf')),
        ('autostart', 'yes'),
        ('diagnostics_period_s', -1.0),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_by_name(name, value):
    with pytest.raises(ParameterError, match=name.replace('.', r'\.')):
        parameters_from({name: value})


@pytest.mark.parametrize(
    ('name', 'hint'),
    [
        ('modle', 'did you mean model'),
        ('cameras.camera.topics', 'did you mean topic'),
        ('cameras.rear.topic', 'camera_names are'),
        ('xyzzy', 'known: model'),
    ],
)
def test_an_unknown_name_is_refused_with_a_hint(name, hint):
    with pytest.raises(ParameterError, match=hint):
        parameters_from({name: 'x'})


@pytest.mark.parametrize('name', list(every_name()))
def test_no_parameter_takes_a_value_of_another_type(name):
    with pytest.raises(ParameterError, match=name.replace('.', r'\.')):
        parameters_from({name: [b'no type of any parameter']})


def test_two_cameras_on_one_topic_are_refused():
    values = {
        'camera_names': ['a', 'b'],
        'cameras.a.topic': 'image',
        'cameras.b.topic': 'image',
    }
    with pytest.raises(ParameterError, match=r'cameras\.b\.topic and cameras\.a\.topic'):
        parameters_from(values)


# --- as ROS parameters --------------------------------------------------------------------------


class User:
    """Somebody who works with the parameters, and cannot read the word 'abracadabra'."""

    def __init__(self):
        self.changes = []

    def check(self, parameters):
        if 'abracadabra' in parameters.instruction:
            raise ParameterError('instruction: it cannot be read.')

    def change(self, parameters):
        self.changes.append(parameters)


@pytest.fixture
def make_server():
    rclpy.init()
    nodes = []

    def make(configured=lambda: None, **overrides):
        node = LifecycleNode(
            'parameters_under_test',
            parameter_overrides=[
                Parameter(name.replace('__', '.'), value=value)
                for name, value in overrides.items()
            ],
        )
        nodes.append(node)
        return node, ParameterServer(node, configured)

    yield make
    for node in nodes:
        node.destroy_node()
    rclpy.shutdown()


def test_every_parameter_is_declared_with_a_description_and_its_range(make_server):
    node, server = make_server()
    for name in server.read().model_fields_set - {'cameras'}:
        assert node.describe_parameter(name).description
    assert node.describe_parameter('cameras.camera.topic').description
    descriptor = node.describe_parameter('min_objectness')
    assert descriptor.floating_point_range[0].to_value == 1.0
    assert node.describe_parameter('history_length').integer_range[0].from_value == 1


def test_values_given_to_the_process_are_read(make_server):
    _, server = make_server(model='here', camera_names=['rear'], cameras__rear__topic='back')
    parameters = server.read()
    assert parameters.model == 'here'
    assert parameters.cameras['rear'].topic == 'back'


def test_an_unknown_name_given_to_the_process_is_refused(make_server):
    with pytest.raises(ParameterError, match='did you mean num_threads'):
        make_server(num_thread=2)


def test_names_of_rclpy_are_left_to_it(make_server):
    name = 'qos_overrides./parameters_under_test/segments.publisher.depth'
    node, server = make_server(use_sim_time=True, **{name: 3})
    assert server.read().model == 'nano'
    assert node.get_parameter('use_sim_time').value is True


def test_changes_are_checked_as_a_whole_and_refused_with_the_reason(make_server):
    node, server = make_server()
    [result] = node.set_parameters([Parameter('device', value='gpu')])
    assert not result.successful
    assert 'device' in result.reason
    assert server.read().device == 'auto'
    [result] = node.set_parameters([Parameter('device', value='cpu')])
    assert result.successful
    assert server.read().device == 'cpu'


def test_a_value_of_another_type_leaves_every_parameter_as_it_was(make_server):
    node, server = make_server()
    before = server.read()
    for name in every_name():
        [result] = node.set_parameters([Parameter(name, value=[b'1'])])
        assert not result.successful, name
        assert result.reason, name
    assert server.read() == before


def test_other_cameras_can_be_named_later(make_server):
    node, server = make_server()
    [result] = node.set_parameters([Parameter('camera_names', value=['front', 'left'])])
    assert result.successful, result.reason
    assert list(server.read().cameras) == ['front', 'left']
    assert node.get_parameter('cameras.left.topic').value == 'left/image_raw'


def test_locked_parameters_say_when_they_are_read(make_server):
    node, _ = make_server(User)
    [result] = node.set_parameters([Parameter('device', value='cpu')])
    assert not result.successful
    assert 'device is read when the node is configured' in result.reason
    [result] = node.set_parameters([Parameter('use_sim_time', value=True)])
    assert result.successful


@pytest.mark.parametrize(
    ('name', 'value', 'other'),
    [
        ('instruction', 'find cars', ''),
        ('candidates', ['car', 'road'], []),
        ('self_refine', True, False),
    ],
)
def test_live_parameters_change_at_any_time_and_back(make_server, name, value, other):
    user = User()
    node, server = make_server(lambda: user)
    for wanted in (value, other):
        [result] = node.set_parameters([Parameter(name, value=wanted)])
        assert result.successful, result.reason
        assert getattr(server.read(), name) == wanted
    assert [getattr(change, name) for change in user.changes] == [value, other]
    assert name in LIVE


def test_the_tools_of_ros_send_an_empty_list_as_one_of_truth_values(make_server):
    user = User()
    node, _ = make_server(lambda: user, candidates=['car'])
    sent = Parameter('candidates', Parameter.Type.BOOL_ARRAY, [])
    [result] = node.set_parameters([sent])
    assert result.successful, result.reason
    assert [change.candidates for change in user.changes] == [[]]


def test_a_change_that_is_refused_changes_nothing(make_server):
    user = User()
    node, server = make_server(lambda: user)
    refused = [
        node.set_parameters_atomically(changes)
        for changes in (
            [Parameter('instruction', value='abracadabra')],
            [Parameter('candidates', value=['a', 'a'])],
            [Parameter('self_refine', value=True), Parameter('device', value='cpu')],
        )
    ]
    assert not any(result.successful for result in refused)
    assert 'cannot be read' in refused[0].reason
    assert 'twice' in refused[1].reason
    assert 'device is read when the node is configured' in refused[2].reason
    assert server.read() == parameters_from({})
    assert user.changes == []


def test_an_empty_list_in_a_file_is_an_empty_list(tmp_path):
    """rclpy reads it as a parameter without a value, and refuses to declare that by itself."""
    file = tmp_path / 'rose.yaml'
    file.write_text('/**:\n  ros__parameters:\n    candidates: []\n    self_refine: true\n')
    rclpy.init(args=['test', '--ros-args', '--params-file', str(file)])
    node = LifecycleNode('parameters_under_test')
    parameters = ParameterServer(node, lambda: None).read()
    node.destroy_node()
    rclpy.shutdown()
    assert parameters.candidates == []
    assert parameters.self_refine
