"""Names are put together: the noun stays the same when a thing's attribute changes.

A model that has seen red buses and green cars, but never a red car, learns that what is red is no
car.  So the category embedding of a thing is moved by the difference between two other things of
one noun, say from a green bus to a red one, and its own noun has to come out all the same.  Only
the noun is learned there: neither a picture nor a text of a new pair is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from rose_model.category_decoder import IGNORE

Ids = tuple[int, ...]

MAX_MOVED = 32
"""Embeddings that are moved in a step; each costs as much as another name."""


@dataclass(frozen=True, eq=False)
class MovedNames:
    """Category embeddings ``[M, D]`` that were moved, the ids to be generated from them, with
    ``IGNORE`` in place of attributes, and the ids to be read, with blanks there.

    ``row``: int64 ``[M]``, whose embedding was moved.
    """

    embedding: Tensor
    ids: list[Ids]
    inputs: list[Ids]
    row: Tensor


def move_attributes(
    embedding: Tensor, names: Sequence[Ids], nouns: Sequence[Ids]
) -> MovedNames | None:
    """Up to 32 things with an attribute, each moved by the difference of a pair of one noun;
    ``None`` where no noun occurs with two names.

    ``embedding``: ``[N, D]``; ``names``, ``nouns``: N rows of ids from ``Prompter.name``, whose
    last id ends a name.  Things and pairs are drawn by the names themselves, so that any process
    that is given these rows draws the same.
    """
    pairs = [
        (first, second)
        for first, noun in enumerate(nouns)
        for second in range(len(nouns))
        if nouns[second] == noun and names[second] != names[first]
    ]
    named = [
        row for row, (name, noun) in enumerate(zip(names, nouns, strict=True)) if name != noun
    ]
    if not pairs or not named:
        return None
    rng = np.random.default_rng([token for name in names for token in name])
    rows = [named[draw] for draw in sorted(rng.permutation(len(named))[:MAX_MOVED].tolist())]
    drawn = [pairs[draw] for draw in rng.integers(len(pairs), size=len(rows)).tolist()]
    first, second = torch.tensor(drawn, device=embedding.device).T
    row = torch.tensor(rows, device=embedding.device)
    ids: list[Ids] = []
    inputs: list[Ids] = []
    for number in rows:
        name, noun = names[number], nouns[number]
        attribute = len(name) - len(noun)
        ids.append((IGNORE,) * attribute + name[attribute:])
        inputs.append((name[-1],) * attribute + name[attribute:])
    # The difference is a given: it is the thing's own embedding that has to bear it.
    difference = (embedding[second] - embedding[first]).detach()
    return MovedNames(embedding[row] + difference, ids, inputs, row)
