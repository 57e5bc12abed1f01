"""What half precision changes: the same weights in fp32, bf16 and fp16, patch by patch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.accelerator.reading import Reading
from benchmarks.accelerator.subject import OBJECTS, Subject
from benchmarks.accelerator.timer import Timer
from rose_model.category_decoder import CategoryDecoder
from rose_model.checkpoint import load_pretrained
from rose_model.data.streets import render_scene
from rose_model.device import stage
from rose_model.evaluation.streets import SPLITS
from rose_model.instructions import ALL_REGIONS, CategoryPrompt, PerceptionPrompt, Prompter
from rose_model.mask_decoder import decode_masks
from rose_model.precision import cast
from rose_model.preprocess import make_views, normalise_lmm, normalise_sam
from rose_model.rose import Rose

HALF = {'bf16': torch.bfloat16, 'fp16': torch.float16}
_FIRST_STREET = SPLITS['test'].first
STREETS = range(_FIRST_STREET, _FIRST_STREET + 10)
_STREET_SIZE = (480, 640)


@dataclass(frozen=True, eq=False)
class Readout:
    """What a frame says at ``patches`` ``[N]``: ``masks`` bool ``[N, M, M]`` and the token ids of
    ``names``; and the ``embedding`` ``[P, D]`` and ``objectness`` ``[P]`` of all patches.
    """

    embedding: Tensor
    objectness: Tensor
    patches: Tensor
    masks: Tensor
    names: list[list[int]]


@dataclass(frozen=True)
class Prompts:
    """The two prompts of a model, and how many tokens a name may have."""

    perception: PerceptionPrompt
    category: CategoryPrompt
    max_new_tokens: int


def precision_of_random_weights(subject: Subject, _timer: Timer) -> Iterator[Reading]:
    """Of 100 patches: how near half precision is to fp32 with weights that mean nothing, whose
    masks and names are near a tie everywhere.
    """
    rose, usual = subject.rose, subject.rose.dtype
    prompts = Prompts(
        subject.perception_prompt,
        subject.category_prompt,
        subject.config.category.max_new_tokens,
    )
    try:
        reference = read_out(cast(rose, torch.float32), prompts, subject.image)
        for name, dtype in HALF.items():
            found = read_out(cast(rose, dtype), prompts, subject.image, reference.patches)
            yield from _compared(name, [(reference, found)])
    finally:
        cast(rose, usual)


def precision_of_nano(subject: Subject, _timer: Timer) -> Iterator[Reading]:
    """The same of the shipped model, whose weights are trained, on ten streets at its own
    threshold.
    """
    device = subject.rose.device
    images = [render_scene(number, _STREET_SIZE).image for number in STREETS]
    references: list[Readout] = []
    for name, dtype in {'fp32': torch.float32, **HALF}.items():
        pretrained = load_pretrained('nano', device, dtype)
        config = pretrained.rose.config
        prompter = Prompter.of(pretrained.tokenizer, config.category)
        prompts = Prompts(
            prompter.perception(ALL_REGIONS), prompter.category(), config.category.max_new_tokens
        )
        if not references:
            least = config.patch_filter.min_objectness
            references = [
                read_out(pretrained.rose, prompts, image, least=least) for image in images
            ]
            continue
        found = [
            read_out(pretrained.rose, prompts, image, reference.patches)
            for image, reference in zip(images, references, strict=True)
        ]
        yield from _compared(name, list(zip(references, found, strict=True)))


def read_out(
    rose: Rose,
    prompts: Prompts,
    image: NDArray[np.uint8],
    patches: Tensor | None = None,
    least: float = 0.0,
) -> Readout:
    """What an image says at the given patches, by default at the best of at least ``least``
    objectness, 100 at most.
    """
    views = make_views(image, rose.config)
    lmm_pixels = normalise_lmm(stage(views.lmm_pixels[None], rose.device)).to(rose.dtype)
    sam_pixels = stage(views.sam_pixels[None], rose.device)
    embedding = rose.perception(lmm_pixels, [prompts.perception]).object_embedding[0]
    objectness = rose.patch_analyzer.objectness_logit(embedding).float().sigmoid()
    if patches is None:
        count = min(OBJECTS, int((objectness >= least).sum()))
        patches = objectness.topk(count).indices
    kept = embedding[patches]
    masks = decode_masks(
        rose.sam,
        rose.patch_analyzer.mask_embedding(kept),
        rose.sam.encode(normalise_sam(sam_pixels, rose.config.sam.input_size).to(rose.dtype)),
    )
    names = CategoryDecoder(
        rose.perception.language_model, prompts.category, prompts.max_new_tokens
    ).decode(rose.patch_analyzer.category_embedding(kept))
    return Readout(embedding.float(), objectness, patches, masks.logits > 0, names.token_ids)


def _compared(name: str, pairs: list[tuple[Readout, Readout]]) -> Iterator[Reading]:
    """Distances of the second of each pair from the first, over all pairs."""
    errors = [float((b.embedding - a.embedding).norm() / a.embedding.norm()) for a, b in pairs]
    common = [_common(a.objectness, b.objectness, len(a.patches)) for a, b in pairs]
    ious = torch.cat([_ious(a.masks, b.masks) for a, b in pairs]).cpu()
    equal = [x == y for a, b in pairs for x, y in zip(a.names, b.names, strict=True)]
    yield Reading(f'{name}: object embeddings, relative error', max(errors), '', note='largest')
    yield Reading(f'{name}: patches kept by both', min(common), 'share', note='of the worst image')
    count = f'of {len(ious)} masks'
    yield Reading(f'{name}: mask IoU, median', float(ious.median()), '', note=count)
    yield Reading(f'{name}: mask IoU, 5th percentile', float(ious.quantile(0.05)), '', note=count)
    yield Reading(f'{name}: mask IoU, least', float(ious.min()), '', note=count)
    share = float(np.mean(equal))
    yield Reading(f'{name}: equal names', share, 'share', note=f'of {len(equal)} names')


def _common(a: Tensor, b: Tensor, count: int) -> float:
    best = [set(objectness.topk(count).indices.tolist()) for objectness in (a, b)]
    return len(best[0] & best[1]) / max(1, count)


def _ious(a: Tensor, b: Tensor) -> Tensor:
    """IoU ``[K]`` of masks bool ``[N, M, M]``, pair by pair, without those that are both empty."""
    union = (a | b).flatten(1).sum(1).float()
    both = (a & b).flatten(1).sum(1).float()
    return (both / union)[union > 0]
