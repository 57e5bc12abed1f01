"""Which parameters are trained, by part of the model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from rose_model.config import RoseConfig
from rose_model.rose import Rose, build_rose
from rose_model.training.adapters import adapter_parameters, add_adapters
from rose_model.training.lora import LoraRecipe

PAPER_SHARE = 0.048
"""Of the parameters that the paper trains (A.3)."""
SPECIAL_TOKENS = 3
"""``<CATEGORY>`` and the two of ChatML."""

TABLES, ADAPTERS = ('token embeddings', 'lm_head'), 'LoRA'


@dataclass(frozen=True)
class Part:
    """A part of the model with its numbers of parameters."""

    name: str
    parameters: int
    trained: int


def count_lora(config: RoseConfig, recipe: LoraRecipe) -> list[Part]:
    """The parts of a model of that size with adapters; nothing is allocated."""
    with torch.device('meta'):
        rose = build_rose(config)
        add_adapters(rose, recipe, range(SPECIAL_TOKENS))
    return count_parts(rose)


def count_parts(rose: Rose) -> list[Part]:
    """The parts in the order of the data's way; tied tables count once, as token embeddings."""
    language_model = rose.perception.language_model
    groups: dict[str, Iterable[nn.Parameter]] = {
        'patch embedding': rose.perception.vision_tower.patch_embedding.parameters(),
        'vision tower': rose.perception.vision_tower.parameters(),
        'projector': rose.perception.projector.parameters(),
        TABLES[0]: language_model.get_input_embeddings().parameters(),
        ADAPTERS: adapter_parameters(language_model),
        'language model': language_model.model.parameters(),
        TABLES[1]: language_model.get_output_embeddings().parameters(),
        'patch analyzer': rose.patch_analyzer.parameters(),
        'text tower': () if rose.text_tower is None else rose.text_tower.parameters(),
        'SAM encoder': rose.sam.image_encoder.parameters(),
        'SAM prompt encoder': rose.sam.prompt_encoder.parameters(),
        'SAM mask decoder': rose.sam.mask_decoder.parameters(),
    }
    seen: set[int] = set()
    parts = []
    for name, group in groups.items():
        fresh = [parameter for parameter in group if id(parameter) not in seen]
        seen |= {id(parameter) for parameter in fresh}
        parts.append(
            Part(
                name,
                sum(parameter.numel() for parameter in fresh),
                sum(parameter.numel() for parameter in fresh if parameter.requires_grad),
            )
        )
    return parts


def paper_share_told(parts: Sequence[Part], recipe: LoraRecipe) -> str:
    """What became of the share of parameters that the paper trains, and why it cannot be met.

    The rank that would give it without the tables follows from: adapters grow with the rank alone.
    """
    everything = sum(part.parameters for part in parts)
    adapters, tables = _sum(parts, ADAPTERS), _sum(parts, *TABLES)
    others = sum(part.trained for part in parts if part.name not in (ADAPTERS, *TABLES))
    fixed, per_rank = everything - adapters, adapters / recipe.rank
    rank = (PAPER_SHARE * fixed - others) / (per_rank * (1 - PAPER_SHARE))
    return (
        f'The paper says that it trains {PAPER_SHARE:.1%} of its parameters (A.3). With what it '
        f'names as trained (Sec. 4.1) that cannot be: embed_tokens and lm_head alone are '
        f'{tables / everything:.1%}, whatever the rank of LoRA, which it does not give. Without '
        f'these two tables {PAPER_SHARE:.1%} would take rank {rank:.0f} on {recipe.targets} '
        f'projections.'
    )


def _sum(parts: Sequence[Part], *names: str) -> int:
    return sum(part.parameters for part in parts if part.name in names)
