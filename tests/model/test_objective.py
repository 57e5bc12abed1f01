"""The objectives: each reaches its part, and each is a mean over images."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from rose_model.backbones.sam_decoder import freeze_idle
from rose_model.config import RoseConfig
from rose_model.data.streets import SEEN_PAIRS, render_scene
from rose_model.instructions import Prompter
from rose_model.rose import Rose
from rose_model.tokenizer import RoseTokenizer
from rose_model.training.examples import Example, ExampleDataset
from rose_model.training.losses import (
    mask_losses,
    mean_by_image,
    objectness_losses,
    siglip_losses,
)
from rose_model.training.objective import Objective
from rose_model.training.question import Question
from rose_model.training.sources import streets

SIZE = (60, 80)


@pytest.fixture
def objective(rose: Rose, prompter: Prompter, tokenizer: RoseTokenizer) -> Objective:
    return Objective(rose, prompter, tokenizer)


@pytest.fixture(scope='module')
def examples(config: RoseConfig, prompter: Prompter) -> list[Example]:
    source = replace(streets(), read=lambda number: render_scene(number, SIZE, pairs=SEEN_PAIRS))
    dataset = ExampleDataset(source, 0, 8, config, prompter)
    return [dataset[index] for index in range(len(dataset))]


def test_every_objective_reaches_its_part(objective: Objective, examples: list[Example]) -> None:
    loss, _ = objective(examples[:4])
    loss.backward()
    rose = objective.rose
    parts = {
        'patch embedding': rose.perception.vision_tower.siglip.embeddings.patch_embedding.project,
        'projector': rose.perception.projector.linear_1,
        'words': rose.perception.language_model.lm_head,
        'objectness': rose.patch_analyzer.objectness_head[0],
        'masks': rose.patch_analyzer.mask_head[0],
        'categories': rose.patch_analyzer.category_head[0],
        'candidates': rose.patch_analyzer.siglip_head[0],
        'text tower': rose.text_tower.siglip.head,
        'sam encoder': rose.sam.image_encoder.patch_embed.proj,
        'sam decoder': rose.sam.mask_decoder.output_hypernetworks_mlps[0].layers[0],
    }
    for name, part in parts.items():
        assert part.weight.grad is not None, name
        assert part.weight.grad.abs().sum() > 0, name
    assert rose.patch_analyzer.log_scale.grad != 0


def test_whatever_a_batch_holds_the_same_parameters_have_gradients(
    objective: Objective, examples: list[Example]
) -> None:
    """Several processes exchange them, and each has a batch of its own."""
    objective.rose.train()
    freeze_idle(objective.rose.sam.mask_decoder)
    masks = {sum(len(question.masked) for question in example.questions) for example in examples}
    assert len(masks) > 2
    one_mask = replace(examples[0], questions=(_with_one_mask(examples[0].questions[0]),))
    found = set()
    for batch in ([one_mask], [one_mask, one_mask], *([example] for example in examples)):
        objective.zero_grad()
        objective(batch)[0].backward()
        found.add(tuple(n for n, p in objective.named_parameters() if p.grad is not None))
    assert len(found) == 1


def _with_one_mask(question: Question) -> Question:
    return replace(
        question,
        masked=question.masked[:1],
        masks=question.masks[:1],
        points=question.points[:1],
        point_labels=question.point_labels[:1],
    )


def test_the_loss_is_the_weighted_sum_of_its_terms(
    objective: Objective, examples: list[Example]
) -> None:
    loss, terms = objective(examples[:2])
    assert all(value > 0 for value in terms.values()), terms
    plain = [value for name, value in terms.items() if 'mask_bce' not in name]
    plain = [value for value in plain if value is not terms['loss_mask_dice']]
    expected = sum(plain) + 2.0 * terms['loss_mask_bce'] + 2.0 * terms['loss_mask_dice']
    torch.testing.assert_close(loss, expected)


def test_the_loss_of_a_batch_is_the_mean_over_its_images(
    objective: Objective, examples: list[Example]
) -> None:
    """So the mean over processes, or over accumulated steps, is that of the whole batch.

    The SigLIP-space loss looks at all names of the batch, and the composition of names draws its
    pairs from the whole batch; they are left out here.
    """
    batch = examples[:3]
    _, together = objective(batch)
    alone = [objective([example])[1] for example in batch]
    for name, value in together.items():
        if name not in ('loss_siglip', 'loss_composition'):
            mean = torch.stack([terms[name] for terms in alone]).mean()
            torch.testing.assert_close(value, mean, rtol=2e-4, atol=2e-5)


def test_questions_share_the_view_of_their_image(
    objective: Objective, examples: list[Example]
) -> None:
    """Several questions about one image give what each gives alone."""
    example = examples[0]
    parts = [replace(example, questions=(question,)) for question in example.questions]
    _, together = objective([example])
    alone = [objective([part])[1] for part in parts]
    for name in ('loss_objectness', 'loss_category', 'loss_mask_bce', 'loss_response'):
        terms = torch.stack([part[name] for part in alone])
        has_any = terms > 0 if name != 'loss_objectness' else torch.ones(len(terms)).bool()
        torch.testing.assert_close(together[name], terms[has_any].mean(), rtol=2e-4, atol=2e-5)


def empty_of(example: Example) -> Example:
    question = example.questions[0]
    nothing = replace(
        question,
        is_positive=torch.zeros_like(question.is_positive),
        is_negative=torch.ones_like(question.is_negative),
        may_be_hard=torch.zeros_like(question.may_be_hard),
        patches=question.patches[:0],
        masked=question.masked[:0],
        masks=question.masks[:0],
        names=(),
        name_ids=(),
        name_inputs=(),
        noun_ids=(),
    )
    return replace(example, questions=(nothing,))


def test_a_batch_without_targets_still_runs_every_part(
    objective: Objective, examples: list[Example]
) -> None:
    """Or a process of several would wait for ever for the gradients of the others."""
    loss, terms = objective([empty_of(examples[0])])
    loss.backward()
    assert terms['loss_category'] == terms['loss_mask_bce'] == terms['loss_siglip'] == 0
    assert terms['loss_composition'] == terms['loss_ranking'] == 0
    assert terms['loss_objectness'] > 0
    for part in (objective.rose.text_tower.siglip.head, objective.rose.sam.image_encoder.neck[0]):
        assert part.weight.grad is not None


def test_one_batch_can_be_learned_by_heart(objective: Objective, examples: list[Example]) -> None:
    optimizer = torch.optim.AdamW(objective.parameters(), 3e-3)
    first, first_terms = objective(examples[:2])
    for _ in range(40):
        loss, terms = objective(examples[:2])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert terms['loss_category'] < 0.5 * first_terms['loss_category'].detach()
    assert loss < 0.4 * first.detach()


def test_a_mean_by_image_counts_images_not_values() -> None:
    values = torch.tensor([1.0, 3.0, 10.0])
    question, image = torch.tensor([0, 0, 2]), torch.tensor([0, 0, 1])
    assert mean_by_image(values, question, image, 2) == pytest.approx((2 + 10) / 2)
    assert mean_by_image(values[:0], question[:0], image, 2) == 0


def test_perfect_masks_have_hardly_any_loss() -> None:
    masks = (torch.rand(3, 16, 16) > 0.5).float()
    content = torch.ones(3, 16, 16, dtype=torch.bool)
    bce, dice, iou = mask_losses((masks - 0.5) * 40, masks, content)
    assert (bce < 1e-6).all()
    assert (dice < 1e-2).all()
    assert torch.equal(iou, torch.ones(3))
    _, worst, none = mask_losses((0.5 - masks) * 40, masks, content)
    assert (worst > 0.9).all()
    assert torch.equal(none, torch.zeros(3))


def test_what_is_not_content_counts_nowhere() -> None:
    masks, content = (torch.rand(2, 8, 8) > 0.5).float(), torch.zeros(2, 8, 8, dtype=torch.bool)
    content[:, :4] = True
    logits = torch.randn(2, 8, 8)
    changed = logits.clone()
    changed[:, 4:] = 99.0
    for one, other in zip(
        mask_losses(logits, masks, content), mask_losses(changed, masks, content), strict=True
    ):
        assert torch.equal(one, other)


def test_hard_negatives_are_the_highest_scoring_free_patches(examples: list[Example]) -> None:
    question = examples[0].questions[0]
    question = replace(question, is_negative=torch.zeros_like(question.is_negative))
    free = torch.nonzero(question.may_be_hard)
    logits = torch.full((1, len(question.is_positive)), -9.0, requires_grad=True)
    with torch.no_grad():
        logits[0, free[0]] = 5.0
    objectness_losses(logits, [question])[0].sum().backward()
    assert logits.grad is not None
    assert logits.grad[0, free[0]] > 0


def test_ranking_is_lost_by_each_positive_that_a_negative_outranks(
    examples: list[Example],
) -> None:
    question = examples[0].questions[0]
    positive, negative = torch.zeros(2, 36).bool()
    positive[:2], negative[2:5] = True, True
    question = replace(
        question, is_positive=positive, is_negative=negative, may_be_hard=torch.zeros(36).bool()
    )
    logits = torch.zeros(1, 36)
    logits[0, :2] = 50.0
    assert objectness_losses(logits, [question])[1] < 1e-6
    logits[0, 0] = -50.0  # one of the two is behind all three, by 50 and their number
    expected = (50 + torch.log(torch.tensor(3.0))) / 2
    torch.testing.assert_close(objectness_losses(logits, [question])[1][0], expected)
    nobody = replace(question, is_positive=torch.zeros(36).bool())
    assert objectness_losses(logits, [nobody])[1] == 0


def test_without_masks_sam_is_left_alone(
    rose: Rose, prompter: Prompter, tokenizer: RoseTokenizer, examples: list[Example]
) -> None:
    rose.sam.requires_grad_(False)
    loss, terms = Objective(rose, prompter, tokenizer, masks=False)(examples[:2])
    loss.backward()
    assert terms['loss_mask_bce'] == terms['loss_mask_dice'] == terms['loss_mask_score'] == 0
    assert terms['loss_category'] > 0
    assert all(parameter.grad is None for parameter in rose.sam.parameters())


def test_anchors_of_one_name_are_no_negatives_of_each_other() -> None:
    """Two anchors that point at the same name have no loss when both are sure of it."""
    logits = torch.tensor([[50.0, 0.0], [50.0, 0.0], [0.0, 50.0]])
    assert siglip_losses(logits, torch.tensor([0, 0, 1])).max() < 1e-6
    assert siglip_losses(logits, torch.tensor([1, 0, 1]))[0] > 40
