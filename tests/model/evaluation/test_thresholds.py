"""The list of thresholds is true and whole, and none was chosen on test data."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections import Counter
from pathlib import Path

import pytest

import rose_model
from rose_model.checkpoint import read_config
from rose_model.config import PatchFilterConfig, PostprocessConfig, RefinementConfig
from rose_model.evaluation.choosing import CHOSEN_ON
from rose_model.evaluation.thresholds import THRESHOLDS, VALIDATION_SPLITS, Origin, Threshold
from rose_model.presets import nano

SECTIONS = {
    'patch_filter': PatchFilterConfig,
    'postprocess': PostprocessConfig,
    'refinement': RefinementConfig,
}
SHIPPED = ('nano', 'nano-camvid')
NO_THRESHOLDS = {
    'rose_model.drawn_mask:OPACITY',  # how a mask is drawn
}


def told(item: Threshold) -> str:
    return item.place


@pytest.mark.parametrize('item', THRESHOLDS, ids=told)
def test_a_threshold_has_the_value_that_the_list_says(item: Threshold) -> None:
    assert item.current() == item.value


@pytest.mark.parametrize('item', THRESHOLDS, ids=told)
def test_what_was_measured_was_measured_on_validation_data(item: Threshold) -> None:
    if item.origin is Origin.MEASURED:
        assert item.split in VALIDATION_SPLITS
        assert item.images > 0
        assert item.command
    else:
        assert (item.split, item.images, item.command) == ('', 0, '')
    assert item.reason


def test_no_validation_split_is_one_that_tests_are_made_on() -> None:
    assert {f'streets {CHOSEN_ON}', 'camvid val'} == VALIDATION_SPLITS
    assert not any('test' in split for split in VALIDATION_SPLITS)


def test_a_threshold_is_listed_once() -> None:
    assert Counter(told(item) for item in THRESHOLDS).most_common(1)[0][1] == 1


@pytest.mark.parametrize('model', SHIPPED)
def test_every_limit_of_a_shipped_model_is_listed(model: str) -> None:
    listed = {item.place for item in THRESHOLDS}
    fields = {
        f'{model}:{section}.{key}'
        for section, kind in SECTIONS.items()
        for key in kind.model_fields
    }
    assert fields - listed == set()


def test_every_share_among_the_constants_of_the_core_is_listed() -> None:
    listed = {item.place for item in THRESHOLDS} | NO_THRESHOLDS
    found = set()
    for info in pkgutil.iter_modules([str(Path(rose_model.__file__).parent)], 'rose_model.'):
        if info.ispkg or info.name == 'rose_model.__main__':
            continue
        module = importlib.import_module(info.name)
        source = Path(str(module.__file__)).read_text()
        names = re.findall(r'^([A-Z][A-Z_]+) = 0\.\d+$', source, re.MULTILINE)
        found |= {f'{info.name}:{name}' for name in names}
    assert found - listed == set()
    assert 'rose_model.refinement:TRUSTED' in found


def test_what_is_inherited_is_what_the_other_model_has() -> None:
    of_nano = {item.place: item.value for item in THRESHOLDS if item.place.startswith('nano:')}
    for item in THRESHOLDS:
        if item.origin is Origin.INHERITED:
            assert of_nano[f'nano:{item.place.partition(":")[2]}'] == item.value


def test_a_model_trained_from_the_preset_has_the_thresholds_of_the_shipped_one() -> None:
    for section in SECTIONS:
        assert getattr(nano(), section) == getattr(read_config('nano'), section)
