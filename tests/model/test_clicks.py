"""Clicks: where they are in SAM's frame, and which masks agree with them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rose_model.backbones.sam import Sam
from rose_model.backends.torch import TorchSam
from rose_model.clicks import check_points, holds_clicks, point_prompt, to_sam_frame
from rose_model.config import RoseConfig
from rose_model.errors import InvalidRequestError
from rose_model.postprocess import crop_masks
from rose_model.preprocess import FrameGeometry
from rose_model.records import PointHint
from rose_model.training.click_targets import draw_clicks


def geometry_of(size: tuple[int, int], config: RoseConfig) -> FrameGeometry:
    return FrameGeometry.of(size, config)


def test_the_middle_of_the_image_is_the_middle_of_the_content(config: RoseConfig) -> None:
    geometry = geometry_of((30, 40), config)
    height, width = geometry.sam_content
    place = to_sam_frame(np.array([20.0, 15.0]), geometry) + 0.5  # the encoder adds the half pixel
    assert place.tolist() == [width / 2, height / 2]


def test_a_prompt_has_a_position_and_a_label_for_each_click(config: RoseConfig) -> None:
    points = (PointHint(1, 2, is_foreground=True), PointHint(3, 4, is_foreground=False))
    xy, labels = point_prompt(points, geometry_of((30, 40), config))
    assert xy.shape == (1, 2, 2)
    assert labels.tolist() == [[1, 0]]


@pytest.mark.parametrize('size', [(48, 64), (64, 48), (37, 91)])
def test_a_mask_holds_a_click_where_its_pixels_do(
    config: RoseConfig, size: tuple[int, int]
) -> None:
    geometry, side = geometry_of(size, config), config.sam.mask_size
    rng = np.random.default_rng(0)
    coarse = torch.from_numpy(rng.normal(size=(1, 1, 5, 5))).float()
    logits = torch.nn.functional.interpolate(coarse, (side, side), mode='bilinear')[0]
    crop = crop_masks(logits, geometry)[0]
    full = np.zeros(size, bool)
    x1, y1, x2, y2 = crop.box_xyxy
    full[y1:y2, x1:x2] = crop.mask
    places = [
        (int(x), int(y)) for x, y in zip(*rng.integers(0, size[::-1], (200, 2)).T, strict=True)
    ]
    agreed = [
        holds_clicks(logits, [PointHint(x + 0.5, y + 0.5, is_foreground=True)], geometry)[0]
        == full[y, x]
        for x, y in places
    ]
    assert np.mean(agreed) > 0.95  # a mask is resized twice, a click is looked up once


def test_without_clicks_every_mask_agrees(config: RoseConfig) -> None:
    side = config.sam.mask_size
    assert holds_clicks(torch.zeros(3, side, side), [], geometry_of((9, 9), config)).all()


@pytest.mark.parametrize('x', [-1.0, 60.0, float('nan')])
def test_clicks_outside_of_the_image_are_refused(config: RoseConfig, x: float) -> None:
    with pytest.raises(InvalidRequestError, match='outside of the image of 60 x 40'):
        check_points([PointHint(x, 5, is_foreground=True)], geometry_of((40, 60), config))


def test_sam_sees_the_clicks(config: RoseConfig) -> None:
    torch.manual_seed(0)
    sam = Sam(config.sam).eval()
    backend, image = TorchSam(sam), torch.randn(1, 32, 8, 8)
    embedding, labels = torch.randn(3, 32), torch.tensor([[1]], dtype=torch.int32)
    with torch.inference_mode():
        here, scores = backend.decode_clicked(embedding, torch.zeros(1, 1, 2), labels, image)
        there, _ = backend.decode_clicked(embedding, torch.full((1, 1, 2), 40.0), labels, image)
        plain, _ = backend.decode(embedding, image)
    assert here.shape == plain.shape
    assert scores.shape == (3,)
    assert not torch.equal(here, there)
    assert not torch.equal(here, plain)


def test_training_clicks_where_a_user_would(config: RoseConfig) -> None:
    """On what a given mask misses, and on what it has too much."""
    mask, given = np.zeros((2, 48, 64), bool)
    mask[10:30, 10:40] = True
    given[10:30, 20:50] = True
    geometry = geometry_of((48, 64), config)
    seen = set()
    for number in range(60):
        points, labels = draw_clicks([mask], given, geometry, np.random.default_rng(number))
        for (x, y), label in zip(points[0].tolist(), labels[0].tolist(), strict=True):
            if label < 0:
                continue
            column, row = int(x + 0.5), int(y + 0.5)  # SAM's frame is the image here
            assert mask[row, column] == (label == 1)
            assert given[row, column] == (label == 0)
            seen.add(label)
    assert seen == {0, 1}


def test_no_mask_has_no_clicks(config: RoseConfig) -> None:
    points, labels = draw_clicks([], None, geometry_of((48, 64), config), np.random.default_rng(0))
    assert points.shape[0] == labels.shape[0] == 0
