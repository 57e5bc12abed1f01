"""The vision tower alone learns what covers each patch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from rose_model.config import RoseConfig
from rose_model.data.sample import VOID, LabelledRegion, Sample
from rose_model.rose import Rose
from rose_model.training.dense_labels import IGNORE, DenseLabelImages, DenseLabeller, patch_labels
from rose_model.training.sources import Source, streets

GRID = 4


@pytest.fixture(scope='module')
def source() -> Source:
    return streets()


def quarters(*regions: LabelledRegion) -> Sample:
    """At most two regions above; what is below is void."""
    index_map = np.full((32, 32), VOID, np.uint8)
    for number in range(len(regions)):
        index_map[:16, 16 * number : 16 * number + 16] = number
    return Sample(np.zeros((32, 32, 3), np.uint8), index_map, regions)


def test_patches_bear_the_noun_and_the_attribute_of_what_is_under_them(source: Source) -> None:
    sample = quarters(LabelledRegion('bus', 'red', True), LabelledRegion('sky', '', False))
    nouns, attributes = (labels.view(GRID, GRID) for labels in patch_labels(sample, source, GRID))
    assert (nouns[:2, :2] == source.nouns.index('bus')).all()
    assert (nouns[:2, 2:] == source.nouns.index('sky')).all()
    assert (attributes[:2, :2] == source.attributes.index('red')).all()
    assert (attributes[:2, 2:] == IGNORE).all()
    assert (nouns[2:] == IGNORE).all()


def test_an_example_follows_from_its_number(config: RoseConfig, source: Source) -> None:
    long, late = (
        DenseLabelImages(source, config, 50, 3)[2],
        DenseLabelImages(source, config, 52, 1)[0],
    )
    assert all(torch.equal(left, right) for left, right in zip(long, late, strict=True))


def test_a_source_without_attributes_teaches_nouns_alone(
    config: RoseConfig, rose: Rose, source: Source
) -> None:
    labeller = DenseLabeller(rose.perception.vision_tower, replace(source, attributes=()))
    pixels, nouns, attributes = DenseLabelImages(source, config, 0, 1)[0]
    loss, figures = labeller(
        [pixels[None], nouns[None], torch.full_like(attributes, IGNORE)[None]]
    )
    loss.backward()
    assert figures['loss_attribute'] == 0
    assert loss == figures['loss_noun'] > 0
    assert labeller.nouns.weight.grad is not None


def test_an_image_of_which_nothing_is_labelled_has_a_loss_of_zero(
    config: RoseConfig, rose: Rose, source: Source
) -> None:
    labeller = DenseLabeller(rose.perception.vision_tower, source)
    pixels, nouns, _ = DenseLabelImages(source, config, 0, 1)[0]
    nothing = torch.full_like(nouns, IGNORE)[None]
    loss, figures = labeller([pixels[None], nothing, nothing])
    assert loss == 0
    assert not any(figures.values())


def test_a_common_noun_counts_less_than_another(
    config: RoseConfig, rose: Rose, source: Source
) -> None:
    labeller = DenseLabeller(rose.perception.vision_tower, source)
    labeller.nouns.weight.data.zero_()
    labeller.nouns.bias.data.zero_()
    labeller.nouns.bias.data[source.nouns.index('bus')] = 5
    pixels, nouns, _ = DenseLabelImages(source, config, 0, 1)[0]
    nouns[:] = source.nouns.index('sky')
    nouns[0] = source.nouns.index('bus')
    figures = labeller.losses(pixels[None], nouns[None], torch.full_like(nouns, IGNORE)[None])
    assert figures['loss_noun'] < 5 * (len(nouns) - 1) / len(nouns)  # the unweighted mean
    assert figures['noun'] == 1
