"""``rose params``: what is trained of a large model, part by part."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from rose_model.errors import ConfigError
from rose_model.presets import PRESETS
from rose_model.training.lora import LORA_PRESETS

if TYPE_CHECKING:  # importing it takes seconds
    from rose_model.training.trainable import Part

_THE_PAPERS_SIZE = 'rose_7b'


class LoraPreset(StrEnum):
    """Ways to train a large model."""

    DEFAULT = 'default'
    PAPER = 'paper'
    LIGHT = 'light'


def params(
    preset: Annotated[str, typer.Option(help='The size: rose_7b, rose_0_5b or nano.')] = 'rose_7b',
    lora: Annotated[
        LoraPreset, typer.Option(help='How it is trained, as in a recipe.')
    ] = LoraPreset.DEFAULT,
) -> None:
    """Count the parameters that are trained with LoRA, by part; nothing is loaded."""
    if preset not in PRESETS:
        raise ConfigError(f'No preset {preset!r}; known: {", ".join(sorted(PRESETS))}.')
    from rose_model.training.trainable import count_lora, paper_share_told

    recipe = LORA_PRESETS[lora.value]
    parts = count_lora(PRESETS[preset](), recipe)
    console = Console()
    console.print(parts_table(parts, f'{preset}, lora {lora.value}'))
    console.print(
        f'LoRA: {recipe.targets} projections, rank {recipe.rank}, alpha {recipe.alpha}, dropout '
        f'{recipe.dropout}; token embeddings and head: {recipe.tables}.',
        soft_wrap=True,
    )
    if preset == _THE_PAPERS_SIZE:
        console.print(paper_share_told(parts, recipe), soft_wrap=True)


def parts_table(parts: Sequence[Part], title: str) -> Table:
    """A row a part: all of its parameters, those that are trained, and their share of the
    model's.
    """
    everything = sum(part.parameters for part in parts)
    table = Table(title=title, title_justify='left', show_footer=True)
    trained = sum(part.trained for part in parts)
    table.add_column('part', 'sum')
    table.add_column('parameters', f'{everything:,}', justify='right')
    table.add_column('trained', f'{trained:,}', justify='right')
    table.add_column('share of all', f'{trained / everything:.2%}', justify='right')
    for part in parts:
        shown = f'{part.trained / everything:.2%}' if part.trained else ''
        table.add_row(part.name, f'{part.parameters:,}', f'{part.trained:,}', shown)
    return table
