"""The command ``rose bag``: what it prints and how it ends."""

import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from ros2_rose.offline import __main__ as command
from ros2_rose.segmenting import load_segmenter
from rose_model.cli.main import app

ROOT = Path(__file__).parents[3]


@pytest.fixture
def run(stub, monkeypatch, capfd):
    """Run the command in this process with the stub: its exit code and what it printed."""
    monkeypatch.setattr(command, 'load_segmenter', stub())
    monkeypatch.setenv('COLUMNS', '200')
    before = signal.getsignal(signal.SIGTERM)

    def call(*arguments):
        monkeypatch.setattr(sys, 'argv', ['rose bag', *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            command.main()
        return end.value.code or 0, ''.join(capfd.readouterr())

    yield call
    signal.signal(signal.SIGTERM, before)


def test_the_report_counts_images_and_segments(drive, run, tmp_path):
    code, output = run(drive.path, tmp_path / 'out')
    assert code == 0
    row = next(line for line in output.splitlines() if '/front/image_raw' in line)
    assert row.replace('│', '').split() == [
        'out',
        'front',
        '/front/image_raw',
        '6',
        '6',
        '14',
        '-',
    ]


def test_a_damaged_image_is_reported_and_the_command_succeeds(make_bag, run, tmp_path):
    bag = make_bag()
    bag.add('/front/image_raw', 'sensor_msgs/msg/Image', 10**9, b'noise')
    code, output = run(bag.write(), tmp_path / 'out')
    assert code == 0
    assert 'MESSAGE 1' in output


def test_a_terminal_shows_how_far_it_is(drive, run, tmp_path, monkeypatch):
    monkeypatch.setenv('FORCE_COLOR', '1')
    _, output = run(drive.path, tmp_path / 'out')
    assert '6/6' in output
    assert '\x1b[2K' in output, 'a line that is drawn again'


@pytest.mark.parametrize(
    ('arguments', 'code', 'words'),
    [
        (['absent', 'out'], 3, 'absent does not exist'),
        (['drive', 'drive'], 2, 'name another folder'),
        (['drive', 'out', '--topic', '/nothing'], 3, 'no images on /nothing'),
        (['drive', 'out', '--candidates', 'car,car'], 2, 'there twice'),
        (['drive', 'out', '--device', 'abacus'], 2, 'device'),
        (['drive', 'out', '--ontology', 'absent.yaml'], 2, 'cannot read'),
        (['drive', 'drive', 'out'], 2, "called 'drive'"),
    ],
)
def test_an_error_is_one_line_and_an_exit_code(
    drive, run, tmp_path, monkeypatch, arguments, code, words
):
    monkeypatch.chdir(tmp_path)
    ended, output = run(*arguments)
    assert (ended, words in output) == (code, True), output
    assert 'Traceback' not in output
    assert len([line for line in output.splitlines() if line.startswith('rose: ')]) == 1


@pytest.mark.parametrize(
    ('number', 'code', 'word'),
    [(signal.SIGINT, 130, 'interrupted'), (signal.SIGTERM, 143, 'terminated')],
)
def test_a_signal_ends_the_command_with_its_code_and_it_goes_on_later(
    drive, run, stub, tmp_path, monkeypatch, number, code, word
):
    class Signalled:
        name = 'stub@0'

        def segment(self, image, instruction=None, *, candidates=(), deadline_s=None):
            os.kill(os.getpid(), number)
            raise AssertionError('the signal has come before')

    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        monkeypatch.setattr(command, 'load_segmenter', lambda parameters: Signalled())
        ended, output = run(drive.path, tmp_path / 'out')
    finally:
        signal.signal(signal.SIGINT, handler)
    assert (ended, word in output) == (code, True), output
    monkeypatch.setattr(command, 'load_segmenter', stub())
    assert run(drive.path, tmp_path / 'out')[0] == 0


@pytest.mark.parametrize('package', ['ros2_rose', 'rosbags'])
def test_a_missing_package_is_named_with_its_cure(monkeypatch, package):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, 'find_spec', lambda name: None if name == package else find(name)
    )
    result = CliRunner().invoke(app, ['bag', 'in', 'out'])
    assert result.exit_code == 2
    assert f'needs the package {package}' in result.output


@pytest.mark.timeout(300)  # another process loads the libraries
def test_nothing_of_ros_is_loaded():
    code = (
        'import sys, ros2_rose.offline.__main__ as command\n'
        'from ros2_rose.offline.message_types import typestore\n'
        'typestore()\n'
        "tops = {name.split('.')[0] for name in sys.modules}\n"
        "ours = {name for name in sys.modules if name in ('ros2_rose.msg', 'ros2_rose.srv')}\n"
        "print(ours | {t for t in tops if t.startswith(('rclpy', 'rpyutils')) or "
        "t.endswith('_msgs')})"
    )
    done = subprocess.run(
        [sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == 'set()'


@pytest.mark.timeout(300)  # another process loads the libraries
def test_the_shipped_model_gives_the_same_bytes_in_two_processes(
    make_bag, street, process, tree, tmp_path
):
    bag = make_bag()
    for number in range(3):
        bag.add_image(10**10 + number, street)
    bag.write()
    (tmp_path / 'first').mkdir()
    arguments = [bag.path, tmp_path / 'first' / 'drive', '--candidates', 'car, road, sky']
    done = subprocess.run(
        [sys.executable, '-m', 'rose_model', 'bag', *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert 'nano@' in done.stdout
    assert '3/3' in done.stderr
    threads = torch.get_num_threads()
    try:
        options = {'load': load_segmenter, 'candidates': ('car', 'road', 'sky')}
        report = process(bag.path, tmp_path / 'second' / 'drive', **options)
    finally:
        torch.set_num_threads(threads)
    assert report.cameras[0].segments > 0
    assert tree(tmp_path / 'first') == tree(tmp_path / 'second')
