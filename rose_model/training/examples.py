"""From a labelled image to one example: the image, questions about it, and what is to be learned.

Everything random in an example follows from its number, so that a training run resumes exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from rose_model.config import STACKS, RoseConfig
from rose_model.data.sample import Sample
from rose_model.instructions import Prompter
from rose_model.mass_centre import centre_patch
from rose_model.preprocess import Views, make_views, squash_mask
from rose_model.training.answer_targets import with_region_answer, with_stack_answer
from rose_model.training.click_targets import draw_clicks
from rose_model.training.losses import ObjectiveRecipe
from rose_model.training.mask_targets import content_target, mask_targets
from rose_model.training.question import Question
from rose_model.training.sources import Source
from rose_model.training.targets import Assignment, assign_patches
from rose_model.training.tasks import Task

MIN_NEGATIVES = 64
THING_WEIGHT = 2.0
"""How much more often a thing's mask is decoded than a stuff region's."""
OTHER_NAMES = 256
"""Names of the vocabulary that each example adds to the negatives of the SigLIP-space loss; of a
smaller vocabulary all, so that the loss does not depend on how a batch is shared out.
"""


@dataclass(frozen=True, eq=False)
class Example:
    """An image with its questions, at least one.

    ``lmm_pixels``: uint8 ``[3, L, L]``.  ``sam_pixels``: uint8 ``[3, h, w]``.  ``is_content``:
    bool ``[M, M]``, what is neither padding nor void.  ``other_names``: further negatives.
    """

    lmm_pixels: Tensor
    sam_pixels: Tensor
    is_content: Tensor
    questions: tuple[Question, ...]
    other_names: tuple[str, ...]


class ExampleDataset(Dataset[Example]):
    """Examples of all tasks from numbered samples: example ``i`` is of sample ``first + i``."""

    def __init__(
        self,
        source: Source,
        first: int,
        length: int,
        config: RoseConfig,
        prompter: Prompter,
        objective: ObjectiveRecipe | None = None,
    ) -> None:
        self._objective = objective or ObjectiveRecipe()
        self._source = source
        self._first, self._length = first, length
        self._config, self._prompter = config, prompter

    def __len__(self) -> int:
        """Number of examples."""
        return self._length

    def __getitem__(self, index: int) -> Example:
        """Example ``index``.

        Raises:
            IndexError: there are not so many.
        """
        if index >= self._length:
            raise IndexError(f'There are {self._length} examples, got index {index}.')
        number, source = self._first + index, self._source
        rng = np.random.default_rng((number, 77))
        sample = source.read(number)
        tasks = source.tasks(number, sample, rng)
        example = make_example(
            sample,
            tasks,
            self._config,
            self._prompter,
            rng,
            max_masks=source.max_masks,
            kept_patches=source.kept_patches,
            objective=self._objective,
        )
        count = min(OTHER_NAMES, len(source.vocabulary))
        others = rng.choice(source.vocabulary, count, replace=False)
        return replace(example, other_names=tuple(map(str, others)))


def make_example(
    sample: Sample,
    tasks: Sequence[Task],
    config: RoseConfig,
    prompter: Prompter,
    rng: np.random.Generator,
    *,
    max_masks: int,
    kept_patches: int | None = None,
    objective: ObjectiveRecipe | None = None,
) -> Example:
    """An example of these tasks about that sample, at most ``max_masks`` masks a question.

    ``kept_patches``: how many patches are kept for a question of finding alone, without masks and
    without an answer in words.
    """
    views = make_views(sample.image, config)
    everything = tuple(range(len(sample.regions)))
    context = _Context(
        sample,
        views,
        config,
        prompter,
        max_masks,
        kept_patches,
        objective or ObjectiveRecipe(),
        assign_patches(sample, everything, config.super_patch, config.vision.grid_size),
    )
    return Example(
        lmm_pixels=views.lmm_pixels,
        sam_pixels=views.sam_pixels,
        is_content=content_target(sample, views.geometry, config.sam),
        questions=tuple(_question(context, task, rng) for task in tasks),
        other_names=(),
    )


@dataclass(frozen=True, eq=False)
class _Context:
    """What all questions about a sample share; ``everything`` is the assignment of all regions."""

    sample: Sample
    views: Views
    config: RoseConfig
    prompter: Prompter
    max_masks: int
    kept_patches: int | None
    objective: ObjectiveRecipe
    everything: Assignment


def _question(context: _Context, task: Task, rng: np.random.Generator) -> Question:
    sample, config, prompter = context.sample, context.config, context.prompter
    grid = config.vision.grid_size
    is_stack = config.ablation.framework in STACKS
    assignment = assign_patches(sample, task.indices, config.super_patch, grid)
    owner = assignment.region_of_patch
    lost = () if is_stack else assignment.lost
    found = [index for index in task.indices if index not in lost]
    is_positive = owner >= 0
    free = ~is_positive & ~assignment.void_patch
    is_negative = np.zeros(grid * grid, bool)
    if task.is_selective:
        # Beside the centre of what is asked for: neither right nor wrong.
        free &= ~assignment.window_of_patch
        # What answers for another region does so whatever lies under its centre: a small region
        # may lie under none.
        is_other = (context.everything.region_of_patch >= 0) & ~is_positive
        is_negative = is_other & ~assignment.window_of_patch
    count = max(MIN_NEGATIVES, 3 * int(is_positive.sum())) // (4 if task.is_selective else 2)
    is_negative[rng.permutation(np.flatnonzero(free))[:count]] = True
    kept = None
    teaches_masks = task.teaches_masks and context.max_masks > 0
    is_found_alone = not (task.response or teaches_masks or is_stack)
    if context.kept_patches is not None and is_found_alone:
        kept = _keep(is_positive, is_negative, context.kept_patches, rng)
        is_kept = np.isin(np.arange(grid * grid), kept)
        free, is_negative = free & is_kept, is_negative & is_kept
    patches = [
        centre_patch(sample.mask(index), grid)
        if is_stack
        else int(rng.choice(np.flatnonzero(owner == index)))
        for index in found
    ]
    is_thing = [sample.regions[index].is_thing for index in found]
    masked = _choose_masks(is_thing, context.max_masks, rng) if teaches_masks else []
    truths = [sample.mask(found[row]) for row in masked]
    points, point_labels = draw_clicks(truths, task.mask, context.views.geometry, rng)
    names = tuple(sample.regions[index].name for index in found)
    name_ids = tuple(prompter.name(name) for name in names)
    side = config.vision.input_size
    question = Question(
        prompt=prompter.perception(task.instruction),
        response=prompter.response(task.response) if task.response else (),
        is_selective=task.is_selective,
        kept=None if kept is None else torch.from_numpy(kept),
        mask_channel=None if task.mask is None else squash_mask(task.mask, side),
        is_positive=torch.from_numpy(is_positive),
        is_negative=torch.from_numpy(is_negative),
        may_be_hard=torch.from_numpy(free),
        num_hard=count if context.objective.hard_negatives else 0,
        patches=torch.tensor(patches).long(),
        masked=torch.tensor(masked).long(),
        masks=mask_targets(
            sample, [found[row] for row in masked], context.views.geometry, config.sam
        ),
        points=points,
        point_labels=point_labels,
        names=names,
        name_ids=name_ids,
        name_inputs=tuple(
            _with_blanks(ids, context.objective.blank_share, rng) for ids in name_ids
        ),
        noun_ids=tuple(prompter.name(sample.regions[index].noun) for index in found),
    )
    form = prompter.answers(config.ablation.framework)
    if form is None or kept is not None:
        return question
    return (with_stack_answer if is_stack else with_region_answer)(question, form)


def _keep(
    is_positive: NDArray[np.bool_],
    is_negative: NDArray[np.bool_],
    count: int,
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """``count`` patches in raster order: all positives, then negatives, then any others."""
    urgency = rng.random(len(is_positive)) + is_negative + 2.0 * is_positive
    return np.sort(np.argsort(-urgency)[: max(count, int(is_positive.sum()))])


def _with_blanks(ids: tuple[int, ...], share: float, rng: np.random.Generator) -> tuple[int, ...]:
    """A share of the ids replaced by the end token: the next word must come from the category
    embedding, not from the word before it, or a noun is never generated after a new attribute.
    """
    return tuple(ids[-1] if rng.random() < share else token for token in ids)


def _choose_masks(is_thing: Sequence[bool], max_masks: int, rng: np.random.Generator) -> list[int]:
    """Rows of at most ``max_masks`` regions, things rather than stuff."""
    if len(is_thing) <= max_masks:
        return list(range(len(is_thing)))
    weight = np.where(is_thing, THING_WEIGHT, 1.0)
    chosen = rng.choice(len(is_thing), max_masks, replace=False, p=weight / weight.sum())
    return sorted(chosen.tolist())
