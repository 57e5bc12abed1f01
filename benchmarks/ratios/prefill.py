"""The pass over the image: no ``lm_head``, and of the four heads only objectness on all patches
(R6).

rose_7b's width, four layers, the faster type of the machine, 2,304 patches and 46 tokens of text,
100 patches kept.  The naive way is that of a language model that is asked for all it has: logits
of every position, and all four heads on every patch.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor
from transformers import Qwen2ForCausalLM

from benchmarks.hardware import faster_dtype
from benchmarks.random_weights import randomised
from benchmarks.ratios.category_task import OBJECTS, language_model
from benchmarks.ratios.frame_parts import PROMPT
from benchmarks.ratios.ratio import Ratio, compare
from rose_model.backbones.lmm import Projector, VisionTower
from rose_model.config import RoseConfig
from rose_model.patch_analyzer import PatchAnalyzer
from rose_model.perception import PatchPerception
from rose_model.presets import rose_7b

Readings = tuple[Tensor, Tensor, Tensor, Tensor]
"""Objectness of all patches, and of the kept ones mask, category and SigLIP embedding."""


@dataclass(frozen=True, eq=False)
class PrefillTask:
    """``patches``: projected, ``[1, P, D]``; ``kept``: how many of them go on."""

    perception: PatchPerception
    analyzer: PatchAnalyzer
    patches: Tensor
    kept: int


def r6() -> list[Ratio]:
    """Ours against the naive way; ``saved_s`` does not depend on the number of layers."""
    task = make_task(rose_7b(), language_model(faster_dtype())[0], OBJECTS)
    ratio = compare(
        'prefill without lm_head, one head on all patches, against logits and all heads on all',
        lambda: read_lean(task),
        lambda: read_naively(task),
        is_close,
    )
    return [replace(ratio, extra={'saved_s': (ratio.b_ms - ratio.a_ms) / 1e3})]


def make_task(config: RoseConfig, model: Qwen2ForCausalLM, kept: int) -> PrefillTask:
    """The patches and the heads of a configuration, with that language model."""
    width = config.language.width
    one_layer = config.vision.model_copy(update={'layers': 1})
    perception = PatchPerception(
        randomised(partial(VisionTower, one_layer)),
        randomised(partial(Projector, config.vision.width, width)),
        model,
        config.language,
    )
    heads = partial(PatchAnalyzer, width, config.sam.prompt_width, config.siglip_width)
    generator = torch.Generator().manual_seed(4)
    patches = torch.randn(1, config.vision.grid_size**2, width, generator=generator)
    return PrefillTask(perception, randomised(heads, model.dtype), patches.to(model.dtype), kept)


def read_lean(task: PrefillTask) -> Readings:
    """What ROSE does."""
    analyzer = task.analyzer
    states = task.perception.read(task.patches, [PROMPT]).object_embedding[0]
    objectness = analyzer.objectness_logit(states)
    kept = states[objectness.topk(task.kept).indices]
    return (
        objectness,
        analyzer.mask_embedding(kept),
        analyzer.category_embedding(kept),
        analyzer.siglip_embedding(kept),
    )


def read_naively(task: PrefillTask) -> Readings:
    """The same readings, out of all that could be computed."""
    model, analyzer = task.perception.language_model, task.analyzer
    words = model.model.embed_tokens
    before, after = PROMPT.before, (*PROMPT.instruction, *PROMPT.answer)
    embeds = torch.cat(
        (words(torch.tensor([before])), task.patches, words(torch.tensor([after]))), dim=1
    )
    output = model.model(inputs_embeds=embeds, use_cache=False, is_causal=False)
    model.lm_head(output.last_hidden_state)  # nobody reads it
    states = output.last_hidden_state[0, len(before) :][: task.patches.shape[1]]
    objectness = analyzer.objectness_logit(states)
    heads = (analyzer.mask_embedding, analyzer.category_embedding, analyzer.siglip_embedding)
    embeddings = [head(states) for head in heads]
    kept = objectness.topk(task.kept).indices
    mask, category, siglip = (embedding[kept] for embedding in embeddings)
    return objectness, mask, category, siglip


def is_close(ours: Readings, other: Readings) -> bool:
    """Equal up to rounding, in bfloat16 too, which depends on the rows of a product."""
    return all(
        torch.allclose(a.float(), b.float(), rtol=0.02, atol=0.02 * float(b.float().std()))
        for a, b in zip(ours, other, strict=True)
    )
