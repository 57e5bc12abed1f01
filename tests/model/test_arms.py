"""The arms of the paper's ablations: each builds, learns, answers, and differs where it should."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from rose_model import RoseSegmenter
from rose_model.answer_segmenter import AnswerSegmenter, segmenter_class
from rose_model.answers import tokens_of
from rose_model.arms import ARMS, configure
from rose_model.checkpoint import save_pretrained
from rose_model.config import STACKS, RoseConfig
from rose_model.data.streets import SEEN_PAIRS, render_scene
from rose_model.errors import ConfigError, RefinementError
from rose_model.instructions import Prompter
from rose_model.presets import PRESETS, nano
from rose_model.records import RefineTarget
from rose_model.rose import Rose, build_rose
from rose_model.super_patch import role_map
from rose_model.tokenizer import RoseTokenizer
from rose_model.training.arm import become_arm
from rose_model.training.corpus import street_corpus
from rose_model.training.examples import Example, ExampleDataset
from rose_model.training.objective import Objective
from rose_model.training.recipe import read_recipe
from rose_model.training.sources import streets

ALONG = ('along_region', 'vanilla_stack', 'dense_stack')
SAME = ('concatenation', 'super_patch_3x3')
"""Arms that are the model as it is."""


@pytest.fixture(scope='module')
def base(config: RoseConfig) -> RoseConfig:
    """The small model with room for a token more."""
    language = config.language.model_copy(update={'vocabulary': 704})
    text = config.text.model_copy(update={'vocabulary': 704})
    return config.model_copy(update={'language': language, 'text': text})


@pytest.fixture(scope='module')
def words() -> RoseTokenizer:
    return RoseTokenizer.train(street_corpus(), 700)


@pytest.fixture
def built(base: RoseConfig, words: RoseTokenizer, request: pytest.FixtureRequest):
    """A model of the arm that the test names, its tokenizer, and examples for it."""
    config = configure(base, request.param)
    tokenizer = words.with_special(*tokens_of(config.ablation.framework))
    torch.manual_seed(1)
    rose = build_rose(config)
    return rose, tokenizer, examples_of(config, tokenizer)


def examples_of(config: RoseConfig, tokenizer: RoseTokenizer) -> list[Example]:
    source = replace(streets(), read=lambda n: render_scene(n, (60, 80), pairs=SEEN_PAIRS))
    dataset = ExampleDataset(source, 0, 3, config, Prompter(tokenizer, 'rose'))
    return [dataset[index] for index in range(3)]


def test_every_row_of_tables_3_4_and_6_is_an_arm() -> None:
    configs = {arm: configure(nano(), arm) for arm in ARMS}
    assert {c.ablation.framework for c in configs.values()} == {
        'decode_embed', 'along_region', 'vanilla_stack', 'dense_stack',
    }  # fmt: skip
    assert {len(c.super_patch.layout) for c in configs.values()} == {0, 2, 3}
    assert {c.ablation.refinement for c in configs.values()} == {
        'concatenation', 'drawn_mask', 'drawn_mask_and_box',
    }  # fmt: skip
    assert configs['decode_embed'] == configs['no_super_patch']  # the tables share this row


@pytest.mark.parametrize('preset', PRESETS)
def test_the_defaults_are_the_model_itself(preset: str) -> None:
    config = PRESETS[preset]()
    for arm in SAME:
        assert configure(config, arm) == config


def test_no_arm_changes_a_weights_name_or_shape() -> None:
    with torch.device('meta'):
        shapes = {
            arm: {k: v.shape for k, v in build_rose(configure(nano(), arm)).state_dict().items()}
            for arm in (*ALONG, 'super_patch_2x2', 'drawn_mask_and_box', 'concatenation')
        }
    assert all(found == shapes['concatenation'] for found in shapes.values())


def test_an_unknown_arm_and_a_stack_with_roles_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"No arm 'stack'; .*vanilla_stack"):
        configure(nano(), 'stack')
    content = {**nano().model_dump(), 'ablation': {'framework': 'dense_stack'}}
    with pytest.raises(ValidationError, match='no patch has a role'):
        RoseConfig.model_validate(content)
    with pytest.raises(ValidationError, match='framework'):
        RoseConfig.model_validate({**nano().model_dump(), 'ablation': {'framework': 'x'}})


def test_a_folder_from_before_the_arms_is_the_model_itself(tmp_path: Path) -> None:
    content = nano().model_dump(mode='json')
    del content['ablation']
    assert RoseConfig.model_validate(content) == nano()


@pytest.mark.parametrize('built', sorted({*ARMS} - {*SAME, 'decode_embed'}), indirect=True)
def test_a_few_steps_of_training_lower_the_loss(built) -> None:
    rose, tokenizer, examples = built
    objective = Objective(rose, Prompter(tokenizer, 'rose'), tokenizer)
    optimizer = torch.optim.AdamW(objective.parameters(), 3e-3)
    losses = []
    for _ in range(6):
        loss, terms = objective(examples)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert np.isfinite(losses).all()
    assert losses[-1] < 0.9 * losses[0]
    framework = rose.config.ablation.framework
    assert terms['loss_mask_bce'] > 0
    assert (terms['loss_objectness'] > 0) == (framework not in STACKS)
    assert (terms['loss_category'] > 0) == (framework == 'decode_embed')


@pytest.mark.parametrize('built', ['vanilla_stack', 'dense_stack'], indirect=True)
def test_in_the_stacks_masks_are_learned_by_the_states_of_seg(built) -> None:
    rose, tokenizer, examples = built
    token = tokenizer.special('<SEG>')
    copies = 3 if rose.config.ablation.framework == 'dense_stack' else 1
    for example in examples:
        for question in example.questions:
            assert question.kept is None
            said = [question.response[place] for place in question.patches.tolist()]
            assert said == [token] * len(question.names)
            assert question.response.count(token) == len(said)
            assert len(question.masked) == len(question.masks)
            assert len(question.masked) % copies == 0
    rose.patch_analyzer.objectness_head.requires_grad_(False)
    objective = Objective(rose, Prompter(tokenizer, 'rose'), tokenizer)
    objective(examples)[0].backward()
    assert rose.patch_analyzer.mask_head[0].weight.grad.abs().sum() > 0
    assert rose.patch_analyzer.category_head[0].weight.grad is None
    assert rose.perception.language_model.lm_head.weight.grad[token].abs().sum() > 0


@pytest.mark.parametrize('built', ['along_region'], indirect=True)
def test_along_region_names_follow_the_raster_order_of_the_patches(built) -> None:
    _, tokenizer, examples = built
    form = Prompter(tokenizer, 'rose').answers('along_region')
    for example in examples:
        question = example.questions[0]
        spoken = form.read(question.response[:-1])
        order = question.patches.argsort(stable=True).tolist()
        assert [name.ids for name in spoken] == [question.name_ids[row][:-1] for row in order]


def opened(rose: Rose, tokenizer: RoseTokenizer, folder: Path) -> RoseSegmenter:
    """A model whose masks and answers differ, saved and opened again."""
    spread = ('mask_head', 'hypernetworks', 'projector', 'objectness', 'output_upscaling')
    for name, parameter in rose.named_parameters():
        if any(part in name for part in spread):
            torch.nn.init.normal_(parameter)
    save_pretrained(folder, rose, tokenizer, torch.float32)
    return segmenter_class(rose.config).from_pretrained(folder, device='cpu')


def speaks(segmenter: RoseSegmenter, ids: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the model say that: each token is sure, and its state its own."""
    perception = segmenter._rose.perception
    head = perception.language_model.lm_head
    asked = iter([*ids, segmenter._prompter.category().end] * 9)

    def sure(state: torch.Tensor) -> torch.Tensor:
        logits = torch.zeros(len(state), head.out_features)
        logits[:, next(asked)] = 50.0
        return logits

    monkeypatch.setattr(head, 'forward', sure)


