"""LoRA adapters by ``peft``, what is trained beside them, and how they are merged.

Importing ``peft`` takes seconds: only what trains with adapters imports this file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

from peft import LoraConfig, LoraModel
from peft.tuners.lora import LoraLayer
from torch import nn

from rose_model.backbones.sam_decoder import freeze_idle
from rose_model.rose import Rose
from rose_model.training.lora import PROJECTIONS, LoraRecipe

_NAME = 'default'
_TABLES = ('embed_tokens', 'lm_head')


def add_adapters(rose: Rose, recipe: LoraRecipe, tokens: Sequence[int]) -> LoraModel:
    """Put adapters into the language model and freeze all that the paper freezes.

    Trained are, by module: the adapters, SigLIP's patch embedding, the patch analyzer, SAM's mask
    decoder, and the token embeddings with the head, whole or at the rows ``tokens``.  At first the
    model gives what it gave before.

    Returns what ``merge_adapters`` takes.
    """
    rose.requires_grad_(False)
    language_model = rose.perception.language_model
    is_rows = recipe.tables == 'rows'
    adapters = LoraModel(
        language_model,
        LoraConfig(
            r=recipe.rank,
            lora_alpha=recipe.alpha,
            lora_dropout=recipe.dropout,
            target_modules=list(PROJECTIONS[recipe.targets]),
            # With one list for both, peft trains the rows of a tied head and its table as one.
            trainable_token_indices={key: list(tokens) for key in _TABLES} if is_rows else None,
        ),
        _NAME,
    )
    trained: list[nn.Module] = [
        rose.perception.vision_tower.patch_embedding,
        rose.patch_analyzer,
        rose.sam.mask_decoder,
    ]
    if not is_rows:
        trained += [language_model.get_input_embeddings(), language_model.get_output_embeddings()]
    for module in trained:
        module.requires_grad_(True)
    freeze_idle(rose.sam.mask_decoder)
    return adapters


def merge_adapters(adapters: LoraModel) -> None:
    """Add the adapters to the weights beside them, and take them out; a tied head stays tied."""
    adapters.merge_and_unload()


def adapter_parameters(module: nn.Module) -> Iterator[nn.Parameter]:
    """The parameters of all adapters in a module."""
    for layer in module.modules():
        if isinstance(layer, LoraLayer):
            yield from chain(layer.lora_A.parameters(), layer.lora_B.parameters())
