"""How a model is trained: typed, validated once, written beside the weights that came of it."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Positive = Annotated[int, Field(gt=0)]
Rate = Annotated[float, Field(gt=0.0, le=1.0)]


class StageRecipe(BaseModel):
    """One stage: AdamW with linear warm-up and cosine decay to ``final_rate`` of the peak.

    ``first_scene``: the number of the first training scene; a stage reads ``steps * batch_size``
    scenes from there. ``vision_rate``: the learning rate of the vision tower, as a share of the
    others'.
    """

    model_config = ConfigDict(frozen=True, extra='forbid')

    first_scene: Positive
    steps: Positive
    batch_size: Positive
    learning_rate: Rate
    warmup_steps: Positive
    vision_rate: Rate = 1.0
    final_rate: Rate = 0.02
    weight_decay: Annotated[float, Field(ge=0.0)] = 0.05
    betas: tuple[float, float] = (0.9, 0.98)
    clip_norm: Annotated[float, Field(gt=0.0)] = 1.0


class Recipe(BaseModel):
    """A whole training run from scratch: the vision tower alone on dense labels, then the whole
    model.
    """

    model_config = ConfigDict(frozen=True, extra='forbid')

    preset: str
    seed: int = 0
    ema_decay: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.999
    vision: StageRecipe
    whole: StageRecipe


def nano_recipe() -> Recipe:
    """Procedural streets, for two CPU cores."""
    return Recipe(
        preset='nano',
        vision=StageRecipe(
            first_scene=10_000_000,
            steps=800,
            batch_size=32,
            learning_rate=2e-3,
            warmup_steps=150,
        ),
        whole=StageRecipe(
            first_scene=20_000_000,
            steps=1700,
            batch_size=16,
            learning_rate=1.2e-3,
            warmup_steps=150,
            vision_rate=0.3,
        ),
    )


RECIPES = {'nano': nano_recipe}
