"""Accepted corrections on the disk: whole, of the original pixels, and never in anybody's way."""

import json
import threading
from dataclasses import replace

import cv2
import numpy as np
import pytest
from sensor_msgs.msg import CompressedImage
from std_msgs.msg import Header

from ros2_rose import correction_log
from ros2_rose.conversions import to_time
from ros2_rose.correction_log import MAX_WAITING, CorrectionLog, check_log_folder
from ros2_rose.corrections import Correction, Query, Scope
from ros2_rose.diagnostics import log_status
from ros2_rose.history import FrameRecord
from ros2_rose.image_writer import write_image
from ros2_rose.parameters import ParameterError
from ros2_rose.session_memory import SessionMemory
from rose_model.correction_record import write_correction
from rose_model.data.corrections import LoggedCorrections
from rose_model.records import RefinementCase

WAIT_S = 30.0
STAMP_NS = 1_500_000_002
RGB = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)
HEADER = Header(stamp=to_time(STAMP_NS), frame_id='optical')


class Log:
    def __init__(self):
        self.lines = []

    def warning(self, message, **options):
        self.lines.append(message)

    info = error = warning


class Bench:
    """A memory that logs, with a frame in which a car can be called otherwise."""

    def __init__(self, folder, segmentation, image, max_pixels=10**6):
        self.lines = Log()
        self.log = CorrectionLog(folder, max_pixels, self.lines)
        self.memory = SessionMemory(['front'], 5, self.log)
        followed = self.memory.follow('front', STAMP_NS, segmentation)
        self.memory.add(
            FrameRecord(
                'front',
                HEADER,
                STAMP_NS,
                0,
                followed.segmentation,
                generated=followed.generated,
                image=image,
            )
        )

    def correct(self, label, text=None, stated=''):
        record = self.memory.history.find('front', STAMP_NS)
        car = next(s for s in record.segmentation.segments if s.id == '2')
        after = replace(car, category=label, revision=car.revision + 1)
        text = f'this is a {label}' if text is None else text
        self.accept(record, text, RefinementCase.CATEGORY, car, after, label=stated)

    def remove(self, text=''):
        record = self.memory.history.find('front', STAMP_NS)
        self.accept(record, text, RefinementCase.DELETE, record.segmentation.find('2'), None)

    def accept(self, record, text, case, before, after, **fields):
        rest = [s for s in record.segmentation.segments if s is not before]
        segments = rest if after is None else [*rest, after]
        scope = Scope.FRAME if after is None else Scope.SESSION
        self.memory.accept(
            Correction('front', STAMP_NS, text, case, scope, before, after, 'car', **fields),
            record,
            record.corrected(record.segmentation.with_segments(tuple(segments))),
            'nano@0',
        )

    def undo(self):
        correction = self.memory.to_undo(Query())
        self.memory.take_back(correction, self.memory.without(correction))

    def counts(self):
        """Once everything has been written."""
        self.log.close()
        assert self.log.join(WAIT_S)
        counts = self.log.counts
        return counts.written, counts.removed, counts.failed, counts.dropped


@pytest.fixture
def make_bench(tmp_path, make_segment, make_segmentation):
    benches = []

    def make(image=None, category='car', **options):
        image = write_image(RGB, 'rgb8', HEADER) if image is None else image
        frame = make_segmentation(
            make_segment('', 'road', (0, 0, 8, 6), is_thing=False), make_segment('', category)
        )
        benches.append(Bench(tmp_path, frame, image, **options))
        return benches[-1]

    yield make
    for bench in benches:
        bench.log.close()


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_an_accepted_correction_becomes_an_example_of_the_original_pixels(make_bench, tmp_path):
    bench = make_bench()
    bench.correct('van')
    assert bench.counts() == (1, 0, 0, 0)
    [name] = names(tmp_path)
    assert name.startswith(f'{STAMP_NS}_front_')
    sample = LoggedCorrections(tmp_path)[0]
    assert np.array_equal(sample.image, RGB)
    assert [region.name for region in sample.regions] == ['road', 'van']
    assert sample.given.sum() == 6
    assert sample.instruction.startswith('this is a van It is in [')
    assert bench.lines.lines == []


def test_each_encoding_is_stored_as_the_model_saw_it(make_bench, tmp_path):
    png = cv2.imencode('.png', RGB[..., ::-1])[1].tobytes()
    bench = make_bench(CompressedImage(header=HEADER, format='png', data=png))
    bench.correct('van')
    assert bench.counts() == (1, 0, 0, 0)
    assert np.array_equal(LoggedCorrections(tmp_path)[0].image, RGB)


def test_two_corrections_of_a_frame_are_two_examples_from_where_each_began(make_bench, tmp_path):
    bench = make_bench()
    bench.correct('van')
    bench.correct('bus')
    assert bench.counts() == (2, 0, 0, 0)
    read = LoggedCorrections(tmp_path)
    assert {read[n].regions[read[n].target].name for n in range(2)} == {'van', 'bus'}


