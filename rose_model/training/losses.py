"""The training objectives (paper, Sec. 3.5, Eq. 5-6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from rose_model.category_decoder import category_loss
from rose_model.instructions import CategoryPrompt
from rose_model.preprocess import normalise_lmm, normalise_sam
from rose_model.rose import Rose
from rose_model.training.examples import MIN_NEGATIVES, Example

LAMBDA_BCE = 2.0
LAMBDA_DICE = 0.5
"""LISA's weights; the paper gives none."""


@dataclass(frozen=True, eq=False)
class Losses:
    """The scalars of one step, each before its weight."""

    loss_text: Tensor
    loss_mask_bce: Tensor
    loss_mask_dice: Tensor
    loss_objectness: Tensor
    loss_mask_score: Tensor

    @property
    def total(self) -> Tensor:
        """The weighted sum (Eq. 6), and the regression of SAM's own quality score."""
        mask = LAMBDA_BCE * self.loss_mask_bce + LAMBDA_DICE * self.loss_mask_dice
        return self.loss_text + mask + self.loss_objectness + self.loss_mask_score


def compute_losses(rose: Rose, examples: Sequence[Example], prompt: CategoryPrompt) -> Losses:
    """Forward pass and objectives of a batch.  A batch without any region keeps every loss at
    zero, with a graph.
    """
    device = rose.device
    pixels = torch.stack([example.lmm_pixels for example in examples]).to(device)
    channel = torch.stack([example.mask_channel for example in examples]).to(device)
    sam_pixels = torch.stack([example.sam_pixels for example in examples]).to(device)
    embedding = rose.perception(
        normalise_lmm(pixels, channel), [example.prompt for example in examples]
    ).object_embedding
    objectness = objectness_loss(rose.patch_analyzer.objectness_logit(embedding).float(), examples)
    counts = [len(example.patches) for example in examples]
    rows = torch.repeat_interleave(torch.tensor(counts)).to(device)
    if not len(rows):
        nothing = embedding.sum() * 0
        return Losses(nothing, nothing, nothing, objectness, nothing)
    patches = torch.cat([example.patches for example in examples]).to(device)
    chosen = embedding[rows, patches]
    image_embeddings = rose.sam.encode(normalise_sam(sam_pixels, rose.config.sam.input_size))
    logits, score = rose.sam.decode(
        rose.patch_analyzer.mask_embedding(chosen), image_embeddings[rows]
    )
    masks = torch.cat([example.masks for example in examples]).to(device)
    content = torch.stack([example.is_content for example in examples]).to(device)[rows]
    bce, dice, iou = mask_losses(logits.float(), masks, content)
    names = [name for example in examples for name in example.names]
    category = rose.patch_analyzer.category_embedding(chosen)
    return Losses(
        loss_text=category_loss(rose.perception.language_model, prompt, category, names),
        loss_mask_bce=bce,
        loss_mask_dice=dice,
        loss_objectness=objectness,
        loss_mask_score=functional.mse_loss(score.float(), iou),
    )


def objectness_loss(logits: Tensor, examples: Sequence[Example]) -> Tensor:
    """Binary cross entropy over all positive patches and as many negatives as three times their
    number, or 64.

    Half of the negatives are the highest-scoring free patches, half are drawn at random.
    ``logits``: ``[B, P]``. The mean is taken over each image, then over the batch.
    """
    per_image = []
    for logit, example in zip(logits, examples, strict=True):
        positive = example.is_positive.to(logit.device)
        negative = example.is_negative.to(logit.device)
        hard = example.may_be_hard.to(logit.device) & ~negative
        count = max(MIN_NEGATIVES, 3 * int(positive.sum())) // 2
        ranked = torch.where(hard, logit.detach(), -torch.inf).topk(min(count, len(logit))).indices
        negative = negative.clone()
        negative[ranked[hard[ranked]]] = True
        used = positive | negative
        per_image.append(
            functional.binary_cross_entropy_with_logits(
                logit[used], positive[used].to(logit.dtype)
            )
        )
    return torch.stack(per_image).mean()


def mask_losses(logits: Tensor, masks: Tensor, content: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """BCE and Dice, each a mean over masks, and the IoU ``[G]`` of each mask with its target.

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
    return bce.mean(), dice.mean(), iou
