"""A question about an image, and what is to be learned from it."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from rose_model.instructions import PerceptionPrompt


@dataclass(frozen=True, eq=False)
class Question:
    """A prompt about an image, and its targets: G regions, K of them with masks.

    ``mask_channel``: float ``[1, L, L]``, or ``None`` for zeros.  ``response``: ids of the answer
    in words, or ().  ``is_selective``: it asks for some of the regions.  ``kept``: int64 ``[k]``,
    the only patches that the language model reads, or ``None`` for all.  ``is_positive``,
    ``is_negative``, ``may_be_hard``: bool ``[P]``; of the last the ``num_hard`` highest-scoring
    serve as negatives, too.  ``patches``: int64 ``[G]``, one positive patch a region, or in the
    stacks of Table 3 the place of its token in the response.  ``masked``: int64 ``[K]``, indices
    into the regions.  ``masks``: float ``[K, M, M]`` in [0, 1], in SAM's
    padded frame at the resolution of the mask logits.  ``points``: float ``[K, T, 2]`` and
    ``point_labels``: int32 ``[K, T]``, clicks that SAM is shown beside the mask embedding
    (``rose_model/clicks.py``); a row of -1 alone has none.  ``names`` and ``name_ids``: of each
    region; ``name_inputs``: the ids with blanks, as the model reads them in training.
    ``noun_ids``: ids of the names without their attributes.
    """

    prompt: PerceptionPrompt
    response: tuple[int, ...]
    is_selective: bool
    kept: Tensor | None
    mask_channel: Tensor | None
    is_positive: Tensor
    is_negative: Tensor
    may_be_hard: Tensor
    num_hard: int
    patches: Tensor
    masked: Tensor
    masks: Tensor
    points: Tensor
    point_labels: Tensor
    names: tuple[str, ...]
    name_ids: tuple[tuple[int, ...], ...]
    name_inputs: tuple[tuple[int, ...], ...]
    noun_ids: tuple[tuple[int, ...], ...]
