"""``rose data check``: what lies below a folder is found, read, and told without embellishment."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from rose_model.cli.data import without_patch
from rose_model.cli.main import app
from rose_model.data.check import SetReport, check_set
from rose_model.data.formats import Format, Found, find_sets
from rose_model.data.sample import LabelledRegion, Sample
from rose_model.data.street_export import export_streets
from rose_model.errors import RoseError


@pytest.fixture
def lisa(tmp_path: Path, scene: np.ndarray, layouts: ModuleType) -> Path:
    """The tree of LISA's README, unchanged, with one image in each set."""
    root = tmp_path / 'dataset'
    for split in ('training', 'validation'):
        layouts.write_image(root / 'ade20k' / 'images' / split / 'ADE_1.jpg')
        labels = root / 'ade20k' / 'annotations' / split / 'ADE_1.png'
        layouts.write_map(labels, layouts.ADE.map(scene))
    layouts.write_image(root / 'coco' / 'train2017' / '000000000001.jpg')
    labels = layouts.COCO_STUFF.map(scene, void=256) - 1
    layouts.write_map(root / 'cocostuff' / 'train2017' / '000000000001.png', labels)
    (root / 'cocostuff' / 'annotations').mkdir()
    layouts.write_mapillary(root / 'mapillary', scene)
    for part in ('testing/images', 'validation/images'):
        layouts.write_image(root / 'mapillary' / part / 'def.jpg')
    for name in ('refclef', 'refcoco', 'refcoco+', 'refcocog'):
        layouts.write_refer(root / 'refer_seg' / name, scene)
    layouts.write_json(root / 'llava_dataset' / 'llava_instruct_150k.json', {'a': []})
    reason = root / 'reason_seg' / 'ReasonSeg' / 'train'
    layouts.write_image(reason / '1_2.jpg')
    layouts.write_json(reason / '1_2.json', {'text': ['what can cut'], 'shapes': []})
    layouts.write_json(root / 'vlpart' / 'paco' / 'annotations' / 'paco_lvis_v1_train.json', {})
    layouts.write_json(root / 'vlpart' / 'pascal_part' / 'train.json', {})
    return root


def test_lisas_tree_is_read_as_it_is(lisa: Path) -> None:
    """Of it ROSE learns from nothing in llava_dataset, reason_seg and vlpart."""
    found = {
        (item.format, str(item.root.relative_to(lisa)), item.split) for item in find_sets(lisa)
    }
    assert found == {
        (Format.ADE20K, 'ade20k', 'training'),
        (Format.ADE20K, 'ade20k', 'validation'),
        (Format.COCO_STUFF, 'cocostuff', 'train2017'),
        (Format.MAPILLARY, 'mapillary', 'v2.0/training'),
        (Format.REFER, 'refer_seg/refclef', 'unc'),
        (Format.REFER, 'refer_seg/refcoco', 'unc'),
        (Format.REFER, 'refer_seg/refcoco+', 'unc'),
        (Format.REFER, 'refer_seg/refcocog', 'unc'),
    }
    for item in find_sets(lisa):
        assert len(item.open(0.0)[0].regions) >= 4


def check(*arguments: Any) -> tuple[int, str]:
    result = CliRunner().invoke(app, ['data', 'check', *map(str, arguments)])
    return result.exit_code, result.output


def test_a_sound_tree_is_told_in_a_table_and_in_json(lisa: Path, tmp_path: Path) -> None:
    code, output = check(lisa, '--json', tmp_path / 'out' / 'check.json')
    assert code == 0, output
    assert 'refer unc' in output
    assert 'connected parts of a thing class' in output
    assert '3 references; expressions: train 2, val 1' in output
    record = json.loads((tmp_path / 'out' / 'check.json').read_text())
    assert record['grid_size'] == 48
    mapillary = next(item for item in record['sets'] if item['format'] == 'mapillary')
    assert mapillary == {
        'format': 'mapillary',
        'root': str(lisa / 'mapillary'),
        'split': 'v2.0/training',
        'is_usable': True,
        'images': 1,
        'faults': [],
        'things': {'car': 2, 'person': 1},
        'stuff': {'road': 1, 'sky': 1},
        'unseen': [],
        'lost': {},
        'without_patch': {},
        'void_share': pytest.approx(4 / 60),
        'notes': [],
    }
    ade = next(item for item in record['sets'] if item['format'] == 'ade20k')
    assert len(ade['unseen']) == 150 - 4


def test_exported_streets_are_found_and_sound(tmp_path: Path) -> None:
    export_streets(tmp_path / 'streets', range(3), (96, 128), split='val')
    assert find_sets(tmp_path) == [
        Found(Format.COCO, tmp_path / 'streets', 'val'),
        Found(Format.REFER, tmp_path / 'streets' / 'refer', 'streets'),
    ]
    code, output = check(tmp_path, '--strict')
    assert code == 0, output


def test_nothing_to_check_is_one_line_with_the_code_of_data(tmp_path: Path) -> None:
    for root, told in ((tmp_path, 'no data set in a known layout'), (tmp_path / 'x', 'is not a')):
        code, output = check(root)
        assert code == 3
        assert told in ' '.join(output.split())


def write_many(root: Path, scene: np.ndarray, layouts: ModuleType, count: int) -> Found:
    for number in range(count):
        found = layouts.write_ade20k(root, scene, f'ADE_{number:03d}')
    return found


