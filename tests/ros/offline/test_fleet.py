"""Many recordings, in turn and on Ray: one set of results."""

import importlib.util
import json
import os
import signal
import sys
from contextlib import suppress

import pytest

from ros2_rose.offline import __main__ as command
from ros2_rose.offline.fleet import make_jobs, run_in_turn, write_summary
from ros2_rose.offline.options import Options
from ros2_rose.offline.ray_fleet import run_on_ray
from rose_model.errors import ConfigError


@pytest.fixture
def fleet(make_drive, tmp_path):
    """The jobs for three recordings, one of them damaged, into a folder of that name."""
    sources = [make_drive(name, frames).path for name, frames in (('monday', 6), ('friday', 3))]
    noise = tmp_path / 'noise.mcap'
    noise.write_bytes(b'noise' * 99)
    return lambda name: make_jobs([*sources, noise], tmp_path / name / 'set', Options())


def finish(results, folder):
    folder.mkdir(parents=True, exist_ok=True)
    results = {result.job.source: result for result in results}
    write_summary(folder, results)
    return results


@pytest.fixture
def in_turn(fleet, stub, tmp_path, tree):
    """The set of results of one process."""
    finish(run_in_turn(fleet('in turn'), stub()), tmp_path / 'in turn' / 'set')
    return tree(tmp_path / 'in turn')


def test_each_recording_has_a_result_and_the_summary_speaks_of_all(in_turn):
    assert set(in_turn) == {
        'set/friday/friday.mcap',
        'set/friday/metadata.yaml',
        'set/monday/metadata.yaml',
        'set/monday/monday.mcap',
        'set/summary.json',
    }
    friday, monday, noise = json.loads(in_turn['set/summary.json'])
    assert (friday['recording'], friday['cameras'][0]['processed']) == ('friday', 3)
    assert (monday['recording'], monday['cameras'][0]['processed']) == ('monday', 6)
    assert (monday['model'], monday['error']) == ('stub@0', '')
    assert 'cannot be read as a bag' in noise['error']
    assert 'cameras' not in noise


def test_a_damaged_recording_is_told_with_its_exit_code_and_the_others_are_done(fleet, stub):
    results = list(run_in_turn(fleet('again'), stub()))
    assert [result.exit_code for result in results] == [0, 0, 3]


def test_the_model_is_loaded_once_for_all(fleet, stub):
    loads = []
    load = stub()
    list(run_in_turn(fleet('again'), lambda parameters: loads.append(1) or load(parameters)))
    assert loads == [1]


def test_two_recordings_of_one_name_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="called 'drive'"):
        make_jobs([tmp_path / 'drive.mcap', tmp_path / 'a' / 'drive'], tmp_path, Options())


def test_a_fleet_that_is_ended_goes_on_where_it_was(
    fleet, stub, in_a_child, in_turn, tree, tmp_path
):
    killed = stub(kill_at=7, marker=tmp_path / 'marker')
    ended = in_a_child(lambda: list(run_in_turn(fleet('killed'), killed)))
    assert ended == -signal.SIGKILL
    finish(run_in_turn(fleet('killed'), stub()), tmp_path / 'killed' / 'set')
    assert tree(tmp_path / 'killed') == in_turn


def test_without_ray_one_line_says_how_to_install_it(fleet, stub, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, 'find_spec', lambda name: None if name == 'ray' else find(name)
    )
    with pytest.raises(ConfigError, match=r'pip install .rose_model\[ray\]'):
        list(run_on_ray(fleet('ray'), stub()))


@pytest.mark.slow
@pytest.mark.timeout(300)  # each worker loads the libraries
def test_a_killed_worker_of_ray_changes_nothing(fleet, stub, in_turn, tree, tmp_path):
    pytest.importorskip('ray')
    killed = stub(kill_at=2, marker=tmp_path / 'marker')
    jobs = fleet('ray')
    results = finish(run_on_ray(jobs, killed, workers=2), tmp_path / 'ray' / 'set')
    assert (tmp_path / 'marker').exists(), 'no worker was killed'
    assert {result.job.name: result.exit_code for result in results.values()} == {
        'monday': 0,
        'friday': 0,
        'noise': 3,
    }
    assert tree(tmp_path / 'ray') == in_turn


@pytest.mark.slow
@pytest.mark.timeout(300)  # each worker loads the libraries
def test_sigterm_ends_a_fleet_on_ray_with_its_code_and_it_goes_on_later(
    make_drive, stub, tmp_path, monkeypatch, capfd
):
    """Ray answers SIGTERM by a core dump of its own, unless it is taken from it."""
    pytest.importorskip('ray')
    driver, marker = os.getpid(), tmp_path / 'marker'
    load = stub()

    def load_terminating(parameters):
        with suppress(FileExistsError):  # the other worker has sent it
            marker.touch(exist_ok=False)
            os.kill(driver, signal.SIGTERM)
        return load(parameters)

    sources = [make_drive(name).path for name in ('monday', 'friday')]
    before = signal.getsignal(signal.SIGTERM)
    try:
        monkeypatch.setattr(command, 'load_segmenter', load_terminating)
        arguments = ['--ray', '--workers', '2', *sources, tmp_path / 'out' / 'set']
        monkeypatch.setattr(sys, 'argv', ['rose bag', *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            command.main()
    finally:
        signal.signal(signal.SIGTERM, before)
    assert end.value.code == 143
    assert 'terminated; the same command goes on' in capfd.readouterr().err
    finish(run_in_turn(make_jobs(sources, tmp_path / 'out' / 'set', Options()), load), tmp_path)
    assert {path.name for path in (tmp_path / 'out' / 'set').iterdir()} == {'friday', 'monday'}
