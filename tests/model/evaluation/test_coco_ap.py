"""COCO's mask AP, on a file of ours: against pycocotools fed by hand, and against torchmetrics."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from torchmetrics.detection import MeanAveragePrecision

from rose_model.data.coco import CocoInstances
from rose_model.data.coco_masks import decode, encode_mask
from rose_model.evaluation.coco_ap import CocoAp, CocoTruth
from rose_model.evaluation.semantic import UNMAPPED

SIZE = (120, 160)
CATEGORIES = [
    {'id': 3, 'name': 'car'},
    {'id': 90, 'name': 'toothbrush'},
    {'id': 17, 'name': 'cat'},
]
CAR, TOOTHBRUSH, CAT = range(3)
IMAGES = (42, 7)


def rectangle(top: int, left: int, height: int, width: int) -> np.ndarray:
    mask = np.zeros(SIZE, bool)
    mask[top : top + height, left : left + width] = True
    return mask


def annotation(number: int, image: int, category: int, mask: np.ndarray, **more) -> dict:
    return {
        'id': number,
        'image_id': image,
        'category_id': category,
        'segmentation': encode_mask(mask),
        'area': int(mask.sum()),
        'iscrowd': 0,
        **more,
    }


ANNOTATIONS = [
    annotation(0, 42, 3, rectangle(0, 0, 20, 20)),  # small, with the id that COCOeval misreads
    annotation(1, 42, 3, rectangle(20, 0, 60, 80)),
    annotation(2, 42, 17, rectangle(60, 30, 40, 40)),  # overlaps the car
    annotation(3, 7, 3, rectangle(0, 0, 110, 110), iscrowd=0),
    annotation(4, 7, 17, rectangle(0, 120, 60, 40), iscrowd=1),
    annotation(5, 7, 90, rectangle(100, 0, 10, 60)),
]


@pytest.fixture
def truth(tmp_path: Path) -> CocoTruth:
    for number in IMAGES:
        Image.new('RGB', SIZE[::-1]).save(tmp_path / f'{number}.png')
    images = [
        {'id': number, 'file_name': f'{number}.png', 'height': SIZE[0], 'width': SIZE[1]}
        for number in IMAGES
    ]
    content = {'images': images, 'annotations': ANNOTATIONS, 'categories': CATEGORIES}
    path = tmp_path / 'instances.json'
    path.write_text(json.dumps(content))
    return CocoTruth(path, CocoInstances(path, tmp_path))


@pytest.fixture
def guesses(segment_of):
    """Segments by image, with the number of their class: shifted, doubled, wrong, of none."""
    rng = np.random.default_rng(2)
    answers: dict[int, tuple[list, list]] = {number: ([], []) for number in IMAGES}
    numbers = {item['id']: index for index, item in enumerate(CATEGORIES)}
    for item in ANNOTATIONS:
        box = np.argwhere(_decode(item))
        (top, left), (bottom, right) = box.min(0), box.max(0)
        for _ in range(3):
            shift = rng.integers(0, 12, 2)
            mask = rectangle(top + shift[0], left + shift[1], bottom - top + 1, right - left + 1)
            segments, classes = answers[item['image_id']]
            segments.append(segment_of(mask, 'x', objectness=float(rng.random())))
            is_right = rng.random() < 0.7
            classes.append(numbers[item['category_id']] if is_right else int(rng.integers(-1, 3)))
    return answers


def _decode(item: dict) -> np.ndarray:
    return decode(item['segmentation']['counts'].encode(), SIZE)


def part_of(truth: CocoTruth, guesses) -> CocoAp:
    part = CocoAp(truth)
    for image, (segments, classes) in guesses.items():
        part.add(IMAGES.index(image), SIZE, segments, {'words': classes})
    return part


def measured(truth: CocoTruth, guesses, rule: str | None = 'words') -> dict[str, float]:
    figures = part_of(truth, guesses).figures(rule)
    return {key: figure.value for key, figure in figures.items()}


def test_it_is_what_pycocotools_prints_for_a_file_of_results(
    truth: CocoTruth, guesses, tmp_path: Path
) -> None:
    content = json.loads((tmp_path / 'instances.json').read_text())
    for item in content['annotations']:
        item['id'] += 1  # the judge's own trap: an annotation of the id 0 is never found
    (tmp_path / 'shifted.json').write_text(json.dumps(content))
    results = [
        {
            'image_id': image,
            'category_id': CATEGORIES[number]['id'],
            'segmentation': encode_mask(segment.full_mask(SIZE)),
            'score': segment.objectness,
        }
        for image, (segments, classes) in guesses.items()
        for segment, number in zip(segments, classes, strict=True)
        if number != UNMAPPED
    ]
    (tmp_path / 'results.json').write_text(json.dumps(results))
    with contextlib.redirect_stdout(io.StringIO()):
        file = COCO(str(tmp_path / 'shifted.json'))
        judge = COCOeval(file, file.loadRes(str(tmp_path / 'results.json')), 'segm')
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    mine = measured(truth, guesses)
    assert list(mine.values()) == pytest.approx([*judge.stats[:6], judge.stats[8]])
    assert 0.1 < mine['coco_ap'] < mine['coco_ap50'] < 1


def test_torchmetrics_agrees(truth: CocoTruth, guesses) -> None:
    theirs = MeanAveragePrecision(iou_type='segm', backend='pycocotools')
    numbers = {item['id']: index for index, item in enumerate(CATEGORIES)}
    for image, (segments, classes) in guesses.items():
        kept = [
            (s, number) for s, number in zip(segments, classes, strict=True) if number != UNMAPPED
        ]
        true = [item for item in ANNOTATIONS if item['image_id'] == image]
        theirs.update(
            [
                {
                    'masks': torch.from_numpy(np.stack([s.full_mask(SIZE) for s, _ in kept])),
                    'scores': torch.tensor([s.objectness for s, _ in kept]),
                    'labels': torch.tensor([number for _, number in kept]),
                }
            ],
            [
                {
                    'masks': torch.from_numpy(np.stack([_decode(item) for item in true])),
                    'labels': torch.tensor([numbers[item['category_id']] for item in true]),
                    'iscrowd': torch.tensor([item['iscrowd'] for item in true]),
                }
            ],
        )
    expected = theirs.compute()
    mine = measured(truth, guesses)
    pairs = {
        'coco_ap': 'map',
        'coco_ap50': 'map_50',
        'coco_ap75': 'map_75',
        'coco_ap_small': 'map_small',
        'coco_ap_medium': 'map_medium',
        'coco_ap_large': 'map_large',
        'coco_ar100': 'mar_100',
    }
    for key, name in pairs.items():
        assert mine[key] == pytest.approx(float(expected[name]), abs=1e-6), key


def test_the_truth_has_full_precision_with_and_without_classes(truth, segment_of) -> None:
    answers = {
        image: (
            [segment_of(item.mask, 'x') for item in truth.instances(IMAGES.index(image))],
            [item.number for item in truth.instances(IMAGES.index(image))],
        )
        for image in IMAGES
    }
    assert measured(truth, answers)['coco_ap'] == pytest.approx(1)
    anonymous = {
        image: (segments, [0] * len(segments)) for image, (segments, _) in answers.items()
    }
    figures = measured(truth, anonymous, rule=None)
    assert figures['coco_ap'] == figures['coco_ar100'] == pytest.approx(1)
    assert measured(truth, anonymous)['coco_ap'] < 1


def test_an_answer_on_a_crowd_is_neither_right_nor_wrong(truth, segment_of) -> None:
    car, crowd = truth.instances(IMAGES.index(7))[0], _decode(ANNOTATIONS[4])
    answer = [segment_of(car.mask, 'x'), segment_of(crowd, 'x', objectness=1.0)]
    assert measured(truth, {7: (answer, [CAR, CAT])})['coco_ap'] == pytest.approx(
        0.5
    )  # no toothbrush
    assert [item.number for item in truth.instances(IMAGES.index(7))] == [CAR, TOOTHBRUSH]


def test_no_answer_has_no_precision_and_no_image_no_figure(truth: CocoTruth) -> None:
    assert measured(truth, {42: ([], [])})['coco_ap'] == 0
    assert np.isnan(measured(truth, {})['coco_ap'])


def test_sizes_are_those_of_masks_and_not_of_boxes(truth, segment_of) -> None:
    """A thin frame has a large box and a small mask; it costs nothing among large things."""
    large = truth.instances(IMAGES.index(7))[0]
    frame = rectangle(0, 0, 120, 120) & ~rectangle(2, 2, 116, 116)
    answer = [segment_of(frame, 'x', objectness=1.0), segment_of(large.mask, 'x', objectness=0.5)]
    assert measured(truth, {7: (answer, [CAR, CAR])})['coco_ap_large'] == pytest.approx(1)


def test_the_figures_have_intervals_over_images(truth: CocoTruth, guesses) -> None:
    figure = part_of(truth, guesses).figures('words', '_x')['coco_ap50_x']
    assert figure.low <= figure.value <= figure.high
    assert figure.count == 5


def test_an_answer_has_a_class_by_each_rule(truth: CocoTruth, segment_of) -> None:
    (car, toothbrush) = truth.instances(IMAGES.index(7))
    part = CocoAp(truth)
    segments = [segment_of(car.mask, 'x'), segment_of(toothbrush.mask, 'x')]
    classes = {'words': [CAR, TOOTHBRUSH], 'strict': [CAR, UNMAPPED]}
    part.add(IMAGES.index(7), SIZE, segments, classes)
    assert part.figures('words')['coco_ap'].value == pytest.approx(1)
    assert part.figures('strict')['coco_ap'].value == pytest.approx(0.5)
    assert part.figures(None)['coco_ap'].value == pytest.approx(1)