def report_on(found: Found, workers: int = 1) -> SetReport:
    return check_set(found, without_patch, workers=workers, progress=lambda reads, count: reads)


def test_faults_up_to_one_in_a_hundred_are_told_and_more_are_refused(
    tmp_path: Path, scene: np.ndarray, layouts: ModuleType
) -> None:
    found = write_many(tmp_path, scene, layouts, 100)
    # This one shows only when its pixels are decoded.
    path = tmp_path / 'annotations' / 'training' / 'ADE_008.png'
    layouts.write_map(path, np.full(layouts.SIZE, 200))
    report = report_on(found)
    assert (report.images, report.is_usable, len(report.faults)) == (99, True, 1)
    code, output = check(tmp_path)
    assert code == 0
    assert 'ADE_008.png has the unknown ids 200' in output
    assert check(tmp_path, '--strict')[0] == 3
    (tmp_path / 'images' / 'training' / 'ADE_007.jpg').write_bytes(b'')
    report = report_on(found)
    assert (report.images, report.is_usable, len(report.faults)) == (98, False, 2)
    code, output = check(tmp_path, '--json', tmp_path / 'check.json')
    assert code == 3
    assert 'REFUSED' in output
    (record,) = json.loads((tmp_path / 'check.json').read_text())['sets']
    assert [name in ' '.join(record['faults']) for name in ('007', '008')] == [True, True]


def test_a_set_without_anything_sound_does_not_hide_the_others(
    tmp_path: Path, scene: np.ndarray, layouts: ModuleType
) -> None:
    layouts.write_mapillary(tmp_path / 'mapillary', scene)
    (tmp_path / 'mapillary' / 'config_v2.0.json').unlink()
    layouts.write_cityscapes(tmp_path / 'cityscapes', scene)
    code, output = check(tmp_path, '--json', tmp_path / 'check.json')
    assert code == 3
    assert 'config_v2.0.json is not a file' in output
    sets = json.loads((tmp_path / 'check.json').read_text())['sets']
    assert {item['format']: item['images'] for item in sets} == {'cityscapes': 1, 'mapillary': 0}


@pytest.mark.slow
def test_the_report_does_not_depend_on_the_number_of_processes(
    tmp_path: Path, scene: np.ndarray, layouts: ModuleType
) -> None:
    found = write_many(tmp_path, scene, layouts, 40)
    path = tmp_path / 'annotations' / 'training' / 'ADE_008.png'
    layouts.write_map(path, np.full(layouts.SIZE, 200))
    assert report_on(found, workers=2) == report_on(found)


def end_at_once(sample: Sample) -> tuple[str, ...]:
    os._exit(1)


@pytest.mark.slow
def test_a_lost_process_is_said(tmp_path: Path, scene: np.ndarray, layouts: ModuleType) -> None:
    found = write_many(tmp_path, scene, layouts, 2)
    with pytest.raises(RoseError, match='A process that reads was lost'):
        check_set(found, end_at_once, workers=2, progress=lambda reads, count: reads)


def test_what_is_covered_and_what_no_patch_answers_for_is_counted(
    tmp_path: Path, scene: np.ndarray, layouts: ModuleType
) -> None:
    found = layouts.write_coco(tmp_path, scene)
    path = tmp_path / 'annotations' / 'instances_train2017.json'
    content = json.loads(path.read_text())
    hidden = np.isin(scene, (layouts.CAR, layouts.OTHER_CAR))
    under = {**content['annotations'][2], 'id': 99}
    under['segmentation'] = layouts.encode_mask(hidden)
    content['annotations'].append(under)
    path.write_text(json.dumps(content))
    report = report_on(found)
    assert report.lost == {'car': 1}
    assert (report.things['car'], report.without_patch.total()) == (2, 0)


def test_regions_in_one_place_have_no_patch_each() -> None:
    """Twenty rings around one centre want the same nine patches."""
    kinds = tuple(LabelledRegion('ring', '', True) for _ in range(20))
    index_map = np.full((200, 200), 255, np.uint8)
    for number in range(20):
        low, high = 60 + number, 140 - number
        index_map[low:high, low:high] = number
    sample = Sample(np.zeros((200, 200, 3), np.uint8), index_map, kinds)
    lost = without_patch(sample)
    assert 0 < len(lost) < 20
    assert set(lost) == {'ring'}


def test_the_publishers_samples_are_told_as_they_are(test_data: Path, tmp_path: Path) -> None:
    """The example of COCO-Stuff comes without images and is refused; the others are sound."""
    code, output = check(test_data / 'formats', '--json', tmp_path / 'check.json')
    assert code == 3
    sets = json.loads((tmp_path / 'check.json').read_text())['sets']
    counts = {
        item['format']: (item['images'], sum(item['things'].values()), sum(item['stuff'].values()))
        for item in sets
        if item['is_usable']
    }
    assert counts == {
        'ade20k': (2, 0, 13),
        'ade20k-full': (2, 61, 10),
        'cityscapes': (1, 7, 8),
        'coco': (1, 14, 3),
        'coco-panoptic': (1, 14, 3),
    }
    refused = {item['format'] for item in sets if not item['is_usable']}
    assert refused == {'coco-stuff', 'coco-stuff-json'}
    assert 'The images of train2017 are in none of' in output
