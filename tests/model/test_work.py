"""How much work a frame is: passes, tokens and rows, whatever the time they take."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from torch import Tensor, nn

from rose_model import RoseSegmenter
from rose_model.instructions import ALL_REGIONS, Prompter


@dataclass
class Work:
    """Shapes that went into each part, call by call: ``(rows, tokens)`` or ``(rows,)``.

    ``passes`` of the language model's first layer, ``last`` of the last one's MLP.
    """

    passes: list[tuple[int, ...]] = field(default_factory=list)
    last: list[tuple[int, ...]] = field(default_factory=list)
    rows: dict[str, list[int]] = field(default_factory=dict)


def rows(tensor: Tensor) -> int:
    return tensor[..., 0].numel()


@contextmanager
def watched(segmenter: RoseSegmenter) -> Iterator[Work]:
    """Notes what the language model and the heads are given."""
    work = Work()
    model = segmenter._rose.perception.language_model
    analyzer = segmenter._rose.patch_analyzer
    parts: dict[str, nn.Module] = {
        'lm_head': model.lm_head,
        'objectness': analyzer.objectness_head,
        'mask': analyzer.mask_head,
        'category': analyzer.category_head,
        'siglip': analyzer.siglip_head,
        'hypernetwork': segmenter._rose.sam.mask_decoder.output_hypernetworks_mlps[0],
        'unused hypernetwork': segmenter._rose.sam.mask_decoder.output_hypernetworks_mlps[1],
    }

    layers = model.model.layers
    handles = [
        part.register_forward_pre_hook(
            lambda _module, args, shapes=shapes: shapes.append(tuple(args[0].shape[:2]))
        )
        for part, shapes in (
            (layers[0].self_attn.k_proj, work.passes),
            (layers[-1].mlp, work.last),
        )
    ]
    for name, part in parts.items():
        work.rows[name] = []
        handles.append(
            part.register_forward_pre_hook(
                lambda _module, args, name=name: work.rows[name].append(rows(args[0]))
            )
        )
    try:
        yield work
    finally:
        for handle in handles:
            handle.remove()


@pytest.mark.parametrize('most', [1, 4, 12])
def test_a_frame_is_two_passes_and_one_for_each_further_token(
    segmenter: RoseSegmenter, prompter: Prompter, image: np.ndarray, most: int
) -> None:
    segmenter._patch_filter = segmenter._patch_filter.model_copy(update={'max_segments': most})
    with watched(segmenter) as work:
        names = len(segmenter.segment(image).segments)
    prompt, category = prompter.perception(ALL_REGIONS), prompter.category()
    patches = segmenter.config.vision.grid_size**2
    words = len(prompt.before) + len(prompt.instruction) + len(prompt.answer)
    perception, names_prompt, *steps = work.passes
    assert perception == (1, patches + words)
    assert names_prompt == (names, 1 + len(category.after))  # the common beginning is not there
    assert steps == [(names, 1)] * len(steps)
    assert work.last == [perception, *[(names, 1)] * len(work.passes[1:])]
    assert len(steps) < segmenter.config.category.max_new_tokens


def test_heads_see_kept_patches_and_the_vocabulary_only_last_tokens(
    segmenter: RoseSegmenter, image: np.ndarray
) -> None:
    with watched(segmenter) as work:
        names = len(segmenter.segment(image).segments)
    patches = segmenter.config.vision.grid_size**2
    kept = segmenter.config.patch_filter.max_segments
    assert names < kept  # duplicates are gone before names are made
    assert work.rows['objectness'] == [patches]
    assert work.rows['mask'] == [kept]
    assert work.rows['category'] == [names]
    assert work.rows['siglip'] == []
    assert work.rows['lm_head'] == [names] * (len(work.passes) - 1)
    assert sum(work.rows['hypernetwork']) == kept
    assert work.rows['unused hypernetwork'] == []


def test_nothing_kept_is_one_pass(rose_folder: Path, image: np.ndarray) -> None:
    segmenter = RoseSegmenter.from_pretrained(rose_folder, device='cpu', min_objectness=1.0)
    with watched(segmenter) as work:
        assert segmenter.segment(image).segments == ()
    assert len(work.passes) == 1
    assert sum(work.rows['mask'] + work.rows['category'] + work.rows['lm_head']) == 0


def test_of_patches_that_say_the_same_one_gets_a_mask(
    segmenter: RoseSegmenter, image: np.ndarray
) -> None:
    limits = segmenter.config.postprocess.model_copy(update={'max_similarity': 0.5})
    segmenter._decoder._limits = limits
    with watched(segmenter) as work:
        assert segmenter.segment(image).segments
    kept = segmenter.config.patch_filter.max_segments
    assert work.rows['mask'] == [kept]
    assert 0 < sum(work.rows['hypernetwork']) < kept