@pytest.mark.parametrize('built', [*ALONG, 'super_patch_2x2', 'drawn_mask_and_box'], indirect=True)
def test_every_arm_segments_refers_and_refines(built, tmp_path: Path, image) -> None:
    rose, tokenizer, _ = built
    segmenter = opened(rose, tokenizer, tmp_path)
    found = segmenter.segment(image)
    assert {item.id for item in found.segments} == {
        str(number) for number in range(1, len(found.segments) + 1)
    }
    for segment in found.segments:
        assert 0 <= segment.patch < 36
        assert 0 <= segment.objectness <= 1
        try:
            refined = segmenter.refine(
                found, 'Include the whole car.', segment_id=segment.id, target=RefineTarget.MASK
            )
        except RefinementError:
            continue
        assert refined.changed[0].category == segment.category
    assert len(segmenter.refer(image, 'the red car').segments) <= 1
    segmenter.self_refine(found)
    chosen = segmenter.segment(found.context, candidates=('car', 'road'))
    assert {item.category for item in chosen.segments} <= {'car', 'road'}


@pytest.mark.parametrize('built', ['vanilla_stack', 'dense_stack'], indirect=True)
def test_a_stacks_segments_are_what_the_answer_says(
    built, tmp_path: Path, image, monkeypatch: pytest.MonkeyPatch
) -> None:
    rose, tokenizer, _ = built
    segmenter = opened(rose, tokenizer, tmp_path)
    token = tokenizer.special('<SEG>')
    car, bus = tokenizer.encode(' red car'), tokenizer.encode(' bus')
    speaks(segmenter, [*car, token, token, *bus, token, *tokenizer.encode(' lost')], monkeypatch)
    found = segmenter.segment(image)
    assert {item.category for item in found.segments} <= {'red car', 'bus'}
    assert 1 <= len(found.segments) <= 3
    assert all(item.objectness > 0.99 and item.is_thing for item in found.segments)
    speaks(segmenter, [], monkeypatch)
    assert segmenter.segment(image).segments == ()
    assert segmenter.refer(image, 'the red car').segments == ()


