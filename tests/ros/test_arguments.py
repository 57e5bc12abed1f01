"""Arguments of the process: each that cannot be used is said in one line."""

import pytest
import rclpy

from ros2_rose.arguments import ArgumentError, init_ros
from ros2_rose.rose_node import run


@pytest.fixture(autouse=True)
def ros_ends():
    yield
    rclpy.try_shutdown()


def test_arguments_of_ros_are_taken():
    init_ros(['rose_node', '--ros-args', '-p', 'model:=nano', '--log-level', 'warn', '--'])
    assert rclpy.ok()


def test_without_a_folder_for_logs_they_go_to_the_console(monkeypatch, capfd, tmp_path):
    file = tmp_path / 'file'
    file.touch()
    monkeypatch.setenv('ROS_LOG_DIR', str(file / 'log'))
    init_ros(['rose_node', '--ros-args', '-p', 'model:=nano'])
    rclpy.create_node('speaker').get_logger().error('Still here.')
    output = capfd.readouterr().err
    assert f'no file can be written in {file / "log"}: Not a directory' in output
    assert 'Still here.' in output


def test_a_folder_for_logs_is_used_without_a_word(monkeypatch, capfd, tmp_path):
    monkeypatch.setenv('ROS_LOG_DIR', str(tmp_path / 'log'))
    init_ros(['rose_node'])
    assert 'console only' not in capfd.readouterr().err
    assert len(list((tmp_path / 'log').iterdir())) == 1


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        (['--ros-args', '--params-file', '/no/such.yaml'], '/no/such.yaml'),
        (['--params-file', 'rose.yaml'], 'behind --ros-args'),
        (['--ros-args', '--parameters', 'rose.yaml'], '--parameters'),
        (['--ros-args', '-p', 'model'], 'model'),
    ],
)
def test_an_argument_that_cannot_be_used_is_named_in_one_line(arguments, words):
    with pytest.raises(ArgumentError) as caught:
        init_ros(['rose_node', *arguments])
    text = str(caught.value)
    assert words in text
    assert '\n' not in text
    assert '.c:' not in text


def test_the_node_ends_with_code_2_and_the_reason(capfd):
    assert run(['rose_node', '--ros-args', '--params-file', '/no/such.yaml']) == 2
    output = capfd.readouterr().err
    assert '/no/such.yaml' in output
    assert 'Traceback' not in output
