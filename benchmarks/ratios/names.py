"""The category stage: names in one batch, the prompt's common beginning run once, duplicates away
first (R2, R4, R5), and our loop against transformers' ``generate()`` (R13).

Qwen2-7B's width, four layers, the faster type of the machine, 100 objects with names of 4 tokens,
on a prompt of 24 tokens before the category embedding and 10 from there on.  All outputs are
compared token by token; see ``category_task`` for the weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor
from transformers import DynamicCache, GenerationConfig

from benchmarks.bounds import bounds_ms
from benchmarks.hardware import hardware_of, probes
from benchmarks.ratios.category_task import (
    OBJECTS,
    PREFIX,
    SUFFIX,
    TOKENS,
    CategoryTask,
    Names,
    category_task,
    language_model,
    whole_prompts,
)
from benchmarks.ratios.parts import compose, time_parts
from benchmarks.ratios.ratio import RATIO_AT_LIMIT, Ratio, compare
from rose_model.postprocess import suppress_duplicates
from rose_model.preprocess import FrameGeometry
from rose_model.work import Load
from rose_model.work import names as names_work

_ONE_BY_ONE = 10
"""Calls that are timed of the hundred; one costs as much as another."""
_SURVIVORS = 30
_MASK_SIZE = 256
_NMS_IOU = 0.6


def r2() -> list[Ratio]:
    """All names in one batch, against one call a name: ten of them, times ten."""
    task = category_task()
    decoder = task.decoder()
    step = OBJECTS // _ONE_BY_ONE

    def alone() -> Names:
        return [decoder.decode(row[None]).token_ids[0] for row in task.embedding[::step]]

    def batch() -> Names:
        return decoder.decode(task.embedding).token_ids

    dtype = task.model.dtype
    times = time_parts({**probes(dtype), 'batch': batch}, {'alone': alone})
    ratio = compose(
        'names of 100 objects in one batch, against one by one',
        times,
        lambda of: of['batch'],
        lambda of: step * of['alone'],
        at_least=10,
    )
    load = Load(objects=OBJECTS, prefix=PREFIX, suffix=SUFFIX, name_tokens=TOKENS)
    work = {'names': names_work(language_model(dtype)[1], load)}
    hardware = hardware_of(times.whole, dtype)
    extra = {
        RATIO_AT_LIMIT: ratio.b_ms / bounds_ms(work, hardware)['names'],
        **hardware.record(),
    }
    is_equal = batch() == task.names and task.names[::step] == alone()
    return [replace(ratio, outputs_equal=is_equal, extra=extra)]


def r4() -> list[Ratio]:
    """The 24 tokens before the embedding run once at the start, against in every row."""
    task = category_task()
    decoder = task.decoder()
    return [
        compare(
            "the prompt's common beginning run once, against in every row",
            lambda: decoder.decode(task.embedding).token_ids,
            lambda: name_whole_prompts(task),
            lambda ours, other: ours == task.names == other,
            at_least=1.3,
        )
    ]


def r5() -> list[Ratio]:
    """Duplicates of 100 masks dropped before the 30 others are named, against afterwards."""
    task = category_task()
    decoder = task.decoder()
    masks = repeated_masks(OBJECTS, _SURVIVORS, _MASK_SIZE)
    scores = torch.linspace(1, 0.5, OBJECTS)
    side = (_MASK_SIZE, _MASK_SIZE)
    square = FrameGeometry(side, side, _MASK_SIZE, grid_size=1)

    def before() -> Names:
        kept = suppress_duplicates(masks, scores, square, _NMS_IOU)
        return decoder.decode(task.embedding[kept]).token_ids

    def after() -> Names:
        names = decoder.decode(task.embedding).token_ids
        kept = suppress_duplicates(masks, scores, square, _NMS_IOU)
        return [names[row] for row in kept.tolist()]

    return [
        compare(
            'duplicates dropped before names (100 to 30), against after',
            before,
            after,
            lambda ours, other: ours == task.names[:_SURVIVORS] == other,
            at_least=1.8,
        )
    ]


def r13() -> list[Ratio]:
    """Our loop against ``generate()``, which runs every row's whole prompt."""
    task = category_task()
    decoder = task.decoder()
    return [
        compare(
            "our category stage, against transformers' generate() on whole prompts",
            lambda: decoder.decode(task.embedding).token_ids,
            lambda: name_by_generate(task),
            lambda ours, other: ours == task.names == other,
        )
    ]


def name_whole_prompts(task: CategoryTask) -> Names:
    """Names of all objects, each row with its whole prompt; otherwise the loop of ours."""
    model = task.model
    cache = DynamicCache(config=model.config)
    embeds, ids = whole_prompts(model, task.prompt, task.embedding), []
    for _ in task.names[0]:
        output = model.model(inputs_embeds=embeds, past_key_values=cache, use_cache=True)
        ids.append(model.lm_head(output.last_hidden_state[:, -1]).argmax(-1))
        embeds = model.model.embed_tokens(ids[-1])[:, None]
    names: Names = torch.stack(ids, dim=1).tolist()
    return names


def name_by_generate(task: CategoryTask) -> Names:
    """Names of all objects by transformers' own greedy search."""
    settings = GenerationConfig(
        max_new_tokens=len(task.names[0]),
        do_sample=False,
        eos_token_id=task.prompt.end,
        pad_token_id=task.prompt.end,
    )
    embeds = whole_prompts(task.model, task.prompt, task.embedding)
    generate: Callable[..., Tensor] = task.model.generate  # type: ignore[misc, assignment]
    everything = torch.ones(embeds.shape[:2], dtype=torch.long)
    ids = generate(inputs_embeds=embeds, attention_mask=everything, generation_config=settings)
    names: Names = ids.tolist()
    return names


def repeated_masks(count: int, distinct: int, size: int) -> Tensor:
    """Logits ``[count, size, size]`` of squares beside each other: ``distinct`` of them, then the
    same again.
    """
    columns = int(distinct**0.5) + 1
    side = size // columns
    logits = torch.full((distinct, size, size), -1.0)
    for number in range(distinct):
        row, column = side * (number // columns), side * (number % columns)
        logits[number, row : row + side - 1, column : column + side - 1] = 1.0
    return logits[torch.arange(count) % distinct]
