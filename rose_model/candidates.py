"""Class candidates: names that somebody gives, compared with patches in the space of SigLIP's text
tower (paper, Table 1 and Sec. 3.2).
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from rose_model.backbones.text import TextTower
from rose_model.errors import InvalidRequestError
from rose_model.tokenizer import RoseTokenizer

MAX_CANDIDATES = 256
MAX_CANDIDATE_CHARACTERS = 64
NO_TEXT_TOWER = (
    'This model has no text tower to compare candidates with; leave them out, or make the model '
    'anew with rose init --siglip-text.'
)


def check_candidates(names: Sequence[str]) -> tuple[str, ...]:
    """The names without blanks at their ends; () stays ().

    Raises:
        InvalidRequestError: one is empty, too long, not printable or there twice, or there are too
        many.
    """
    if len(names) > MAX_CANDIDATES:
        raise InvalidRequestError(
            f'There are {len(names)} candidates; at most {MAX_CANDIDATES} are compared.'
        )
    stripped = tuple(name.strip() for name in names)
    for name in stripped:
        if not 1 <= len(name) <= MAX_CANDIDATE_CHARACTERS or not name.isprintable():
            raise InvalidRequestError(
                f'The candidate {name!a} is no name; give 1 to {MAX_CANDIDATE_CHARACTERS} '
                'printable characters.'
            )
        if stripped.count(name) > 1:
            raise InvalidRequestError(f'The candidate {name!r} is there twice; give it once.')
    return stripped


class NameEncoder:
    """Names to text embeddings."""

    def __init__(self, tower: TextTower, tokenizer: RoseTokenizer) -> None:
        self._tower = tower
        self._tokenizer = tokenizer
        self._pad = tokenizer.special(tower.config.pad)

    def __call__(self, names: Sequence[str]) -> Tensor:
        """Embeddings ``[N, siglip_width]`` of length 1; letter case does not matter; N > 0."""
        ids = [self._tokenizer.encode(name.strip().lower()) for name in names]
        embedding: Tensor = self._tower(ids, self._pad)
        return embedding


def name_encoder(tower: TextTower | None, tokenizer: RoseTokenizer | None) -> NameEncoder | None:
    """The encoder of a model's text tower and its tokenizer; ``None`` where it has none."""
    if tower is None or tokenizer is None:
        return None
    return NameEncoder(tower, tokenizer)
