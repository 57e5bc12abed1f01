"""What the patches see: the instruction, and never the response."""

from __future__ import annotations

import pytest
import torch
from transformers import SiglipVisionConfig, SiglipVisionModel

from rose_model.backbones.lmm import VisionTower
from rose_model.config import RoseConfig, VisionConfig
from rose_model.instructions import ALL_REGIONS, FOREGROUND, Prompter
from rose_model.perception import PatchPerception, prefix_mask
from rose_model.preprocess import normalise_lmm
from rose_model.rose import Rose, build_rose


@pytest.fixture
def pixels(config: RoseConfig) -> torch.Tensor:
    side = config.vision.input_size
    colours = torch.randint(0, 256, (2, 3, side, side), dtype=torch.uint8)
    return normalise_lmm(colours)


def build_perception(config: RoseConfig, attention: str) -> PatchPerception:
    torch.manual_seed(1)
    language = config.language.model_copy(update={'attention': attention})
    return build_rose(config.model_copy(update={'language': language})).eval().perception


def patches_of(perception: PatchPerception, pixels: torch.Tensor, prompter: Prompter, text: str):
    with torch.no_grad():
        return perception(pixels, [prompter.perception(text)] * len(pixels)).object_embedding


def test_every_patch_has_one_embedding(
    rose: Rose, pixels: torch.Tensor, prompter: Prompter
) -> None:
    embedding = patches_of(rose.perception, pixels, prompter, ALL_REGIONS)
    assert embedding.shape == (2, 36, 32)


@pytest.mark.parametrize('attention', ['prefix', 'causal_text_first'])
def test_patches_change_with_the_instruction(
    config: RoseConfig, pixels: torch.Tensor, prompter: Prompter, attention: str
) -> None:
    perception = build_perception(config, attention)
    dense = patches_of(perception, pixels, prompter, ALL_REGIONS)
    foreground = patches_of(perception, pixels, prompter, FOREGROUND)
    assert not torch.allclose(dense, foreground, atol=1e-4)


def test_under_a_causal_mask_with_the_image_first_the_instruction_is_never_seen(
    config: RoseConfig, pixels: torch.Tensor, prompter: Prompter
) -> None:
    perception = build_perception(config, 'causal')
    dense = patches_of(perception, pixels, prompter, ALL_REGIONS)
    foreground = patches_of(perception, pixels, prompter, FOREGROUND)
    torch.testing.assert_close(dense, foreground)


