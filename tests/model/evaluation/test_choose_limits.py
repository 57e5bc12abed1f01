"""Choosing a threshold: the rules, and what is measured of each value."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from rose_model.checkpoint import load_pretrained
from rose_model.errors import ConfigError
from rose_model.evaluation.choose_limits import (
    LIMITS,
    CountingSam,
    Measured,
    Trial,
    highest_balance_of_few,
    highest_balance_of_low,
    limit_table,
    lowest_without_loss,
    measure_limit,
    open_trials,
    with_limit,
)
from rose_model.evaluation.choosing import validation_numbers
from rose_model.evaluation.streets import SPLITS

FULL = Measured(1.0, 0.6, 0.8, 0.8, 0.7, masks=20, lost=0.0)


def test_the_balance_is_the_mean_of_f1_and_stuff() -> None:
    assert replace(FULL, precision50=0.4, recall50=0.8).balance == pytest.approx(
        (2 * 0.8 * 0.4 / 1.2 + 0.7) / 2
    )
    assert replace(FULL, precision50=0, recall50=0).balance == pytest.approx(0.35)


def test_the_lowest_value_is_taken_that_loses_next_to_nothing() -> None:
    tried = [
        replace(FULL, value=0.9, lost=0.03),
        replace(FULL, value=0.97, ap50=0.59),
        replace(FULL, value=0.98, lost=0.009, ap50=0.599),
        replace(FULL, value=0.99),
        FULL,
    ]
    assert lowest_without_loss(tried).value == 0.98
    assert lowest_without_loss([tried[0], tried[1], FULL]).value == 1.0


def test_of_equal_balances_fewer_segments_are_taken() -> None:
    tried = [replace(FULL, value=value) for value in (0.1, 0.2, 0.3)]
    assert highest_balance_of_few(tried).value == 0.3
    assert highest_balance_of_low(tried).value == 0.1
    better = replace(FULL, value=0.2, stuff_miou=0.8)
    assert highest_balance_of_few([tried[0], better, tried[2]]).value == 0.2


def test_a_value_that_is_none_and_a_key_that_is_none_are_refused(config) -> None:
    assert with_limit(config, 'nms_iou', 0.5).postprocess.nms_iou == 0.5
    with pytest.raises(ConfigError, match=r'nms_iou may not be 2'):
        with_limit(config, 'nms_iou', 2.0)
    with pytest.raises(ConfigError, match=r'No threshold .* take one of min_objectness'):
        with_limit(config, 'temperature', 0.5)


def test_every_threshold_has_a_rule_that_takes_one_of_its_values(config) -> None:
    for key, limit in LIMITS.items():
        tried = [replace(FULL, value=value) for value in limit.values]
        assert limit.rule(tried).value in limit.values
        assert limit.full in limit.values
        for value in limit.values:
            with_limit(config, key, value)


def test_a_lower_similarity_decodes_fewer_masks_of_the_same_scenes(segmenter, tmp_path) -> None:
    """A model of the real classes on one validation scene; the weights are shared."""
    pretrained = load_pretrained(tmp_path / 'rose', torch.device('cpu'), torch.float32)
    own = pretrained.rose.config
    trials = open_trials(pretrained, 'max_similarity', (0.0, 1.0))
    assert pretrained.rose.config is own
    few, all_of_them = measure_limit(trials, validation_numbers(1), 1.0)
    assert 0 < few.masks < all_of_them.masks
    assert all_of_them.lost == 0
    assert (few.value, all_of_them.value) == (0.0, 1.0)
    assert limit_table('max_similarity', [few, all_of_them]).row_count == 2


def test_the_scenes_are_validation_scenes() -> None:
    numbers = validation_numbers(5)
    assert numbers == range(SPLITS['validation'].first, SPLITS['validation'].first + 5)
    assert numbers.start != SPLITS['test'].first


def test_what_is_not_there_any_more_is_lost(sample, truth, frame_of) -> None:
    segments = truth(sample)
    full = frame_of(sample, segments).segmentation
    trial = Trial(0.9, segmenter=None, sam=CountingSam.__new__(CountingSam))
    trial.add(frame_of(sample, segments[1:]), full)
    trial.add(frame_of(sample, [], 1), frame_of(sample, []).segmentation)
    measured = trial.measured(2)
    assert measured.lost == pytest.approx(1 / len(segments))
    assert np.isfinite(measured.stuff_miou)
