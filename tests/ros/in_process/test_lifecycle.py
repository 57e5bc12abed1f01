"""Every transition from every state, what makes one fail, and what is left after many of them."""

import os
import shutil
import threading
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.msg import Log
from rclpy.context import Context
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy

import rose_model
from ros2_rose import rose_node
from ros2_rose.image_writer import write_image
from ros2_rose.rose_node import RoseNode

WAIT_S = 30.0
NANO = Path(rose_model.__file__).parent / 'weights' / 'nano'

# From each state: the way to it, and where its legal transitions lead.
WAYS = {'unconfigured': (), 'inactive': (1,), 'active': (1, 3), 'finalized': (5,)}
LEGAL = {
    'unconfigured': {1: 'inactive', 5: 'finalized'},
    'inactive': {2: 'unconfigured', 3: 'active', 6: 'finalized'},
    'active': {4: 'inactive', 7: 'finalized'},
    'finalized': {},
}
# All that a client may ask for, some that ROS keeps for itself, and some that do not exist.
NUMBERS = [*range(9), 10, 20, 30, 40, 50, 60, 61, 62, 97, 98, 99, 255]


@pytest.fixture(scope='module')
def log(ros):
    # As the node offers it: also what it said before the test's side knew of it.
    return ros.collect(Log, '/rosout', DurabilityPolicy.TRANSIENT_LOCAL)


@pytest.fixture(autouse=True)
def fresh(ros):
    ros.forget()


def change(ros, number=0, label=''):
    request = ChangeState.Request(transition=Transition(id=number, label=label))
    return ros.call(ChangeState, '/rose/change_state', request).success


def state(ros):
    return ros.call(GetState, '/rose/get_state', GetState.Request()).current_state.label


@pytest.mark.parametrize('start', LEGAL)
def test_every_illegal_transition_is_refused_and_changes_nothing(ros, start_in_process, start):
    start_in_process(autostart=False)
    for number in WAYS[start]:
        assert change(ros, number)
    for number in NUMBERS:
        if number not in LEGAL[start]:
            assert not change(ros, number), number
            assert state(ros) == start, number
    assert not change(ros, label='fly')
    assert state(ros) == start


def test_the_executor_gives_no_memory_back_while_another_model_is_loaded(
    ros, start_in_process, monkeypatch
):
    """On a GPU it would disturb the graphs that are being recorded; loading does it itself."""
    given_back = []
    monkeypatch.setattr(rose_node, 'give_memory_back', lambda: given_back.append(True))
    node = start_in_process()
    ros.wait_until_ready()
    node.segmenter.gate.clear()
    ros.send(write_image(np.zeros((6, 8, 3), np.uint8), 'rgb8', ros.header()))
    ros.wait_for(node.segmenter.began.is_set, 'a frame in work')
    assert all(change(ros, number) for number in (4, 2, 1))
    ros.wait_for(lambda: ros.status['model'][0].startswith('waiting for the model'), 'the reason')
    node.segmenter.gate.set()
    ros.wait_until_ready()
    assert given_back == []
    assert change(ros, 2)
    ros.wait_for(lambda: given_back, 'the memory')


@pytest.mark.parametrize(
    ('start', 'number', 'end'),
    [(start, number, end) for start in LEGAL for number, end in LEGAL[start].items()],
)
def test_every_legal_transition_leads_where_it_should(ros, start_in_process, start, number, end):
    start_in_process(autostart=False)
    for step in WAYS[start]:
        assert change(ros, step)
    assert state(ros) == start
    assert change(ros, number)
    assert state(ros) == end


def test_transitions_are_known_by_their_labels_too(ros, start_in_process):
    start_in_process(autostart=False)
    for label, end in (
        ('configure', 'inactive'),
        ('activate', 'active'),
        ('deactivate', 'inactive'),
        ('cleanup', 'unconfigured'),
        ('shutdown', 'finalized'),
    ):
        assert change(ros, label=label), label
        assert state(ros) == end


def cut_weights(folder):
    with (folder / 'model.safetensors').open('r+b') as weights:
        weights.truncate(100_000)


def no_weights(folder):
    (folder / 'model.safetensors').unlink()


def no_tokenizer(folder):
    (folder / 'tokenizer.json').write_text('{')


@pytest.mark.parametrize(
    ('damage', 'reason'),
    [
        (cut_weights, 'model.safetensors'),
        (no_weights, 'model.safetensors'),
        (no_tokenizer, 'tokenizer.json'),
        (shutil.rmtree, 'no_such_or_damaged'),
    ],
)
def test_a_model_that_cannot_be_used_fails_configure_with_the_reason_until_it_can(
    ros, start_in_process, log, tmp_path, damage, reason
):
    folder = tmp_path / 'no_such_or_damaged'
    shutil.copytree(NANO, folder)
    damage(folder)
    start_in_process(autostart=False, model=str(folder))
    log.clear()
    assert not change(ros, 1)
    assert state(ros) == 'unconfigured'
    ros.wait_for(lambda: any(reason in line.msg for line in log), 'the reason')
    assert '\n' not in next(line.msg for line in log if reason in line.msg)
    shutil.copytree(NANO, folder, dirs_exist_ok=True)
    assert change(ros, 1)
    assert state(ros) == 'inactive'


