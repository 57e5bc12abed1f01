"""RefCOCO's cumulative and mean IoU, and its three rows."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torchmetrics.classification import BinaryJaccardIndex

from rose_model.data.refer import ReferringExample
from rose_model.errors import RefinementRejectedError
from rose_model.evaluation.referring_benchmark import (
    ReferringIou,
    evaluate_referring,
    oracle_refine_referred,
    union_mask,
)
from rose_model.evaluation.single import segment_of_mask
from rose_model.records import FrameContext, Refinement, RefinementCase, RefineTarget

SIZE = (4, 10)


def columns(first: int, last: int) -> np.ndarray:
    mask = np.zeros(SIZE, bool)
    mask[:, first:last] = True
    return mask


def values(part: ReferringIou) -> dict[str, float]:
    return {key: figure.value for key, figure in part.figures().items()}


def test_sums_over_the_set_and_the_mean_over_examples_differ() -> None:
    """IoU 4/8 of a large thing and 0/2 of a small one: 16/(32 + 8) and 1/4."""
    part = ReferringIou()
    part.add(columns(0, 4), columns(0, 8), 1)
    part.add(columns(9, 10), columns(8, 9), 2)
    figures = values(part)
    assert figures['refer_ciou'] == 16 / 40
    assert figures['refer_giou'] == 0.25
    assert figures['refer_p50'] == 0.5
    assert figures['refer_p60'] == 0
    assert figures['refer_t_acc'] == 1
    assert math.isnan(figures['refer_n_acc'])


def test_an_empty_target_wants_an_empty_answer() -> None:
    nothing = columns(0, 0)
    part = ReferringIou()
    assert part.add(nothing, nothing, 1) == 1
    assert part.add(columns(0, 2), nothing, 2) == 0
    assert part.add(nothing, columns(0, 3), 3) == 0
    figures = values(part)
    assert figures['refer_giou'] == pytest.approx(1 / 3)
    assert figures['refer_ciou'] == 0
    assert figures['refer_n_acc'] == 0.5
    assert figures['refer_t_acc'] == 0


def test_pixels_of_a_wrong_answer_to_an_empty_target_count_in_the_union() -> None:
    part = ReferringIou()
    part.add(columns(0, 5), columns(0, 5), 1)
    part.add(columns(0, 5), columns(0, 0), 2)
    assert values(part)['refer_ciou'] == 0.5


def test_without_sentences_there_are_no_figures() -> None:
    assert ReferringIou().figures() == {}


def test_torchmetrics_agrees_on_the_whole_set() -> None:
    rng = np.random.default_rng(4)
    mine, theirs = ReferringIou(), BinaryJaccardIndex()
    for thing in range(20):
        truth, predicted = rng.random(SIZE) < 0.4, rng.random(SIZE) < 0.5
        mine.add(predicted, truth, thing // 2)
        theirs.update(torch.from_numpy(predicted).int(), torch.from_numpy(truth).int())
    figure = mine.figures()['refer_ciou']
    assert figure.value == pytest.approx(float(theirs.compute()))
    assert figure.low < figure.value < figure.high
    assert figure.count == 20


class Finder:
    """Finds the left half of the described thing, and mends it when it hears its true box."""

    def __init__(self, frame_of, examples, refuses: bool = False) -> None:
        self._frame_of, self._examples, self._refuses = frame_of, examples, refuses
        self.seen: list[type] = []
        self.heard: list[tuple[str, str, RefineTarget]] = []

    def refer(self, image, description):
        self.seen.append(type(image))
        example = next(item for item in self._examples if item.sentence == description)
        self.sample = example.sample
        truth = example.sample.mask(example.index)
        half = truth & (np.cumsum(truth, axis=1) <= truth.sum(axis=1, keepdims=True) / 2)
        segments = [] if 'nothing' in description else [segment_of_mask(half, '', 4)]
        return self._frame_of(example.sample, segments).segmentation

    def self_refine(self, segmentation):
        return segmentation

    def refine(self, segmentation, text, *, segment_id='', target=RefineTarget.AUTO, points=()):
        self.heard.append((text, segment_id, target))
        if self._refuses:
            raise RefinementRejectedError('no')
        truth = self.sample.mask(0 if 'red' in text else 1)
        answer = segment_of_mask(truth, '', 4)
        return Refinement(
            RefinementCase.MASK, (answer,), (), segmentation.with_segments((answer,))
        )


class Sentences(list):
    """Two about one image, one about another."""

    def image_of(self, index: int) -> int:
        return 40 + index // 2


@pytest.fixture
def examples(sample) -> Sentences:
    return Sentences(
        [
            ReferringExample(sample, 0, 'the red car', 5),
            ReferringExample(sample, 0, 'car that is red', 5),
            ReferringExample(sample, 1, 'nothing blue', 6),
        ]
    )


def test_there_are_always_three_rows(frame_of, examples) -> None:
    model = Finder(frame_of, examples)
    figures = evaluate_referring(model, examples, range(3))
    measured = {key: figure.value for key, figure in figures.items()}
    assert measured['refer_giou'] == measured['refer_giou_self'] == pytest.approx(1 / 3)
    assert measured['refer_giou_oracle'] == pytest.approx(2 / 3)
    assert measured['refer_ciou'] == pytest.approx(16 / 48)
    assert measured['refer_refine_gain_oracle'] == 0.5
    assert measured['refer_refine_gain_self'] == 0
    # the second sentence about an image does not encode its image again
    assert model.seen == [np.ndarray, FrameContext, np.ndarray]


def test_every_prediction_is_refined_by_a_mask_sentence_with_the_true_box(
    frame_of, examples
) -> None:
    model = Finder(frame_of, examples)
    evaluate_referring(model, examples, range(3))
    assert len(model.heard) == 2  # where there is no answer there is nothing to refine
    for text, segment_id, target in model.heard:
        assert '[0.00, 0.25, 0.33, 0.75]' in text
        assert 'the the' not in text
        assert (segment_id, target) == ('1', RefineTarget.MASK)


def test_a_refused_correction_keeps_the_answer(frame_of, examples, sample) -> None:
    model = Finder(frame_of, examples, refuses=True)
    found = model.refer(sample.image, 'the red car')
    rng = np.random.default_rng(0)
    assert oracle_refine_referred(model, found, 'the red car', sample.mask(0), rng) is found
    assert union_mask(found).sum() == 8
