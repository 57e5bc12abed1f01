"""The command `rose`, on a model with random weights: what it writes, and how it ends."""

import json
import subprocess
import sys

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from ros2_rose.masks import decode_runs, encode_runs
from rose_model.checkpoint import save_pretrained
from rose_model.cli.doctor import State, library_checks, ros_checks
from rose_model.cli.main import app
from rose_model.cli.segment import RoseSegmenter
from rose_model.errors import RoseError
from rose_model.presets import nano
from rose_model.rose import build_rose
from rose_model.segment_record import run_lengths
from rose_model.tokenizer import RoseTokenizer

SIZE = (60, 80)


@pytest.fixture(scope='module')
def model(tmp_path_factory):
    """A ROSE folder of random weights that keeps its three best patches, however bad."""
    config = nano()
    patch_filter = config.patch_filter.model_copy(
        update={'min_objectness': 0.0, 'max_segments': 3}
    )
    postprocess = config.postprocess.model_copy(update={'min_area': 0.0})
    config = config.model_copy(update={'patch_filter': patch_filter, 'postprocess': postprocess})
    folder = tmp_path_factory.mktemp('random_nano')
    tokenizer = RoseTokenizer.train(['red car', 'road', 'sky'], 300)
    save_pretrained(folder, build_rose(config), tokenizer)
    return folder


@pytest.fixture
def picture(tmp_path):
    rgb = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), np.uint8)
    cv2.imwrite(str(tmp_path / 'street.png'), rgb)
    return tmp_path / 'street.png'


def run(*arguments):
    texts = [str(argument) for argument in arguments]
    return CliRunner().invoke(app, texts, env={'COLUMNS': '400'})  # tables without line breaks


def test_segment_writes_a_picture_and_masks_that_can_be_read(model, picture, tmp_path):
    result = run('segment', picture, '--model', model, '--out', tmp_path / 'new' / 'folder')
    assert result.exit_code == 0, result.output
    overlay = cv2.imread(str(tmp_path / 'new' / 'folder' / 'street_segments.png'))
    assert overlay.shape == (*SIZE, 3)
    record = json.loads((tmp_path / 'new' / 'folder' / 'street_segments.json').read_text())
    assert (record['height'], record['width']) == SIZE
    assert record['segments']
    for segment in record['segments']:
        x1, y1, x2, y2 = segment['box_xyxy']
        mask = decode_runs(segment['counts'], y2 - y1, x2 - x1)
        assert np.count_nonzero(mask) == segment['area']
        assert segment['id'] in result.output


def test_the_same_picture_gives_the_same_record(model, picture, tmp_path):
    records = []
    for name in ('a', 'b'):
        run('segment', picture, '--model', model, '--out', tmp_path / name)
        records.append((tmp_path / name / 'street_segments.json').read_text())
    assert records[0] == records[1]


def test_refine_writes_before_and_after(model, picture, tmp_path):
    run('segment', picture, '--model', model, '--out', tmp_path)
    record = json.loads((tmp_path / 'street_segments.json').read_text())
    segment_id = record['segments'][0]['id']
    result = run(
        'refine', picture, 'This is a red car.', '--segment', segment_id, '--target', 'label',
        '--model', model, '--out', tmp_path,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert (tmp_path / 'street_before.png').is_file()
    assert (tmp_path / 'street_after.png').is_file()
    refined = json.loads((tmp_path / 'street_refined.json').read_text())
    changed = next(item for item in refined['segments'] if item['id'] == segment_id)
    assert (changed['category'], changed['revision']) == ('red car', 1)


@pytest.mark.parametrize(
    ('arguments', 'code', 'message'),
    [
        (['segment', 'absent.png'], 3, 'absent.png is not a file'),
        (['segment', 'text.png'], 3, 'text.png is not a picture'),
        (['segment', 'street.png', '--model', 'absent'], 4, 'absent'),
        (['refine', 'street.png', ' '], 2, 'empty'),
        (['refine', 'street.png', 'It is a dog.', '--segment', 'nobody'], 2, 'nobody'),
        (['refine', 'street.png', '--click', '1;2'], 2, 'is no place'),
    ],
)
def test_an_error_is_one_line_and_an_exit_code(
    model, picture, tmp_path, monkeypatch, arguments, code, message
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'text.png').write_text('hello')
    if '--model' not in arguments:
        arguments = [*arguments, '--model', model]
    result = run(*arguments)
    assert result.exit_code == code
    assert len(result.stderr.splitlines()) == 1
    assert message in result.stderr


def test_an_output_folder_that_cannot_be_written_is_named(model, picture, tmp_path):
    (tmp_path / 'file').write_text('')
    result = run('segment', picture, '--model', model, '--out', tmp_path / 'file')
    assert result.exit_code == 3
    assert 'cannot write' in result.stderr


def test_refine_deletes_and_renames_without_words(model, picture, tmp_path):
    def refined(*arguments):
        result = run('refine', picture, *arguments, '--model', model, '--out', tmp_path)
        assert result.exit_code == 0, result.output
        return json.loads((tmp_path / 'street_refined.json').read_text())['segments']

    named = refined('--segment', '1', '--label', 'street sweeper')
    assert next(item for item in named if item['id'] == '1')['category'] == 'street sweeper'
    assert '1' not in {item['id'] for item in refined('--segment', '1', '--remove')}


@pytest.mark.parametrize(
    'arguments', [['unknown'], ['segment'], ['refine', 'a', 'b', '--target', 'x']]
)
def test_wrong_usage_ends_with_2(arguments):
    assert run(*arguments).exit_code == 2


def test_debug_shows_the_error_itself():
    result = run('--debug', 'segment', 'absent.png')
    assert isinstance(result.exception, RoseError)


def test_ctrl_c_ends_with_130(model, picture, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(RoseSegmenter, 'segment', interrupt)
    result = run('segment', picture, '--model', model)
    assert result.exit_code == 130
    assert result.stderr == ''


@pytest.mark.parametrize('shape', [(1, 1), (1, 9), (7, 3)])
@pytest.mark.parametrize('share', [0.0, 0.5, 1.0])
def test_masks_have_the_same_runs_in_json_and_in_messages(shape, share):
    mask = np.random.default_rng(1).random(shape) < share
    assert run_lengths(mask) == encode_runs(mask).tolist()


def test_doctor_finds_the_libraries():
    assert all(check.state is State.OK for check in library_checks())


def test_doctor_hears_of_the_ros_side():
    pytest.importorskip('rclpy')
    checks = {check.name: check for check in ros_checks()}
    assert checks['DDS round trip'].state is State.OK, checks
    assert checks['messages'].state is State.OK


def test_doctor_works_without_ros(tmp_path):
    """A plain Python environment has no ROS; a hidden package must be a note, not a fault."""
    code = (
        'import importlib.util as util\n'
        'real = util.find_spec\n'
        "util.find_spec = lambda name, *rest: None if name == 'ros2_rose' else real(name, *rest)\n"
        'from rose_model.cli.doctor import ros_checks\n'
        'print([check.state.value for check in ros_checks()])'
    )
    process = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert process.stdout.strip() == "['note']", process.stderr


def test_what_is_wrong_is_told_with_a_cure_and_exit_code_1(monkeypatch):
    monkeypatch.setattr('rose_model.cli.doctor._LIBRARIES', ('no-such-library',))
    monkeypatch.setattr('rose_model.cli.doctor.ros_checks', list)
    result = run('doctor')
    assert result.exit_code == 1
    assert 'no-such-library' in result.output
    assert 'make setup' in result.output