@pytest.mark.parametrize('attention', ['prefix', 'causal_text_first', 'causal'])
def test_patches_do_not_depend_on_the_response(
    config: RoseConfig, pixels: torch.Tensor, prompter: Prompter, attention: str
) -> None:
    perception = build_perception(config, attention)
    prompts = [prompter.perception(ALL_REGIONS)] * 2
    with torch.no_grad():
        silent = perception(pixels, prompts).object_embedding
        first = perception(pixels, prompts, [(5, 6, 7), (8, 9)])
        second = perception(pixels, prompts, [(300,), (301, 302, 303, 304)])
    torch.testing.assert_close(first.object_embedding, silent, atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(second.object_embedding, silent, atol=1e-4, rtol=1e-3)
    assert first.response_logits is not None
    assert first.response_logits.shape == (5, config.language.vocabulary)


def test_a_response_token_sees_only_what_came_before(
    rose: Rose, pixels: torch.Tensor, prompter: Prompter
) -> None:
    prompts = [prompter.perception(ALL_REGIONS)]
    with torch.no_grad():
        short = rose.perception(pixels[:1], prompts, [(5, 6)]).response_logits
        long = rose.perception(pixels[:1], prompts, [(5, 6, 7, 8)]).response_logits
    torch.testing.assert_close(long[:2], short)


def test_rows_of_a_batch_do_not_touch_each_other(
    rose: Rose, pixels: torch.Tensor, prompter: Prompter
) -> None:
    prompts = [
        prompter.perception(ALL_REGIONS),
        prompter.perception('Segment the red car, please.'),
    ]
    with torch.no_grad():
        both = rose.perception(pixels, prompts).object_embedding
        for row in (0, 1):
            alone = rose.perception(pixels[row : row + 1], prompts[row : row + 1]).object_embedding
            torch.testing.assert_close(both[row : row + 1], alone, atol=1e-4, rtol=1e-3)


def test_the_prefix_is_bidirectional_and_the_rest_causal() -> None:
    mask = prefix_mask([2], 4)[0, 0]
    expected = torch.tensor([[1, 1, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1]]).bool()
    assert torch.equal(mask, expected)


@pytest.mark.parametrize('stem', ['patch', 'convolutional'])
def test_a_zero_mask_equals_no_mask_channel(stem: str) -> None:
    tower = VisionTower(
        VisionConfig(
            input_size=48,
            position_size=48,
            patch_size=8,
            width=48,
            mlp_width=64,
            layers=1,
            heads=2,
            stem=stem,
        )
    ).eval()
    colours = torch.randint(0, 256, (1, 3, 48, 48), dtype=torch.uint8)
    with torch.no_grad():
        absent = tower(normalise_lmm(colours))
        zero = tower(normalise_lmm(colours, torch.zeros(1, 1, 48, 48)))
        for parameter in tower.parameters():
            if parameter.ndim == 4 and parameter.shape[1] == 4:
                parameter[:, 3] = torch.randn_like(parameter[:, 3])
        other_slice = tower(normalise_lmm(colours))
    assert torch.equal(absent, zero)
    assert torch.equal(absent, other_slice)


def test_with_a_zero_mask_the_tower_is_siglip() -> None:
    """The tower equals transformers' own three-channel SigLIP before its last norm."""
    tower = VisionTower(
        VisionConfig(
            input_size=56,
            position_size=28,
            patch_size=14,
            width=32,
            mlp_width=64,
            layers=2,
            heads=2,
            stem='patch',
        )
    ).eval()
    siglip = SiglipVisionModel(
        SiglipVisionConfig(
            image_size=28,
            patch_size=14,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            vision_use_head=False,
        )
    ).eval()
    state = tower.siglip.state_dict()
    name = next(key for key in state if key.endswith('patch_embedding.weight'))
    state[name] = state[name][:, :3]
    siglip.load_state_dict(state)
    colours = torch.randint(0, 256, (1, 3, 56, 56), dtype=torch.uint8)
    pixels = normalise_lmm(colours)
    with torch.no_grad():
        expected = siglip(
            pixels[:, :3], interpolate_pos_encoding=True, output_hidden_states=True
        ).hidden_states[-1]
        torch.testing.assert_close(tower(pixels), expected)


def test_half_precision_never_runs_eager_attention(rose: Rose) -> None:
    assert rose.perception.language_model.config._attn_implementation == 'sdpa'
    assert rose.perception.vision_tower.siglip.config._attn_implementation == 'sdpa'


def test_keeping_all_patches_equals_keeping_none_away(
    rose: Rose, pixels: torch.Tensor, prompter: Prompter
) -> None:
    prompts = [prompter.perception(text) for text in (ALL_REGIONS, FOREGROUND)]
    with torch.no_grad():
        patches = rose.perception.encode(pixels)
        everything = torch.arange(patches.shape[1]).expand(2, -1)
        whole = rose.perception.read(patches, prompts).object_embedding
        kept = rose.perception.read(patches, prompts, kept=everything).object_embedding
    torch.testing.assert_close(kept, whole, rtol=1e-4, atol=1e-5)


def test_what_is_not_kept_is_not_seen(
    rose: Rose, pixels: torch.Tensor, prompter: Prompter
) -> None:
    prompts = [prompter.perception(ALL_REGIONS)] * 2
    kept = torch.tensor([[0, 5, 9], [1, 2, 35]])
    with torch.no_grad():
        patches = rose.perception.encode(pixels)
        before = rose.perception.read(patches, prompts, kept=kept).object_embedding
        changed = torch.randn_like(patches)
        for row, places in enumerate(kept):
            changed[row, places] = patches[row, places]
        after = rose.perception.read(changed, prompts, kept=kept).object_embedding
    assert before.shape[1] == 3
    assert torch.equal(before, after)