@pytest.mark.parametrize('text', ['', 'this is nothing, remove it'])
def test_a_removal_becomes_an_example_and_its_undo_removes_that(make_bench, tmp_path, text):
    bench = make_bench()
    bench.remove(text)
    bench.undo()
    bench.remove(text)
    assert bench.counts() == (2, 1, 0, 0)
    [name] = names(tmp_path)
    record = json.loads((tmp_path / name / 'correction.json').read_text())
    assert (record['case'], record['segment_id'], record['text']) == ('delete', '2', text)
    assert [segment['category'] for segment in record['before']] == ['road', 'car']
    assert [segment['category'] for segment in record['after']] == ['road']
    assert record['instruction'] == 'segment'
    sample = LoggedCorrections(tmp_path)[0]
    assert np.array_equal(sample.image, RGB)
    assert sample.target is None
    assert sample.instruction == 'segment'


def test_that_a_segment_without_a_name_was_removed_is_stored(make_bench, tmp_path):
    bench = make_bench(category='')
    bench.remove()
    assert bench.counts() == (1, 0, 0, 0)
    assert LoggedCorrections(tmp_path)[0].given.sum() == 6


def test_a_label_without_a_sentence_becomes_an_example(make_bench, tmp_path):
    bench = make_bench()
    bench.correct('van', text='', stated='van')
    assert bench.counts() == (1, 0, 0, 0)
    [name] = names(tmp_path)
    record = json.loads((tmp_path / name / 'correction.json').read_text())
    assert (record['text'], record['label']) == ('', 'van')
    sample = LoggedCorrections(tmp_path)[0]
    assert sample.regions[sample.target].name == 'van'


def test_a_segment_without_a_name_teaches_nothing(make_bench, tmp_path):
    bench = make_bench()
    bench.correct('')
    assert bench.counts() == (0, 0, 0, 0)
    assert names(tmp_path) == []


def test_what_is_taken_back_is_not_trained_on(make_bench, tmp_path):
    bench = make_bench()
    bench.correct('van')
    bench.correct('bus')
    bench.undo()
    assert bench.counts() == (2, 1, 0, 0)
    read = LoggedCorrections(tmp_path)
    assert len(read) == 1
    assert read[0].regions[read[0].target].name == 'van'


def test_a_full_disk_is_one_warning_and_ends_nothing(make_bench, tmp_path, monkeypatch):
    def fill(*args):
        raise OSError(28, 'No space left on device')

    bench = make_bench()
    monkeypatch.setattr(correction_log, 'write_correction', fill)
    for label in ('van', 'bus', 'tram'):
        bench.correct(label)
    assert bench.counts() == (0, 0, 3, 0)
    [line] = bench.lines.lines
    assert 'No space left on device' in line
    status = log_status(bench.log.counts)
    assert (status.level, status.name) == (status.WARN, 'rose: correction_log')
    assert 'No space left' in status.message
    assert names(tmp_path) == []


def test_after_a_failure_the_next_one_is_stored_and_all_is_well(make_bench, tmp_path, monkeypatch):
    failures = [OSError(28, 'No space left on device'), None]

    def write(*args):
        error = failures.pop(0)
        if error is not None:
            raise error
        write_correction(*args)

    bench = make_bench()
    monkeypatch.setattr(correction_log, 'write_correction', write)
    bench.correct('van')
    bench.correct('bus')
    assert bench.counts() == (1, 0, 1, 0)
    status = log_status(bench.log.counts)
    assert (status.level, status.message) == (status.OK, '1 written')


def test_the_log_leaves_some_of_the_disk_to_others(make_bench, tmp_path, monkeypatch):
    monkeypatch.setattr(correction_log, 'MIN_FREE_BYTES', 2**62)
    bench = make_bench()
    bench.correct('van')
    assert bench.counts() == (0, 0, 1, 0)
    assert 'make room' in bench.log.counts.failure
    assert names(tmp_path) == []


def test_an_image_that_cannot_be_decoded_costs_its_example_only(make_bench):
    bench = make_bench(max_pixels=1)
    bench.correct('van')
    assert bench.counts() == (0, 0, 1, 0)
    assert 'BadImageError' in bench.log.counts.failure


def test_a_slow_disk_holds_up_nobody_and_what_is_too_much_is_counted(make_bench, monkeypatch):
    began, gate = threading.Event(), threading.Event()

    def write(*args):
        began.set()
        assert gate.wait(WAIT_S)

    monkeypatch.setattr(correction_log, 'write_correction', write)
    bench = make_bench()
    bench.correct('bus')
    assert began.wait(WAIT_S)
    for number in range(MAX_WAITING + 3):
        bench.correct(f'bus {number}')
    gate.set()
    assert bench.counts() == (1 + MAX_WAITING, 0, 0, 3)


def test_a_closed_log_takes_nothing(make_bench, tmp_path):
    bench = make_bench()
    assert bench.counts() == (0, 0, 0, 0)
    bench.correct('van')
    assert bench.counts() == (0, 0, 0, 1)
    assert names(tmp_path) == []


def test_a_folder_that_cannot_be_made_or_written_is_a_parameter_error(tmp_path, monkeypatch):
    check_log_folder('')
    check_log_folder(str(tmp_path / 'a' / 'b'))
    assert (tmp_path / 'a' / 'b').is_dir()
    (tmp_path / 'file').write_text('')
    with pytest.raises(ParameterError, match='correction_log: cannot make'):
        check_log_folder(str(tmp_path / 'file' / 'log'))
    monkeypatch.setattr(correction_log.os, 'access', lambda path, mode: False)
    with pytest.raises(ParameterError, match='cannot be written'):
        check_log_folder(str(tmp_path))
