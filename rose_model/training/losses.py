"""The training objectives (paper, Sec. 3.5, Eq. 5-6).

Every term is a mean over the images of a batch: first over the targets of a question, then over
the questions of an image, then over images.  So the mean over processes is the mean over the
global batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor
from torch.nn import functional

from rose_model.training.question import Question

LAMBDA_BCE = 2.0
LAMBDA_DICE = 2.0
"""The paper gives none.  LISA's are 2.0 and 0.5; of a small thing a mean over pixels sees hardly
anything, and there are many small things where everything is segmented.
"""


class ObjectiveRecipe(BaseModel):
    """What is minimised; the defaults are ours, the recipe ``paper`` has the paper's values.

    ``lambda_bce`` and ``lambda_dice``: weights of the mask losses (Eq. 6); of one process or of
    many.  Beyond the paper are ``ranking``, each positive against the negatives of a question that
    asks for some regions; ``composition``, nouns that stay where an attribute changes;
    ``mask_score``, the regression of SAM's own quality score; ``blank_share``, the share of a
    name's words that the model does not read while it learns the next one; and
    ``hard_negatives``, the highest-scoring free patches as further negatives.
    """

    model_config = ConfigDict(frozen=True, extra='forbid')

    lambda_bce: Annotated[float, Field(ge=0.0)] = LAMBDA_BCE
    lambda_dice: Annotated[float, Field(ge=0.0)] = LAMBDA_DICE
    ranking: bool = True
    composition: bool = True
    mask_score: bool = True
    blank_share: Annotated[float, Field(ge=0.0, le=1.0)] = 0.5
    hard_negatives: bool = True


@dataclass(frozen=True, eq=False)
class Losses:
    """The scalars of one step, each before its weight."""

    loss_response: Tensor
    loss_category: Tensor
    loss_composition: Tensor
    loss_mask_bce: Tensor
    loss_mask_dice: Tensor
    loss_objectness: Tensor
    loss_ranking: Tensor
    loss_siglip: Tensor
    loss_mask_score: Tensor

    def total(self, recipe: ObjectiveRecipe) -> Tensor:
        """Return the weighted sum (Eq. 6), and what the recipe adds to it."""
        total = self.loss_response + self.loss_category + self.loss_objectness + self.loss_siglip
        total = total + recipe.lambda_bce * self.loss_mask_bce
        total = total + recipe.lambda_dice * self.loss_mask_dice
        if recipe.ranking:
            total = total + self.loss_ranking
        if recipe.composition:
            total = total + self.loss_composition
        if recipe.mask_score:
            total = total + self.loss_mask_score
        return total


def mean_by_image(values: Tensor, question: Tensor, image: Tensor, num_images: int) -> Tensor:
    """The mean over each question's values, then over each image's questions that have any, then
    over images.

    ``values``: ``[N]``; ``question``: int64 ``[N]``, whose value it is; ``image``: int64 ``[Q]``,
    whose question it is.  Images without values count as zero.
    """
    values_of = torch.bincount(question, minlength=len(image))
    questions_of = torch.bincount(image, weights=(values_of > 0).float(), minlength=num_images)
    share = 1 / (values_of[question] * questions_of[image[question]] * num_images)
    return (values * share).sum()


def objectness_losses(logits: Tensor, questions: Sequence[Question]) -> tuple[Tensor, Tensor]:
    """Binary cross entropy ``[Q]`` over the positive patches and the negatives of each question,
    and how far each positive is from outranking all of these negatives, ``[Q]``.

    A question's own negatives are joined by as many of the highest-scoring free patches.  The
    second is the mean cross entropy of each positive against the negatives, 0 without a positive.
    ``logits``: ``[Q, P]``.
    """
    entropies, rankings = [], []
    for logit, question in zip(logits, questions, strict=True):
        positive = question.is_positive.to(logit.device)
        negative = question.is_negative.to(logit.device)
        hard = question.may_be_hard.to(logit.device) & ~negative
        count = min(question.num_hard, len(logit))
        ranked = torch.where(hard, logit.detach(), -torch.inf).topk(count).indices
        negative = negative.clone()
        negative[ranked[hard[ranked]]] = True
        used = positive | negative
        entropies.append(
            functional.binary_cross_entropy_with_logits(
                logit[used], positive[used].to(logit.dtype)
            )
        )
        behind = functional.softplus(logit[negative].logsumexp(0) - logit[positive])
        rankings.append(behind.sum() / max(1, len(behind)))
    return torch.stack(entropies), torch.stack(rankings)


def mask_losses(logits: Tensor, masks: Tensor, content: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """BCE, Dice, and IoU with its target of each mask, all ``[G]``.

    All ``[G, M, M]``; what is not content counts nowhere.
    """
    inside = content.to(logits.dtype)
    bce = functional.binary_cross_entropy_with_logits(logits, masks, reduction='none')
    bce = (bce * inside).sum((1, 2)) / inside.sum((1, 2)).clamp(min=1)
    probability, target = logits.sigmoid() * inside, masks * inside
    dice = 1 - (2 * (probability * target).sum((1, 2)) + 1) / (probability + target).sum(
        (1, 2)
    ).add(1)
    predicted, actual = (logits > 0) & content, (masks > 0.5) & content
    union = (predicted | actual).sum((1, 2)).clamp(min=1)
    iou = (predicted & actual).sum((1, 2)) / union
    return bce, dice, iou


def response_losses(logits: Tensor, responses: Sequence[Sequence[int]]) -> Tensor:
    """Cross entropy ``[R]``, the mean over each response's tokens (Eq. 5, first term).

    ``logits``: ``[T, V]``, those of all responses one after the other.
    """
    target = torch.tensor([token for response in responses for token in response])
    entropy = functional.cross_entropy(logits.float(), target.to(logits.device), reduction='none')
    parts = torch.split(entropy, [len(row) for row in responses])
    return torch.stack([part.mean() for part in parts])


def siglip_losses(logits: Tensor, column: Tensor) -> Tensor:
    """InfoNCE ``[N]``: each anchor against all different names, ``logits`` ``[N, C]``.

    ``column``: int64 ``[N]``, each anchor's own name.  A name stands in one column, so that
    anchors of the same name are no negatives of each other.
    """
    return functional.cross_entropy(logits, column, reduction='none')
