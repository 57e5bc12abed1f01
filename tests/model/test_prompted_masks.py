"""SAM alone learns masks of points and boxes."""

from __future__ import annotations

import pytest
import torch

from rose_model.config import RoseConfig
from rose_model.rose import Rose
from rose_model.training.prompted_masks import (
    MAX_PROMPTS,
    PromptedImage,
    PromptedImages,
    PromptedMasks,
)
from rose_model.training.sources import streets


@pytest.fixture(scope='module')
def examples(config: RoseConfig) -> list[PromptedImage]:
    dataset = PromptedImages(streets(), config, 50, 3)
    return [dataset[index] for index in range(len(dataset))]


def test_points_and_boxes_lie_on_their_masks(examples: list[PromptedImage]) -> None:
    """Masks have half of the frame's resolution here: 32 for 64 pixels."""
    for example in examples:
        assert 1 <= len(example.masks) == len(example.points) <= MAX_PROMPTS
        for (x, y), box, mask in zip(example.points, example.boxes, example.masks, strict=True):
            assert mask[int(y / 2), int(x / 2)] > 0
            rows, columns = torch.nonzero(mask, as_tuple=True)
            middle = torch.tensor((columns.float().mean(), rows.float().mean())) * 2 + 1
            assert (box[:2] < middle + 2).all()
            assert (middle - 2 < box[2:]).all()


def test_an_example_follows_from_its_number(config: RoseConfig) -> None:
    long, late = (
        PromptedImages(streets(), config, 50, 3)[2],
        PromptedImages(streets(), config, 52, 1)[0],
    )
    assert all(torch.equal(value, vars(late)[name]) for name, value in vars(long).items())


def test_encoder_decoder_and_prompts_are_trained(
    rose: Rose, examples: list[PromptedImage]
) -> None:
    loss, terms = PromptedMasks(rose.sam)(examples)
    loss.backward()
    assert set(terms) == {'loss_mask_bce', 'loss_mask_dice', 'loss_mask_score'}
    parts = (
        rose.sam.image_encoder.patch_embed.proj,
        rose.sam.mask_decoder.output_hypernetworks_mlps[0].layers[0],
        rose.sam.prompt_encoder.point_embeddings[1],
        rose.sam.prompt_encoder.point_embeddings[2],
    )
    assert all(part.weight.grad is not None and part.weight.grad.any() for part in parts)


def test_a_batch_can_be_learned_by_heart(rose: Rose, examples: list[PromptedImage]) -> None:
    module = PromptedMasks(rose.sam)
    optimizer = torch.optim.AdamW(module.parameters(), 3e-3)
    first, _ = module(examples[:2])
    for _ in range(120):
        loss, _ = module(examples[:2])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.6 * first.detach()
