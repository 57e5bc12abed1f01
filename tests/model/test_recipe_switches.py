"""What the recipe decides of the objective: the paper's values, ours, and each apart."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rose_model.config import CategoryConfig, RoseConfig
from rose_model.instructions import Prompter
from rose_model.rose import Rose
from rose_model.tokenizer import RoseTokenizer
from rose_model.training.batches import EXAMPLES_OF_A_SEED, micro_batches
from rose_model.training.examples import Example, ExampleDataset
from rose_model.training.losses import Losses, ObjectiveRecipe
from rose_model.training.objective import Objective
from rose_model.training.recipe import StageRecipe, read_recipe
from rose_model.training.sources import streets
from rose_model.training.stages import WholeStage
from rose_model.training.world import World

TERMS = (
    'loss_response',
    'loss_category',
    'loss_composition',
    'loss_mask_bce',
    'loss_mask_dice',
    'loss_objectness',
    'loss_ranking',
    'loss_siglip',
    'loss_mask_score',
)


def losses() -> Losses:
    return Losses(
        **{name: torch.tensor(10.0**n, dtype=torch.float64) for n, name in enumerate(TERMS)}
    )


def test_the_papers_objective_is_the_sum_of_its_five() -> None:
    """Text, masks, objectness and the SigLIP space (Eq. 5 and 6), nothing of ours."""
    paper = read_recipe('paper').objective
    wanted = 1 + 10 + 2.0 * 1e3 + 0.5 * 1e4 + 1e5 + 1e7
    assert float(losses().total(paper)) == wanted


def test_ours_adds_three_terms() -> None:
    both = ObjectiveRecipe(lambda_bce=2.0, lambda_dice=0.5)
    paper = read_recipe('paper').objective
    added = float(losses().total(both)) - float(losses().total(paper))
    assert added == 1e2 + 1e6 + 1e8


@pytest.mark.parametrize(
    ('switch', 'term'),
    [('ranking', 'loss_ranking'), ('composition', 'loss_composition'), ('mask_score', TERMS[-1])],
)
def test_a_term_that_is_off_has_no_gradient(switch: str, term: str) -> None:
    parts = {name: torch.ones((), requires_grad=True) for name in TERMS}
    Losses(**parts).total(ObjectiveRecipe(**{switch: False})).backward()
    assert parts[term].grad is None
    assert all(parts[name].grad is not None for name in TERMS if name != term)


def example(config: RoseConfig, prompter: Prompter, recipe: ObjectiveRecipe) -> Example:
    return ExampleDataset(streets(1), 0, 1, config, prompter, recipe)[0]


def test_no_word_is_blanked_where_the_share_is_0(config: RoseConfig, prompter: Prompter) -> None:
    questions = example(config, prompter, ObjectiveRecipe(blank_share=0.0)).questions
    assert all(question.name_inputs == question.name_ids for question in questions)
    blanked = example(config, prompter, ObjectiveRecipe(blank_share=1.0)).questions
    assert all(len(set(ids)) == 1 for question in blanked for ids in question.name_inputs)


def test_hard_negatives_can_be_left_out(config: RoseConfig, prompter: Prompter) -> None:
    none = example(config, prompter, ObjectiveRecipe(hard_negatives=False)).questions
    some = example(config, prompter, ObjectiveRecipe()).questions
    assert {question.num_hard for question in none} == {0}
    assert min(question.num_hard for question in some) > 0
    assert all(question.is_negative.any() for question in none)


def test_without_composition_no_name_is_moved(
    rose: Rose, prompter: Prompter, tokenizer: RoseTokenizer, config: RoseConfig
) -> None:
    examples = [ExampleDataset(streets(1), 0, 2, config, prompter)[n] for n in range(2)]
    recipe = ObjectiveRecipe(composition=False)
    _, terms = Objective(rose.train(), prompter, tokenizer, recipe=recipe)(examples)
    assert float(terms['loss_composition']) == 0


def test_another_seed_sees_other_images(
    rose: Rose, prompter: Prompter, tokenizer: RoseTokenizer
) -> None:
    """Every seed saw the same ones, so that seeds agreed more than models do."""
    stage = WholeStage(rose, prompter, tokenizer, streets(0))
    recipe = StageRecipe(steps=1, batch_size=2, learning_rate=1e-3, warmup_steps=1, first_scene=7)
    first, again, other = (
        next(micro_batches(stage, recipe, 0, World(), seed))[0].lmm_pixels for seed in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    shifted = recipe.model_copy(update={'first_scene': 7 + EXAMPLES_OF_A_SEED})
    assert torch.equal(other, next(micro_batches(stage, shifted, 0, World()))[0].lmm_pixels)


@pytest.mark.parametrize('template', ['rose'])
def test_the_category_question_stands_where_the_configuration_says(
    tokenizer: RoseTokenizer, template: str
) -> None:
    prompts = {
        place: Prompter.of(tokenizer, CategoryConfig(template=template, question=place)).category()
        for place in ('before', 'after', None)
    }
    assert prompts[None] == prompts['after']  # as the paper prints it
    assert len(prompts['before'].before) > len(prompts['after'].before)
    assert len(prompts['before'].after) < len(prompts['after'].after)
    texts = tokenizer.decode([[*prompts['before'].before], [*prompts['after'].after]])
    assert all('noun concept' in text for text in texts)


def test_the_recipe_paper_asks_after_the_embedding() -> None:
    assert read_recipe('paper').category_question == 'after'


def test_an_objective_of_nothing_else_is_refused() -> None:
    with pytest.raises(ValueError, match='rankings'):
        ObjectiveRecipe.model_validate({'rankings': True})
    assert np.isfinite(ObjectiveRecipe().lambda_dice)