@pytest.mark.parametrize('built', ['along_region'], indirect=True)
def test_along_region_names_meet_segments_by_order_alone(
    built, tmp_path: Path, image, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mismatch that the paper reports: one name too few, and whoever comes last has none."""
    rose, tokenizer, _ = built
    segmenter = opened(rose, tokenizer, tmp_path)
    plain = segmenter.segment(image).segments
    assert len(plain) > 1
    token = tokenizer.special('<REGION>')
    words = [tokenizer.encode(f' {n} car') for n in ('red', 'blue', 'white')] * len(plain)
    ids = [part for word in words[: len(plain) - 1] for part in (token, *word)]
    speaks(segmenter, ids, monkeypatch)
    found = sorted(segmenter.segment(image).segments, key=lambda item: item.patch)
    names = ['red car', 'blue car', 'white car'] * len(plain)
    assert [item.category for item in found] == [*names[: len(plain) - 1], '']
    assert {item.patch for item in found} == {item.patch for item in plain}


@pytest.mark.parametrize('built', ALONG, indirect=True)
def test_an_arm_is_not_opened_as_what_it_is_not(built, tmp_path: Path, image) -> None:
    rose, tokenizer, _ = built
    save_pretrained(tmp_path, rose, tokenizer, torch.float32)
    with pytest.raises(ConfigError, match='AnswerSegmenter'):
        RoseSegmenter.from_pretrained(tmp_path, device='cpu').segment(image)
    with pytest.raises(ConfigError, match='open it by RoseSegmenter'):
        AnswerSegmenter.from_pretrained('nano', device='cpu')


def test_a_mask_reaches_the_tower_in_the_way_of_its_arm(base: RoseConfig) -> None:
    """Concatenated and drawn masks differ; without a mask all three ways are one."""
    torch.manual_seed(1)
    rose = build_rose(base).eval()
    weights = rose.state_dict()
    pixels = torch.rand(1, 4, 48, 48) * 2 - 1
    pixels[:, 3] = 0
    masked = pixels.clone()
    masked[:, 3, 10:30, 10:30] = 1
    seen, unmasked = [], []
    for arm in ('concatenation', 'drawn_mask', 'drawn_mask_and_box'):
        model = build_rose(configure(base, arm)).eval()
        model.load_state_dict(weights)
        with torch.inference_mode():
            seen.append(model.perception.encode(masked))
            unmasked.append(model.perception.encode(pixels))
    assert torch.equal(unmasked[0], unmasked[1])
    assert torch.equal(unmasked[0], unmasked[2])
    assert not torch.allclose(seen[0], seen[1])
    assert not torch.allclose(seen[1], seen[2])
    assert not torch.allclose(seen[0], unmasked[0])


def test_super_patches_say_who_is_stuff_and_without_them_nobody_is(base: RoseConfig) -> None:
    grid = base.vision.grid_size
    roles = {
        arm: role_map(configure(base, arm).super_patch, grid)
        for arm in ('no_super_patch', 'super_patch_2x2', 'super_patch_3x3')
    }
    assert set(roles['no_super_patch'].ravel()) == {''}
    assert (roles['super_patch_2x2'] == 'T').mean() == pytest.approx(1 / 4)
    assert (roles['super_patch_3x3'] == 'T').mean() == pytest.approx(1 / 9)


def test_a_model_without_a_row_for_the_token_cannot_become_that_arm(
    rose: Rose, tokenizer: RoseTokenizer
) -> None:
    with pytest.raises(ConfigError, match='needs 701 tokens, the model has 700'):
        become_arm(rose, tokenizer, 'vanilla_stack')
    assert rose.config.ablation.framework == 'decode_embed'
    extended = become_arm(rose, tokenizer, 'drawn_mask')
    assert len(extended) == len(tokenizer)
    assert rose.perception.refinement == rose.config.ablation.refinement == 'drawn_mask'


@pytest.mark.parametrize(('arm', 'is_known'), [('dense_stack', True), ('stack', False)])
def test_a_recipe_names_its_arm(tmp_path: Path, arm: str, is_known: bool) -> None:
    path = tmp_path / 'mine.yaml'
    stage = '{steps: 9, batch_size: 1, learning_rate: 0.1, warmup_steps: 1}'
    path.write_text(f'start: nano\narm: {arm}\nwhole: {stage}')
    if is_known:
        assert read_recipe(path).arm == arm
        return
    with pytest.raises(ConfigError, match="No arm 'stack'"):
        read_recipe(path)
