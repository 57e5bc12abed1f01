"""Answers that name what is segmented along tokens: ablation arms (paper, Table 3).

In the arms "stack" each name is followed by ``<SEG>``, whose state becomes the mask embedding, as
in LISA; in the dense one by three of them.  In "along <REGION>" the kept patches make the masks,
and each ``<REGION>`` stands for one of them, in raster order, followed by its name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rose_model.config import Framework
from rose_model.tokenizer import REGION_TOKEN, SEG_TOKEN, RoseTokenizer

DENSE_COPIES = 3
"""``<SEG>`` for each region in the dense stack; the paper says "more"."""

_TOKENS: dict[Framework, str] = {
    'along_region': REGION_TOKEN,
    'vanilla_stack': SEG_TOKEN,
    'dense_stack': SEG_TOKEN,
}


@dataclass(frozen=True)
class WrittenAnswer:
    """``ids`` with the end token; ``places``: for each name those of its tokens in ``ids``."""

    ids: tuple[int, ...]
    places: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class SpokenName:
    """A name in an answer: its ids, the places of its tokens, and where all of it stands:
    ``answer[first:last]``.
    """

    ids: tuple[int, ...]
    places: tuple[int, ...]
    first: int
    last: int


@dataclass(frozen=True)
class AnswerForm:
    """How an arm answers: ``copies`` of ``token`` for each name, before it or after it."""

    token: int
    end: int
    copies: int
    token_leads: bool

    def write(self, names: Sequence[Sequence[int]]) -> WrittenAnswer:
        """The answer with those names, each as ids without an end; without names the end alone."""
        ids: list[int] = []
        places = []
        for name in names:
            if not self.token_leads:
                ids += name
            places.append(tuple(range(len(ids), len(ids) + self.copies)))
            ids += [self.token] * self.copies
            if self.token_leads:
                ids += name
        return WrittenAnswer((*ids, self.end), tuple(places))

    def read(self, ids: Sequence[int]) -> list[SpokenName]:
        """The names in a generated answer, its end left out.

        What belongs to no token is passed over; a token without a name has the name ``()``.
        """
        marks = [place for place, token in enumerate(ids) if token == self.token]
        if self.token_leads:
            ends = [*marks[1:], len(ids)]
            return [
                SpokenName(tuple(ids[mark + 1 : end]), (mark,), mark, end)
                for mark, end in zip(marks, ends, strict=False)
            ]
        spoken: list[SpokenName] = []
        first = 0
        for mark in marks:
            name = tuple(ids[first:mark])
            if not name and spoken:  # another token of the same name
                before = spoken.pop()
                spoken.append(
                    SpokenName(before.ids, (*before.places, mark), before.first, mark + 1)
                )
            else:
                spoken.append(SpokenName(name, (mark,), first, mark + 1))
            first = mark + 1
        return spoken


def answer_form(framework: Framework, tokenizer: RoseTokenizer, end: int) -> AnswerForm | None:
    """The form of an arm's answers; ``None`` for ROSE itself, which decodes names.

    Raises:
        CheckpointError: the tokenizer lacks the arm's token.
    """
    if framework == 'decode_embed':
        return None
    copies = DENSE_COPIES if framework == 'dense_stack' else 1
    token = tokenizer.special(_TOKENS[framework])
    return AnswerForm(token, end, copies, token_leads=framework == 'along_region')


def tokens_of(framework: Framework) -> tuple[str, ...]:
    """The special tokens that an arm needs in its tokenizer."""
    return () if framework == 'decode_embed' else (_TOKENS[framework],)
