"""The learning rate at each step."""

from __future__ import annotations

import math

from rose_model.training.recipe import StageRecipe


def learning_rate_share(step: int, recipe: StageRecipe) -> float:
    """Learning rate at a step as a share of the peak: a linear warm-up, then the decay.

    ``cosine`` decays along the whole stage, its warm-up included; ``linear`` from the end of the
    warm-up to the last step, as DeepSpeed's WarmupDecayLR does.
    """
    warmup = min(1.0, (step + 1) / recipe.warmup_steps)
    if recipe.schedule == 'cosine':
        left = 0.5 * (1 + math.cos(math.pi * step / recipe.steps))
    else:
        decay_steps = max(1, recipe.steps - recipe.warmup_steps)
        left = min(1.0, (recipe.steps - step) / decay_steps)
    return warmup * (recipe.final_rate + (1 - recipe.final_rate) * left)
