"""Classes by generated names and by candidates, and steadiness over a film."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rose_model.data.camvid import CLASSES, IGNORE
from rose_model.data.sample import LabelledRegion, Sample
from rose_model.errors import DataError
from rose_model.evaluation.camvid import SYNONYMS, evaluate_camvid, found_splits
from rose_model.evaluation.figures import Figure
from rose_model.evaluation.opened import OpenedModel
from rose_model.evaluation.report import conditions_record, figures_record, plain
from rose_model.evaluation.semantic import UNMAPPED, by_table
from rose_model.evaluation.task import DEFAULT_SPLITS, Data, Task, measure_task
from rose_model.evaluation.temporal import TemporalStability
from rose_model.presets import nano
from rose_model.records import FrameContext


class Film:
    """Two frames of 8 x 12 pixels: sky above road, a car that goes to the right."""

    def __init__(self) -> None:
        sky, road, car = (CLASSES.index(name) for name in ('sky', 'road', 'car'))
        self._labels = []
        for left in (0, 2):
            labels = np.full((8, 12), road, np.uint8)
            labels[:4] = sky
            labels[4:6, left : left + 4] = car
            labels[7, 11] = IGNORE
            self._labels.append(labels)

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> Sample:
        present = [c for c in np.unique(self._labels[index]).tolist() if c != IGNORE]
        index_map = np.full((8, 12), 255, np.uint8)
        for number, label in enumerate(present):
            index_map[self._labels[index] == label] = number
        regions = tuple(LabelledRegion(CLASSES[c], '', CLASSES[c] == 'car') for c in present)
        return Sample(np.full((8, 12, 3), index, np.uint8), index_map, regions)

    def labels(self, index: int) -> np.ndarray:
        return self._labels[index].copy()


class Painter:
    """Answers with the truth of the film, under the names that ``rename`` makes of it."""

    def __init__(self, truth, frame_of, rename=lambda name, index: name) -> None:
        self.config = nano()
        self._film, self._truth, self._frame_of = Film(), truth, frame_of
        self._rename = rename
        self._seen = -1

    def segment(self, image, instruction=None, *, candidates=()):
        if isinstance(image, FrameContext):
            assert candidates == CLASSES
            index = self._seen
        else:
            index = self._seen = int(image[0, 0, 0])
        sample = self._film[index]
        segments = self._truth(sample)
        if not candidates:
            segments = [replace(s, category=self._rename(s.category, index)) for s in segments]
        return self._frame_of(sample, segments).segmentation


def figures_of(painter: Painter, **options) -> dict[str, float]:
    figures, _ = evaluate_camvid(painter, Film(), range(2), **options)
    return {key: figure.value for key, figure in figures.items()}


def test_every_synonym_stands_for_a_class() -> None:
    assert set(SYNONYMS.values()) <= set(CLASSES)
    assert not set(SYNONYMS) & set(CLASSES)
    class_of = by_table(CLASSES, SYNONYMS)
    assert class_of('traffic light') == class_of('yellow sign') == CLASSES.index('sign symbol')
    assert class_of('red truck') == CLASSES.index('car')
    assert class_of('zebra') == UNMAPPED


def test_the_truth_has_full_iou_and_is_as_steady_as_itself(truth, frame_of) -> None:
    figures, by_class = evaluate_camvid(
        Painter(truth, frame_of, lambda name, _: {'car': 'red bus'}.get(name, name)),
        Film(),
        range(2),
        is_film=True,
    )
    assert figures['miou'].value == figures['miou_candidates'].value == 1
    assert figures['unmapped'].value == figures['unpredicted'].value == 0
    assert figures['temporal_kept'].value == 1
    assert by_class['miou']['car'] == 1
    assert math.isnan(by_class['miou']['fence'])
    # of 95 labelled pixels, 2 x 2 are car only before and 2 x 2 only after
    assert figures['temporal_truth_kept'].value == pytest.approx(87 / 95)


def test_names_of_no_class_are_wrong(truth, frame_of) -> None:
    painter = Painter(truth, frame_of, lambda name, _: 'lava' if name == 'road' else name)
    figures = figures_of(painter, is_film=False)
    assert figures['miou'] == pytest.approx(2 / 3)
    assert figures['unmapped'] == pytest.approx(39 / 95)  # 4 x 12 less 8 of the car and 1 void
    assert figures['miou_candidates'] == 1
    assert 'temporal_kept' not in figures


def test_a_name_that_changes_flickers(truth, frame_of) -> None:
    painter = Painter(
        truth, frame_of, lambda name, index: 'tree' if (name, index) == ('sky', 1) else name
    )
    figures = figures_of(painter, is_film=True)
    assert figures['temporal_kept'] == pytest.approx(1 - 48 / 87)
    # sky is renamed; the car moves by half its length: IoU 1/3, it has no counterpart
    assert figures['temporal_renamed'] == pytest.approx(1 / 3)
    assert figures['temporal_lost'] == pytest.approx(1 / 3)
    assert figures['temporal_flicker'] == pytest.approx(2 / 3)


def test_who_predicts_nothing_keeps_nothing(frame_of) -> None:
    film, stability = Film(), TemporalStability()
    for index in range(2):
        frame = frame_of(film[index], [])
        stability.add(
            frame.segmentation, np.full((8, 12), -1), film.labels(index), unlabelled=IGNORE
        )
    figures = stability.figures()
    assert figures['temporal_kept'].value == 0
    assert math.isnan(figures['temporal_flicker'].value)
    assert TemporalStability().figures() == {}


def test_a_record_is_flat_and_has_no_nan() -> None:
    nan = math.nan
    record = figures_record({'a': Figure(0.5, 0.4, 0.6, 7), 'b': Figure(nan, nan, nan, 0)})
    assert record == {
        'a': 0.5,
        'a_ci': [0.4, 0.6],
        'b': None,
        'b_ci': [None, None],
        'counts': {'a': 7, 'b': 0},
    }
    assert figures_record({}) == {'counts': {}}
    assert plain({'sky': nan}) == {'sky': None}


def test_the_conditions_tell_configuration_and_machine() -> None:
    first, second = conditions_record(nano(), 1.0), conditions_record(nano(), 2.0)
    assert first['config_sha256'] == second['config_sha256']
    other = nano().model_copy(update={'name': 'other'})
    assert conditions_record(other, 1.0)['config_sha256'] != first['config_sha256']
    assert first['thresholds']['match_iou'] == 0.5


def write_split(root: Path, split: str, frames: int) -> None:
    film = Film()
    for index in range(frames):
        folders = [root / split / name for name in ('images', 'labels')]
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
        labels = film.labels(index)
        labels[labels == IGNORE] = len(CLASSES)
        image = np.full((*labels.shape, 3), index, np.uint8)
        Image.fromarray(image).save(folders[0] / f'{index}.jpg', quality=100)
        Image.fromarray(labels).save(folders[1] / f'{index}.png')


def measured(root: Path, model, split: str = DEFAULT_SPLITS[Data.CAMVID]):
    task = Task(Data.CAMVID, root, split, None, False)
    return measure_task(task, OpenedModel(model, model, None), lambda numbers: numbers)


def test_val_and_test_are_measured_side_by_side_and_every_key_says_which(
    tmp_path, truth, frame_of
) -> None:
    write_split(tmp_path, 'val', 2)
    write_split(tmp_path, 'test', 1)
    figures, details = measured(tmp_path, Painter(truth, frame_of))
    assert figures['miou_val'].value == figures['miou_test'].value == 1
    assert all(key.endswith(('_val', '_test')) for key in figures)
    assert (details['split'], details['images']) == ('val+test', 3)
    assert details['split_images'] == {'val': 2, 'test': 1}
    assert set(details['class_iou']) == {
        'miou_val',
        'miou_candidates_val',
        'miou_test',
        'miou_candidates_test',
    }
    assert 'temporal_kept_val' in figures
    assert 'temporal_kept_test' not in figures  # its frames are not consecutive


def test_without_test_frames_the_figures_say_that_they_are_of_val_alone(
    tmp_path, truth, frame_of, caplog
) -> None:
    write_split(tmp_path, 'val', 2)
    figures, details = measured(tmp_path, Painter(truth, frame_of))
    assert details['split'] == 'val'
    assert not any(key.endswith('_test') for key in figures)
    assert 'has no test: the figures are of val alone' in caplog.text


def test_one_part_can_be_asked_for_alone(tmp_path, truth, frame_of, caplog) -> None:
    write_split(tmp_path, 'val', 2)
    write_split(tmp_path, 'test', 1)
    figures, _ = measured(tmp_path, Painter(truth, frame_of), 'test')
    assert all(key.endswith('_test') for key in figures)
    assert not caplog.text


def test_a_folder_with_training_frames_alone_is_refused(tmp_path) -> None:
    write_split(tmp_path, 'train', 1)
    with pytest.raises(DataError, match='no part val or test of CamVid; it has: train'):
        found_splits(tmp_path, 'val+test')
    with pytest.raises(DataError, match=r'no part test .* it has: none'):
        found_splits(tmp_path / 'nothing', 'test')
