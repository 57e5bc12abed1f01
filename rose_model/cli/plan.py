"""``rose plan``: whether a training fits, and how fast it can be at most."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from rose_model.data.exclusion import read_excluded
from rose_model.errors import ConfigError, DataError
from rose_model.presets import PRESETS
from rose_model.training.recipe import Recipe, read_recipe

if TYPE_CHECKING:  # importing it takes seconds
    from rose_model.training.plan import Plan

_GIB = 2**30
_HOUR_S = 3600.0


def plan(
    config: Annotated[
        str, typer.Argument(help='A recipe (YAML file), or a shipped one.')
    ] = 'paper',
    preset: Annotated[
        str, typer.Option(help='The size of its start: rose_7b, rose_0_5b or nano.')
    ] = 'rose_7b',
    gpus: Annotated[int, typer.Option(min=1, help='Processes, one on each GPU.')] = 8,
    memory: Annotated[
        float, typer.Option(min=1, help='Of a GPU, in GiB; the default is an A800 of 80 GB.')
    ] = 79.0,
    tflops: Annotated[
        float, typer.Option(min=0.001, help='Of a GPU, dense bfloat16; the default is an A800.')
    ] = 312.0,
) -> None:
    """Memory of each GPU by part, and images a second at most; no data and no weights are read."""
    if preset not in PRESETS:
        raise ConfigError(f'No preset {preset!r}; known: {", ".join(sorted(PRESETS))}.')
    from rose_model.training.plan import make_plan
    from rose_model.training.workload import street_workload

    recipe = read_recipe(config)
    workload = street_workload(recipe.whole.word_questions)
    made = make_plan(PRESETS[preset](), recipe, gpus, workload)
    console = Console()
    console.print(memory_table(made, f'{preset}, recipe {config}, {gpus} processes'))
    fits = 'fits into' if made.nbytes < memory * _GIB else 'DOES NOT FIT into'
    rate = made.most_images_per_s(gpus, tflops * 1e12)
    hours = recipe.whole.steps * recipe.whole.batch_size / rate / _HOUR_S
    console.print(
        f'It {fits} {memory:g} GiB; what the allocator and NCCL take comes on top.\n'
        f'An image: {made.flops / 1e12:.3g} TFLOP, {workload.questions:.1f} questions, '
        f'{workload.masks:.1f} masks, {workload.names:.1f} names.\n'
        f'At most {rate:.3g} images/s, {recipe.whole.steps:,} steps of {recipe.whole.batch_size} '
        f'in {hours:,.3g} h at least, with {tflops:g} TFLOP/s a GPU.',
        soft_wrap=True,
        highlight=False,
    )
    for line in exclusions(recipe):
        console.print(line, soft_wrap=True, highlight=False, markup=False)


def exclusions(recipe: Recipe) -> Iterator[str]:
    """Yield a line for each data set of the stage ``whole`` that images are excluded from."""
    parts = recipe.whole.data if isinstance(recipe.whole.data, tuple) else ()
    for part in parts:
        if not part.exclude_images:
            continue
        name = f'{part.format} {part.split}, {part.root}'
        try:
            count = len(read_excluded(part.exclude_images))
        except DataError as error:
            yield f'{name}: training would stop: {error}'
        else:
            yield (
                f'{name}: {count:,} images are excluded, where it has them; rose data check '
                '--exclude counts them.'
            )


def memory_table(plan: Plan, title: str) -> Table:
    """A row a part."""
    table = Table(title=title, title_justify='left', show_footer=True)
    table.add_column('part of each process', 'sum')
    table.add_column('GiB', f'{plan.nbytes / _GIB:,.2f}', justify='right')
    table.add_column('why')
    for part in plan.memory:
        table.add_row(part.name, f'{part.nbytes / _GIB:,.2f}', part.reason)
    return table
