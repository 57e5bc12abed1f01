"""One recording from beginning to end; goes on where an earlier run was ended."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import yaml

from ros2_rose.offline.cameras import choose_cameras
from ros2_rose.offline.frames import FrameMaker
from ros2_rose.offline.journal import Journal
from ros2_rose.offline.options import Options
from ros2_rose.offline.recording import Recording, open_recording
from ros2_rose.offline.report import BagReport, make_report, report_from
from ros2_rose.offline.writer import write_bag
from ros2_rose.ontology import Ontology, read_ontology
from ros2_rose.parameters import ParameterError, RoseParameters
from ros2_rose.worker import Segmenter
from rose_model.errors import ConfigError, StorageError

OnProgress = Callable[[int, int], None]
"""Called with the number of images that are done, and of all."""
LoadSegmenter = Callable[[RoseParameters], Segmenter]
_NOTE = 'rose'


def process_bag(
    source: Path,
    target: Path,
    options: Options,
    load: LoadSegmenter,
    on_progress: OnProgress = lambda done, total: None,
) -> BagReport:
    """Write ``target``, a folder of rosbag2, and say what is in it.

    What has been done is kept in ``TARGET.part`` until all is; ``target`` appears when it is
    whole. If it is there from an equal job, nothing is done again.  ``load(parameters)`` gives the
    model and is called once the recording has proved readable.

    Raises:
        ConfigError: an option cannot be used, or ``target`` is something else.
        DataError: the recording cannot be read.
        StorageError: there is no room for the result.
    """
    ontology = _read_ontology(options)
    _refuse_foreign(target)
    with open_recording(source) as recording, _as_storage_error(target):
        cameras = choose_cameras(recording, options.topics)
        parameters = options.parameters(cameras)
        segmenter = load(parameters)
        identity = options.identity(recording, cameras, segmenter.name)
        done = _read_note(target)
        part = target.with_name(f'{target.name}.part')
        if done is None:
            with closing(Journal(part / 'journal.db', identity)) as journal:
                maker = FrameMaker(segmenter, parameters, ontology)
                _segment_all(recording, cameras, journal, maker, on_progress)
                report = make_report(segmenter.name, cameras, journal.tallies())
                note = {'job': identity, 'report': report.to_record()}
                _finish(target, part, recording, cameras, journal, note)
        elif done['job'] != identity:
            raise ConfigError(f'{target} is of another job; delete it, or name another folder.')
        else:
            report = report_from(done['report'])
            images = sum(camera.images for camera in report.cameras)
            on_progress(images, images)
        shutil.rmtree(part, ignore_errors=True)
    return report


def _segment_all(
    recording: Recording,
    cameras: dict[str, str],
    journal: Journal,
    maker: FrameMaker,
    on_progress: OnProgress,
) -> None:
    total, before = recording.count(cameras), len(journal)
    for entry in journal.entries():
        maker.replay(entry)
    on_progress(before, total)
    images = (item for item in recording.messages() if item.connection.topic in cameras)
    for number, (connection, _, data) in enumerate(images):
        if number < before:
            continue
        journal.add(maker.make(cameras[connection.topic], data, connection.msgtype))
        on_progress(number + 1, total)


def _finish(
    target: Path,
    part: Path,
    recording: Recording,
    cameras: dict[str, str],
    journal: Journal,
    note: dict[str, Any],
) -> None:
    """Write the new recording beside the journal and give it its name when it is whole."""
    folder = part / target.name  # the file in it is called like its folder
    if folder.exists():
        shutil.rmtree(folder)
    notes = {_NOTE: json.dumps(note, sort_keys=True)}
    write_bag(folder, recording, cameras, journal.entries(), notes)
    os.rename(folder, target)


def _read_ontology(options: Options) -> Ontology:
    try:
        return read_ontology(options.ontology)
    except ParameterError as error:
        raise ConfigError(str(error)) from error


def _refuse_foreign(target: Path) -> None:
    if target.exists() and _read_note(target) is None:
        raise ConfigError(f'{target} exists and is not of rose bag; name another folder.')


def _read_note(target: Path) -> dict[str, Any] | None:
    """What a finished recording says of itself; ``None`` where there is none."""
    try:
        text = (target / 'metadata.yaml').read_text(encoding='utf-8')
        custom = yaml.safe_load(text)['rosbag2_bagfile_information']['custom_data']
        note: dict[str, Any] = json.loads(custom[_NOTE])
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError):
        return None
    return note


@contextmanager
def _as_storage_error(target: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.OperationalError) as error:
        raise StorageError(
            f'{target} cannot be written: {error}; make room and start again, what is done stays.'
        ) from error
