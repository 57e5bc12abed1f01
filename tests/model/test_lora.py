"""LoRA: at first nothing changes, then only what the paper trains, and merging changes nothing."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn
from typer.testing import CliRunner

from rose_model.checkpoint import stored_state
from rose_model.cli.main import app
from rose_model.config import RoseConfig
from rose_model.instructions import Prompter
from rose_model.presets import rose_0_5b, rose_7b
from rose_model.rose import Rose, build_rose
from rose_model.tokenizer import CATEGORY_TOKEN, END_TOKEN, RoseTokenizer
from rose_model.training.adapters import add_adapters, merge_adapters
from rose_model.training.lora import LORA_PRESETS, LoraRecipe
from rose_model.training.objective import Objective
from rose_model.training.sources import streets
from rose_model.training.stages import WholeStage
from rose_model.training.trainable import Part, count_lora, count_parts

TOKENS = (1, 2, 3)
RECIPES = {
    'whole': LoraRecipe(rank=4, alpha=8, dropout=0.0),
    'rows': LoraRecipe(rank=4, alpha=8, dropout=0.0, tables='rows'),
    'query_key': LoraRecipe(rank=4, alpha=8, dropout=0.0, targets='query_key'),
}


@pytest.fixture(params=[False, True], ids=['untied', 'tied'])
def model(config: RoseConfig, request: pytest.FixtureRequest) -> Rose:
    """Large weights, so that outputs differ clearly."""
    language = config.language.model_copy(update={'tied_embeddings': request.param})
    torch.manual_seed(1)
    rose = build_rose(config.model_copy(update={'language': language})).eval()
    for parameter in rose.perception.language_model.parameters():
        nn.init.normal_(parameter, std=0.3)
    return rose


def logits(rose: Rose, ids: Tensor) -> Tensor:
    with torch.no_grad():
        found: Tensor = rose.perception.language_model(input_ids=ids).logits
    return found


def disturb_trained(rose: Rose) -> None:
    """As training would, but more."""
    for parameter in rose.parameters():
        if parameter.requires_grad:
            parameter.data += 0.1 * torch.randn_like(parameter)


@pytest.mark.parametrize('name', RECIPES)
def test_fresh_adapters_change_nothing(model: Rose, name: str) -> None:
    ids = torch.randint(0, 700, (2, 11))
    before = logits(model, ids)
    add_adapters(model, RECIPES[name], TOKENS)
    assert torch.equal(logits(model, ids), before)


@pytest.mark.parametrize('name', RECIPES)
def test_merged_adapters_give_what_the_adapted_model_gave(model: Rose, name: str) -> None:
    ids = torch.randint(0, 700, (2, 11))
    names = set(stored_state(model))
    untrained = logits(model, ids)
    adapters = add_adapters(model, RECIPES[name], TOKENS)
    disturb_trained(model)
    adapted = logits(model, ids)
    assert not torch.allclose(adapted, untrained, atol=0.1)
    merge_adapters(adapters)
    torch.testing.assert_close(logits(model, ids), adapted, rtol=1e-4, atol=1e-4)
    assert set(stored_state(model)) == names


@pytest.mark.parametrize('name', RECIPES)
def test_a_tied_head_is_still_the_table_after_merging(config: RoseConfig, name: str) -> None:
    """Fault of others: the trained head was silently thrown away."""
    language = config.language.model_copy(update={'tied_embeddings': True})
    rose = build_rose(config.model_copy(update={'language': language})).eval()
    adapters = add_adapters(rose, RECIPES[name], TOKENS)
    disturb_trained(rose)
    merge_adapters(adapters)
    language_model = rose.perception.language_model
    head, table = language_model.lm_head.weight, language_model.model.embed_tokens.weight
    assert head.data_ptr() == table.data_ptr()
    assert language_model.config.tie_word_embeddings


def test_only_the_rows_of_the_special_tokens_are_trained(model: Rose) -> None:
    table = model.perception.language_model.get_input_embeddings().weight.detach().clone()
    adapters = add_adapters(model, RECIPES['rows'], TOKENS)
    disturb_trained(model)
    merge_adapters(adapters)
    after = model.perception.language_model.get_input_embeddings().weight
    changed = (after != table).any(1).nonzero().flatten().tolist()
    assert changed == list(TOKENS)


def trained_parts(parts: Sequence[Part]) -> set[str]:
    return {part.name for part in parts if part.trained}


def test_what_is_trained_is_what_the_paper_names(model: Rose) -> None:
    add_adapters(model, RECIPES['whole'], TOKENS)
    parts = count_parts(model)
    is_tied = model.config.language.tied_embeddings
    assert trained_parts(parts) == {
        'patch embedding',
        'token embeddings',
        'LoRA',
        'patch analyzer',
        'SAM mask decoder',
        *(() if is_tied else ('lm_head',)),
    }
    config = model.config.sam
    idle = (config.decoder_layers + 1) * config.prompt_width // 2  # biases without any effect
    for part in parts:
        whole = part.parameters - (idle if part.name == 'SAM mask decoder' else 0)
        assert part.trained in (0, whole), part
    counted = sum(part.parameters for part in parts)
    assert counted == sum(parameter.numel() for parameter in model.parameters())


def test_the_special_tokens_are_those_of_the_dialogue(
    tokenizer: RoseTokenizer, prompter: Prompter
) -> None:
    expected = {tokenizer.special(name) for name in (CATEGORY_TOKEN, END_TOKEN)}
    assert set(prompter.special_ids()) == expected


def objective_and_batch(
    rose: Rose, tokenizer: RoseTokenizer, prompter: Prompter
) -> tuple[Objective, list]:
    stage = WholeStage(rose, prompter, tokenizer, streets(1))
    dataset = stage.dataset(10, 2)
    return stage.module, stage.collate([dataset[0], dataset[1]])


def test_training_moves_the_loss_and_nothing_that_is_frozen(
    rose: Rose, tokenizer: RoseTokenizer, prompter: Prompter
) -> None:
    add_adapters(rose.train(), LORA_PRESETS['default'], prompter.special_ids())
    objective, batch = objective_and_batch(rose, tokenizer, prompter)
    before = {name: p.detach().clone() for name, p in rose.named_parameters()}
    optimizer = torch.optim.AdamW([p for p in rose.parameters() if p.requires_grad], lr=3e-3)
    losses = []
    for _ in range(12):
        loss, _ = objective(batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]
    for name, parameter in rose.named_parameters():
        is_same = torch.equal(before[name], parameter)
        assert is_same or parameter.requires_grad, name
    moved = {n for n, p in rose.named_parameters() if not torch.equal(before[n], p)}
    for part in ('lora_A', 'lora_B', 'patch_embedding', 'embed_tokens', 'lm_head', 'mask_decoder'):
        assert any(part in name for name in moved), part


def test_gradients_are_the_same_with_gradient_checkpointing(
    rose: Rose, tokenizer: RoseTokenizer, prompter: Prompter
) -> None:
    """Through frozen layers of both, down to the patch embedding."""
    recipe = LoraRecipe(rank=4, dropout=0.2)  # what dropout draws is drawn again
    add_adapters(rose.train(), recipe, prompter.special_ids())
    objective, batch = objective_and_batch(rose, tokenizer, prompter)
    found = []
    for is_checkpointed in (False, True):
        if is_checkpointed:
            rose.perception.language_model.activation_checkpointing_enable()
            rose.perception.vision_tower.siglip.activation_checkpointing_enable()
        rose.zero_grad()
        torch.manual_seed(7)
        objective(batch)[0].backward()
        found.append({n: p.grad for n, p in rose.named_parameters() if p.grad is not None})
    assert found[0].keys() == found[1].keys()
    assert any('patch_embedding' in name for name in found[0])
    for name, gradient in found[0].items():
        torch.testing.assert_close(found[1][name], gradient, rtol=1e-4, atol=1e-6, msg=name)


def test_counts_of_the_papers_size() -> None:
    parts = {part.name: part for part in count_lora(rose_7b(), LORA_PRESETS['paper'])}
    # seven projections of 28 layers, rank 8: 28 * 8 * (in + out of each)
    assert parts['LoRA'].trained == 20_185_088
    assert parts['token embeddings'].trained == parts['lm_head'].trained == 152_128 * 3584
    assert parts['patch embedding'].trained == 1152 * (4 * 14 * 14 + 1)
    light = {part.name: part for part in count_lora(rose_7b(), LORA_PRESETS['light'])}
    assert light['token embeddings'].trained == light['lm_head'].trained == 3 * 3584


def test_tied_tables_count_once() -> None:
    parts = {part.name: part for part in count_lora(rose_0_5b(), LORA_PRESETS['default'])}
    assert parts['lm_head'] == Part('lm_head', 0, 0)
    assert parts['token embeddings'].trained == 152_000 * 896


@pytest.mark.parametrize('lora', LORA_PRESETS)
def test_the_table_says_where_the_papers_share_cannot_be_met(lora: str) -> None:
    result = CliRunner().invoke(app, ['params', '--preset', 'rose_7b', '--lora', lora])
    assert result.exit_code == 0, result.output
    assert 'patch analyzer' in result.output
    assert '4.8%' in result.output
    assert 'lm_head alone are 11.8%' in result.output


def test_the_share_is_told_of_the_papers_size_only() -> None:
    result = CliRunner().invoke(app, ['params', '--preset', 'nano'])
    assert result.exit_code == 0, result.output
    assert '4.8%' not in result.output
    assert CliRunner().invoke(app, ['params', '--preset', 'nanno']).exit_code == 2
