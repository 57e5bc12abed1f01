"""ADE20k's figure end to end, with models whose skill is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from rose_model.errors import RefinementRejectedError
from rose_model.evaluation.semantic_benchmark import evaluate_semantic
from rose_model.presets import nano
from rose_model.records import FrameContext, RefineTarget

CLASSES = (('car', 'auto'), ('road',), ('sky', 'heaven'), ('dog',), ('lamp',))
CAR, ROAD, SKY, DOG = range(4)


class Labelled:
    """The hand-made image of the fixtures, twice."""

    classes = CLASSES

    def __init__(self, sample) -> None:
        table = np.array([CAR, CAR, DOG, ROAD, SKY], np.uint8)
        self.sample = sample
        self._labels = np.where(sample.index_map < 5, table[sample.index_map % 5], 255)

    def __len__(self) -> int:
        return 2

    def image(self, index: int) -> np.ndarray:
        return np.full_like(self.sample.image, index)

    def labels(self, index: int) -> np.ndarray:
        return self._labels.astype(np.uint8)


class Namer:
    """Right masks; names by ``rename``, candidates by the truth; refuses every correction."""

    def __init__(self, data: Labelled, truth, frame_of, rename) -> None:
        self.config = nano()
        self._data, self._truth, self._frame_of, self._rename = data, truth, frame_of, rename
        self.corrections = 0

    def segment(self, image, instruction=None, *, candidates=()):
        sample = self._data.sample
        segments = self._truth(sample)
        if isinstance(image, FrameContext):
            assert candidates == tuple(names[0] for names in CLASSES)
            segments = [replace(s, category=s.category.split()[-1]) for s in segments]
        else:
            segments = [replace(s, category=self._rename(s.category)) for s in segments]
        return self._frame_of(sample, segments).segmentation

    def self_refine(self, segmentation):
        return segmentation

    def refine(self, segmentation, text, *, segment_id='', target=RefineTarget.AUTO, points=()):
        self.corrections += 1
        raise RefinementRejectedError('no')


def encode(names) -> torch.Tensor:
    """A text tower that knows that heaven and heavens are the sky."""
    known = [names_of[0] for names_of in CLASSES]
    places = [known.index(name) if name in known else SKY for name in names]
    return torch.eye(len(known))[places]


def measured(sample, truth, frame_of, rename):
    data = Labelled(sample)
    model = Namer(data, truth, frame_of, rename)
    figures, by_class = evaluate_semantic(model, encode, data, range(2))
    return {key: figure.value for key, figure in figures.items()}, by_class, model


def test_names_count_by_each_rule_side_by_side(sample, truth, frame_of) -> None:
    """Cars are red and blue, the dog is white: strictly these are no classes."""
    figures, by_class, model = measured(sample, truth, frame_of, lambda name: name)
    assert figures['miou'] == figures['miou_candidates'] == 1
    assert figures['miou_strict'] == 0.5  # road and sky
    # whatever the tower does not know is nearest to the sky: 24 of 24 + 32 + 4 pixels
    assert figures['miou_nearest'] == pytest.approx((0 + 1 + 24 / 60 + 0) / 4)
    assert figures['unmapped'] == figures['unpredicted'] == 0
    assert by_class['car'] == 1
    assert np.isnan(by_class['lamp'])
    assert model.corrections > 0  # of the strict names


def test_a_name_of_no_class_is_wrong_and_reported(sample, truth, frame_of) -> None:
    figures, *_ = measured(
        sample, truth, frame_of, lambda name: 'lava' if name == 'road' else name
    )
    assert figures['miou'] == pytest.approx(3 / 4)
    assert figures['unmapped'] == pytest.approx(28 / 88)


def test_there_are_always_three_rows(sample, truth, frame_of) -> None:
    figures, *_ = measured(sample, truth, frame_of, lambda name: name)
    for rule in ('', '_strict', '_nearest'):
        assert (
            figures[f'miou{rule}'] == figures[f'miou_self{rule}'] == figures[f'miou_oracle{rule}']
        )
    assert figures['semantic_refine_harm_oracle'] == 0


def test_what_nothing_answers_is_unpredicted(sample, frame_of) -> None:
    figures, *_ = measured(sample, lambda sample: [], frame_of, lambda name: name)
    assert figures['miou'] == 0
    assert figures['unpredicted'] == 1
