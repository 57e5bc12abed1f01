"""Whatever ends a run, the next one goes on, and nobody can tell from the result."""

import os
import resource
import shutil
import signal
import sqlite3

import pytest

from ros2_rose.offline import journal as journal_module
from ros2_rose.offline import writer
from ros2_rose.offline.journal import Entry, Journal
from rose_model.errors import ConfigError, DataError, StorageError

FRAMES = 6


@pytest.fixture
def expected(drive, process, tree, tmp_path):
    """The result of a run that nothing ends."""
    process(drive.path, tmp_path / 'whole' / 'drive')
    return tree(tmp_path / 'whole')


@pytest.fixture
def out(tmp_path):
    return tmp_path / 'out' / 'drive'


class Counting:
    """Counts what the stub is asked."""

    name = 'stub@0'

    def __init__(self, stub):
        self._stub, self.seen = stub, 0

    def segment(self, image, instruction=None, *, candidates=(), deadline_s=None):
        self.seen += 1
        return self._stub.segment(image, instruction, candidates=candidates)


@pytest.mark.parametrize('frame', range(FRAMES))
def test_a_run_killed_in_any_frame_goes_on_there(
    drive, process, stub, in_a_child, expected, tree, out, tmp_path, frame
):
    killed = stub(kill_at=frame, marker=tmp_path / 'marker')
    assert in_a_child(lambda: process(drive.path, load=killed)) == -signal.SIGKILL
    assert not out.exists()
    segmenter = Counting(stub()(None))
    process(drive.path, load=lambda parameters: segmenter)
    assert segmenter.seen == FRAMES - frame
    assert tree(out.parent) == expected


def test_a_run_killed_again_and_again_ends_with_the_same_bytes(
    drive, process, stub, in_a_child, expected, tree, out, tmp_path
):
    for attempt in range(FRAMES):
        killed = stub(kill_at=1, marker=tmp_path / f'marker {attempt}')
        ended = in_a_child(lambda load=killed: process(drive.path, load=load))
        assert ended == (-signal.SIGKILL if attempt < FRAMES - 1 else 0)
    assert tree(out.parent) == expected


@pytest.mark.parametrize('moment', ['_copy_connections', '_sync'])
def test_a_run_killed_while_it_writes_the_recording_writes_it_again(
    drive, process, in_a_child, expected, tree, out, monkeypatch, moment
):
    def killed():
        setattr(writer, moment, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
        process(drive.path)

    assert in_a_child(killed) == -signal.SIGKILL
    assert not out.exists()
    process(drive.path)
    assert tree(out.parent) == expected


def test_a_run_killed_before_it_cleans_up_is_done(drive, process, in_a_child, expected, tree, out):
    def killed():
        shutil.rmtree = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
        process(drive.path)

    assert in_a_child(killed) == -signal.SIGKILL
    assert out.exists()
    process(drive.path)
    assert tree(out.parent) == expected


def test_a_run_without_room_says_so_and_goes_on_when_there_is_some(
    drive, process, in_a_child, expected, tree, out
):
    def confined():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (9_000, resource.RLIM_INFINITY))
        with pytest.raises(StorageError, match='make room'):
            process(drive.path)

    assert in_a_child(confined) == 0
    process(drive.path)
    assert tree(out.parent) == expected


def test_what_is_done_is_not_done_again(drive, process, expected, tree, out, stub):
    first = process(drive.path)
    segmenter = Counting(stub()(None))
    calls = []
    second = process(
        drive.path, load=lambda p: segmenter, on_progress=lambda *call: calls.append(call)
    )
    assert (second, segmenter.seen, calls) == (first, 0, [(FRAMES, FRAMES)])
    assert tree(out.parent) == expected


def test_progress_counts_every_image_and_begins_where_the_last_run_ended(
    drive, process, stub, in_a_child, tmp_path
):
    killed = stub(kill_at=4, marker=tmp_path / 'marker')
    in_a_child(lambda: process(drive.path, load=killed))
    calls = []
    process(drive.path, on_progress=lambda *call: calls.append(call))
    assert calls == [(4, 6), (5, 6), (6, 6)]


def test_another_request_does_not_go_on_with_what_was_begun(
    drive, process, stub, in_a_child, out, tmp_path
):
    killed = stub(kill_at=2, marker=tmp_path / 'marker')
    in_a_child(lambda: process(drive.path, load=killed))
    with pytest.raises(ConfigError, match=r"instruction '', not 'Find cars\.'"):
        process(drive.path, instruction='Find cars.')
    process(drive.path)
    with pytest.raises(ConfigError, match='another job'):
        process(drive.path, instruction='Find cars.')


def test_another_recording_is_another_job(make_drive, process, stub, in_a_child, tmp_path):
    killed = stub(kill_at=2, marker=tmp_path / 'marker')
    in_a_child(lambda: process(make_drive().path, load=killed))
    with pytest.raises(ConfigError, match='source'):
        process(make_drive('other', frames=7).path)


def test_a_folder_that_is_something_else_is_left_alone(drive, process, out):
    out.mkdir(parents=True)
    (out / 'thesis.txt').write_text('all of it')
    with pytest.raises(ConfigError, match='name another folder'):
        process(drive.path)
    assert (out / 'thesis.txt').read_text() == 'all of it'


# --- the journal --------------------------------------------------------------------------------


def test_two_processes_cannot_work_at_one_recording(tmp_path, monkeypatch):
    monkeypatch.setattr(journal_module, 'LOCK_TIMEOUT_S', 0.01)
    first = Journal(tmp_path / 'journal.db', {})
    with pytest.raises(ConfigError, match='Another process'):
        Journal(tmp_path / 'journal.db', {})
    first.close()
    Journal(tmp_path / 'journal.db', {}).close()


def test_a_journal_gives_back_what_it_was_given(tmp_path):
    entries = [Entry('front', '', 3, b'\x00\x01'), Entry('rear', 'EMPTY', 0, b'')]
    journal = Journal(tmp_path / 'journal.db', {'a': 1})
    assert (len(journal), list(journal.entries()), journal.tallies()) == (0, [], [])
    for entry in entries:
        journal.add(entry)
    journal.close()
    again = Journal(tmp_path / 'journal.db', {'a': 1})
    assert (len(again), list(again.entries())) == (2, entries)
    assert again.tallies() == [('front', '', 1, 3), ('rear', 'EMPTY', 1, 0)]
    again.close()


def test_a_file_that_is_no_journal_is_refused(tmp_path):
    (tmp_path / 'journal.db').write_bytes(b'noise' * 1000)
    with pytest.raises(DataError, match='start anew'):
        Journal(tmp_path / 'journal.db', {})


def test_frames_that_do_not_follow_from_each_other_are_refused(
    drive, process, stub, in_a_child, out, tmp_path
):
    killed = stub(kill_at=4, marker=tmp_path / 'marker')
    in_a_child(lambda: process(drive.path, load=killed))
    with sqlite3.connect(out.with_name('drive.part') / 'journal.db') as database:
        database.execute('UPDATE frames SET data = (SELECT data FROM frames WHERE number = 3)')
    database.close()
    with pytest.raises(DataError, match='does not follow'):
        process(drive.path)
