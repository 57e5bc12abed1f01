"""From a labelled image to one example of a task: dense segmentation, foreground only, or a
refinement.

Everything random in an example follows from its index, so that a training run resumes exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from rose_model.config import RoseConfig
from rose_model.data.defective_masks import defective_mask
from rose_model.data.sample import VOID, Sample
from rose_model.instructions import (
    ALL_REGIONS,
    FOREGROUND,
    REFINEMENTS,
    PerceptionPrompt,
    Prompter,
    with_box,
)
from rose_model.preprocess import Views, make_views, squash_mask
from rose_model.records import RefinementCase
from rose_model.training.targets import assign_patches

DENSE_SHARE = 0.62
FOREGROUND_SHARE = 0.08
"""The rest are refinements, a third of each situation."""
MIN_NEGATIVES = 64
PERFECT_MASK_SHARE = 0.1
NO_BOX_SHARE = 0.3
"""Share of missed objects that are described without their box, as people do."""
BOX_JITTER = 0.1


@dataclass(frozen=True, eq=False)
class Example:
    """One example; G regions of the task, K positive patches.

    ``lmm_pixels``: uint8 ``[3, L, L]``.  ``mask_channel``: float ``[1, L, L]``.  ``sam_pixels``:
    uint8 ``[3, h, w]``. ``is_positive``, ``is_negative``, ``may_be_hard``: bool ``[P]``; the last
    marks patches that may serve as hard negatives.  ``patches``: int64 ``[G]``, one positive patch
    a region.  ``masks``: float ``[G, M, M]`` in [0, 1], in SAM's padded frame at the resolution of
    the mask logits; ``is_content``: bool ``[M, M]``, what is neither padding nor void.  ``names``:
    token ids of each region.
    """

    lmm_pixels: Tensor
    mask_channel: Tensor
    sam_pixels: Tensor
    prompt: PerceptionPrompt
    is_positive: Tensor
    is_negative: Tensor
    may_be_hard: Tensor
    patches: Tensor
    masks: Tensor
    is_content: Tensor
    names: tuple[tuple[int, ...], ...]


class ExampleDataset(Dataset[Example]):
    """Examples of all tasks from numbered samples: example ``i`` is of sample ``first + i``."""

    def __init__(
        self,
        read_sample: Callable[[int], Sample],
        first: int,
        length: int,
        config: RoseConfig,
        prompter: Prompter,
    ) -> None:
        self._read_sample = read_sample
        self._first, self._length = first, length
        self._config, self._prompter = config, prompter

    def __len__(self) -> int:
        """Number of examples."""
        return self._length

    def __getitem__(self, index: int) -> Example:
        """Example ``index``."""
        number = self._first + index
        rng = np.random.default_rng((number, 77))
        return make_example(self._read_sample(number), self._config, self._prompter, rng)


@dataclass(frozen=True, eq=False)
class _Task:
    """What an example asks for: an instruction about the regions ``indices``, and the mask to be
    refined.
    """

    instruction: str
    indices: tuple[int, ...]
    mask: NDArray[np.bool_] | None = None


def make_example(
    sample: Sample, config: RoseConfig, prompter: Prompter, rng: np.random.Generator
) -> Example:
    """An example of a random task from that sample."""
    task = _choose_task(sample, rng)
    views = make_views(sample.image, config)
    side = config.vision.input_size
    grid = config.vision.grid_size
    assignment = assign_patches(sample, task.indices, config.super_patch, grid)
    owner = assignment.region_of_patch
    found = [index for index in task.indices if index not in assignment.lost]
    is_positive = owner >= 0
    free = ~is_positive & ~assignment.void_patch
    if task.mask is not None or len(task.indices) == 1:
        free &= ~assignment.window_of_patch  # of the one object asked for: neither right nor wrong
    uniform = rng.permutation(np.flatnonzero(free))[
        : max(MIN_NEGATIVES, 3 * is_positive.sum()) // 2
    ]
    is_negative = np.zeros(grid * grid, bool)
    is_negative[uniform] = True
    masks, is_content = _targets(sample, found, views, config)
    return Example(
        lmm_pixels=views.lmm_pixels,
        mask_channel=torch.zeros(1, side, side)
        if task.mask is None
        else squash_mask(task.mask, side),
        sam_pixels=views.sam_pixels,
        prompt=prompter.perception(task.instruction),
        is_positive=torch.from_numpy(is_positive),
        is_negative=torch.from_numpy(is_negative),
        may_be_hard=torch.from_numpy(free),
        patches=torch.tensor(
            [int(rng.choice(np.flatnonzero(owner == index))) for index in found]
        ).long(),
        masks=masks,
        is_content=is_content,
        names=tuple(prompter.name(sample.regions[index].name) for index in found),
    )


def _choose_task(sample: Sample, rng: np.random.Generator) -> _Task:
    everything = tuple(range(len(sample.regions)))
    things = tuple(index for index in everything if sample.regions[index].is_thing)
    draw = rng.random()
    if draw < DENSE_SHARE or not things:
        return _Task(ALL_REGIONS, everything)
    if draw < DENSE_SHARE + FOREGROUND_SHARE:
        return _Task(FOREGROUND, things)
    target = int(rng.choice(things if rng.random() < 0.85 else everything))
    return _refinement(sample, target, list(RefinementCase)[rng.integers(3)], rng)


def _refinement(
    sample: Sample, target: int, case: RefinementCase, rng: np.random.Generator
) -> _Task:
    mask = sample.mask(target)
    name = sample.regions[target].name
    if case is RefinementCase.CATEGORY:
        others = sorted({region.name for region in sample.regions} - {name}) or ['object']
        name = str(rng.choice(others))
    sentences = REFINEMENTS[case]
    sentence = sentences[rng.integers(len(sentences))].format(category=name)
    box: tuple[float, float, float, float] | None = _box(mask, rng)
    if case is RefinementCase.MISSED:
        box = None if rng.random() < NO_BOX_SHARE else box
        return _Task(with_box(sentence, box), (target,))
    damaged = mask if rng.random() < PERFECT_MASK_SHARE else defective_mask(mask, rng)
    return _Task(with_box(sentence, box), (target,), damaged)


def _box(mask: NDArray[np.bool_], rng: np.random.Generator) -> tuple[float, float, float, float]:
    """The mask's box in shares of the image; three in ten are jittered."""
    ys, xs = np.nonzero(mask)
    height, width = mask.shape
    box = np.array(
        (xs.min() / width, ys.min() / height, (xs.max() + 1) / width, (ys.max() + 1) / height)
    )
    if rng.random() < 0.3:
        size = np.array((box[2] - box[0], box[3] - box[1]) * 2)
        box = box + rng.uniform(-BOX_JITTER, BOX_JITTER, 4) * size
    x1, y1, x2, y2 = box.tolist()
    return x1, y1, x2, y2


def _targets(
    sample: Sample, indices: list[int], views: Views, config: RoseConfig
) -> tuple[Tensor, Tensor]:
    """Masks ``[G, M, M]`` and content ``[M, M]`` in SAM's padded frame."""
    side, full = config.sam.mask_size, config.sam.input_size
    height, width = (max(1, round(length * side / full)) for length in views.geometry.sam_content)
    masks = np.zeros((len(indices), side, side), np.float32)
    for row, index in enumerate(indices):
        region = sample.mask(index).astype(np.float32)
        masks[row, :height, :width] = cv2.resize(
            region, (width, height), interpolation=cv2.INTER_AREA
        )
    content = np.zeros((side, side), bool)
    known = (sample.index_map != VOID).astype(np.uint8)
    content[:height, :width] = cv2.resize(known, (width, height), interpolation=cv2.INTER_NEAREST)
    return torch.from_numpy(masks), torch.from_numpy(content)