@pytest.mark.parametrize(
    ('name', 'value', 'good', 'reason'),
    [
        ('ontology', '/no/such.yaml', '', '/no/such.yaml'),
        ('sam_backend', 'onnxruntime', 'torch', 'name that folder (sam_export)'),
        ('instruction', 'a b c d ' * 60, '', 'tokens of the model'),
        ('device', 'cuda:99', 'cpu', "'cuda:99' is not available here"),
        ('precision', 'fp16', 'fp32', 'use bf16 or fp32 on a CPU'),
        ('quantise', 'int4', 'none', 'int4 computes in bf16'),
        ('cameras.camera.topic', 'no topic!', 'image', "'no topic!' cannot be used"),
    ],
)
def test_a_parameter_that_cannot_be_used_fails_configure_with_the_reason_until_it_is_set(
    ros, start_in_process, log, name, value, good, reason
):
    start_in_process(autostart=False, **{name: value})
    log.clear()
    assert not change(ros, 1)
    assert state(ros) == 'unconfigured'
    ros.wait_for(lambda: any(reason in line.msg for line in log), 'the reason')
    assert ros.set_parameter(name, good).successful
    assert change(ros, 1)
    assert state(ros) == 'inactive'


def test_two_names_of_one_topic_fail_configure(ros, start_in_process, log):
    topics = {'cameras.a.topic': 'image', 'cameras.b.topic': '/image'}
    start_in_process(autostart=False, camera_names=['a', 'b'], **topics)
    log.clear()
    assert not change(ros, 1)
    ros.wait_for(lambda: any('both are /image' in line.msg for line in log), 'the reason')


def test_an_override_that_cannot_be_used_fails_activate_with_the_reason(
    ros, start_in_process, log
):
    start_in_process(
        autostart=False, **{'qos_overrides./image_raw.subscription.history': 'forever'}
    )
    log.clear()
    assert change(ros, 1)
    assert not change(ros, 3)
    assert state(ros) == 'unconfigured'
    ros.wait_for(lambda: any('forever' in line.msg for line in log), 'the reason')


def test_without_a_gpu_auto_takes_the_cpu_and_says_so(ros, start_in_process, monkeypatch):
    monkeypatch.setattr('torch.cuda.is_available', lambda: False)
    start_in_process()
    ros.wait_until_ready()
    assert ros.status['model'][1]['device'] == 'cpu'


def test_a_model_that_fails_to_load_is_an_error_and_the_next_one_works(ros, start_in_process):
    failures = [RuntimeError('no memory')]

    def load(parameters):
        if failures:
            raise failures.pop()
        return node.segmenter

    node = start_in_process(autostart=False, load=load)
    assert change(ros, 1)
    ros.wait_for(lambda: 'no memory' in ros.status.get('model', ('',))[0], 'the reason')
    assert change(ros, 3)
    assert change(ros, 4)
    assert change(ros, 2)
    assert change(ros, 1)
    ros.wait_until_ready()


def test_many_lives_leave_neither_threads_nor_files_behind(ros, start_in_process):
    """For memory over 500 of them see docs/faults.md."""
    start_in_process(autostart=False)

    def live():
        for number in (1, 3, 4, 2):
            assert change(ros, number)

    def threads():
        return [each.name for each in threading.enumerate()].count('rose_model')

    for _ in range(3):
        live()
    files = len(os.listdir('/proc/self/fd'))
    for _ in range(20):
        live()
    ros.wait_for(lambda: threads() == 0, 'the end of the last worker')
    assert len(os.listdir('/proc/self/fd')) <= files


def test_a_finalized_node_sees_that_ros_has_ended_though_nothing_wakes_it(monkeypatch):
    """After a signal rclpy wakes the executor, and then ends ROS: an executor that had gone to
    sleep again in between slept for ever, as nothing else happens in a finalized node.
    """
    context = Context()
    context.init(initialize_logging=False)  # nobody would end it
    parameters = [Parameter('autostart', value=False)]
    node = RoseNode(context=context, parameter_overrides=parameters)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    node.start()
    node.trigger_shutdown()
    for _ in range(10):
        executor.spin_once(timeout_sec=0)  # until there is nothing left to do
    sleeps = threading.Event()

    class WaitSet(rclpy_implementation.WaitSet):
        def wait(self, timeout):
            sleeps.set()
            super().wait(timeout)

    def spin():
        with suppress(ExternalShutdownException):
            executor.spin()

    monkeypatch.setattr(rclpy_implementation, 'WaitSet', WaitSet)
    thread = threading.Thread(target=spin, daemon=True)
    thread.start()
    assert sleeps.wait(WAIT_S)
    context.handle.shutdown()  # without the callbacks of `Context.shutdown`, as after a signal
    thread.join(WAIT_S)
    assert not thread.is_alive()
    node.stop()
    node.destroy_node()
    node._state_machine = None  # as at the end of the program
