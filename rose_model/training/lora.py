"""How a large model is trained: LoRA in the language model, and what else is not frozen
(paper, Sec. 4.1 and Table 5).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Positive = Annotated[int, Field(gt=0)]
Targets = Literal['all', 'query_key']

PROJECTIONS: dict[Targets, tuple[str, ...]] = {
    'all': ('q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'),
    'query_key': ('q_proj', 'k_proj'),
}
"""Table 5's two arms."""


class LoraRecipe(BaseModel):
    """LoRA on the language model.

    ``targets``: which projections get adapters.  ``rank``: of the adapters; what they add is
    scaled by ``alpha / rank``.  ``tables``: the token embeddings and the head are trained whole,
    as in the paper, or only the rows of the special tokens that ROSE speaks with.
    """

    model_config = ConfigDict(frozen=True, extra='forbid')

    targets: Targets = 'all'
    rank: Positive
    alpha: Positive = 32
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.05
    tables: Literal['whole', 'rows'] = 'whole'


LORA_PRESETS = {
    # Alpha equals rank: adapters add what they are.
    'default': LoraRecipe(rank=32),
    # All projections and alpha 32 are the paper's best; it gives no rank: LISA's, its ancestor's.
    'paper': LoraRecipe(rank=8),
    # Gradients and moments of two tables, 1.09 B numbers each in the largest model, are not kept.
    'light': LoraRecipe(rank=32, tables='rows'),
}


def find_lora(value: object) -> object:
    """The preset of that name; anything but a name stays as it is.

    Raises:
        ValueError: there is no such preset.
    """
    if not isinstance(value, str):
        return value
    if value not in LORA_PRESETS:
        raise ValueError(f'no preset of LoRA; known: {", ".join(LORA_PRESETS)}')
    return LORA_PRESETS[value]
