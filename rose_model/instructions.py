"""Sentences to token ids: the chat templates around them, and what stands in a sentence.

The sentences themselves are in ``prompts/sentences.py``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from rose_model.answers import AnswerForm, answer_form
from rose_model.config import CategoryConfig, CategoryQuestion, Framework
from rose_model.prompts.sentences import (
    ALL_REGIONS,
    FOREGROUND,
    REFERRINGS,
    REFINEMENTS,
    SELECTIONS,
)
from rose_model.tokenizer import CATEGORY_TOKEN, END_TOKEN, RoseTokenizer

_CATEGORY_QUESTION = 'Please decode this linguistic embedding into a noun concept'
_CATEGORY_ANSWER = ' Sure, it is'

_NOTHING = 'There is nothing to segment in this image.'
_COUNTED = re.compile(r'There are (?P<counts>\d+ .+) in this image\.')

_BOX = re.compile(r'It is in \[[^\]]*\]\.')


def box_in(text: str) -> bool:
    """Whether a sentence says already where its target is, as ``with_box`` writes it."""
    return _BOX.search(text) is not None


def without_box(text: str) -> str:
    """Return a sentence without what ``with_box`` adds to it."""
    return _BOX.sub('', text).strip()


def with_box(sentence: str, box: tuple[float, float, float, float] | None) -> str:
    """A refinement's sentence, followed by where its target is (paper, Sec. 3.4: "tailored
    bounding box information").

    ``box``: (x1, y1, x2, y2) in shares of the image's width and height; ``None`` where nobody
    knows.
    """
    if box is None:
        return sentence
    numbers = ', '.join(f'{min(max(value, 0.0), 1.0):.2f}' for value in box)
    return f'{sentence} It is in [{numbers}].'


def counting_sentence(names: Iterable[str]) -> str:
    """The answer to a dense instruction (paper, Sec. 3.5): "There are 2 red car, 1 road in this
    image."

    Names by descending count, then by the alphabet.
    """
    counts = sorted(Counter(names).items(), key=lambda item: (-item[1], item[0]))
    if not counts:
        return _NOTHING
    return f'There are {", ".join(f"{count} {name}" for name, count in counts)} in this image.'


def read_counts(sentence: str) -> dict[str, int] | None:
    """The counts in a counting sentence, by name; ``None`` where it is none."""
    if sentence == _NOTHING:
        return {}
    match = _COUNTED.fullmatch(sentence)
    if match is None:
        return None
    counts: Counter[str] = Counter()
    for part in match['counts'].split(', '):
        number, _, name = part.partition(' ')
        if not number.isdecimal() or not name:
            return None
        counts[name] += int(number)
    return dict(counts)


@dataclass(frozen=True)
class ChatTemplate:
    """Pieces of a dialogue; a piece is a text or the name of a special token.

    ``question``: whether names are asked for before or after the category embedding.
    """

    before_user: tuple[str, ...]
    after_user: tuple[str, ...]
    specials: frozenset[str]
    end: str
    question: CategoryQuestion


_TEMPLATES: dict[str, ChatTemplate] = {
    # The dialogue as the paper prints it (Sec. 3.3).
    'rose': ChatTemplate(
        ('USER: ',),
        (' ASSISTANT:',),
        frozenset({END_TOKEN}),
        END_TOKEN,
        'after',
    ),
    # The dialogue that LLaVA-OneVision's Qwen2 was trained on.  Names are asked for before the
    # embedding: what comes after it is computed for each name, what comes before it only once.
    'chatml': ChatTemplate(
        (
            '<|im_start|>',
            'system\nYou are a helpful assistant.',
            '<|im_end|>',
            '\n',
            '<|im_start|>',
            'user\n',
        ),
        ('<|im_end|>', '\n', '<|im_start|>', 'assistant\n'),
        frozenset({'<|im_start|>', '<|im_end|>'}),
        '<|im_end|>',
        'before',
    ),
}


@dataclass(frozen=True)
class PerceptionPrompt:
    """Token ids around the image: ``before`` it, the ``instruction``, and what opens the
    ``answer``.
    """

    before: tuple[int, ...]
    instruction: tuple[int, ...]
    answer: tuple[int, ...]


@dataclass(frozen=True)
class CategoryPrompt:
    """Token ids before and after the category embedding, and the id that ends a name."""

    before: tuple[int, ...]
    after: tuple[int, ...]
    end: int


class Prompter:
    """Sentences to token ids, in the dialogue of one template."""

    def __init__(
        self,
        tokenizer: RoseTokenizer,
        template: Literal['rose', 'chatml'],
        question: CategoryQuestion | None = None,
    ) -> None:
        self._tokenizer = tokenizer
        self._template = _TEMPLATES[template]
        self._question = question or self._template.question

    @classmethod
    def of(cls, tokenizer: RoseTokenizer, config: CategoryConfig) -> Prompter:
        """Return the prompter of a model with that configuration."""
        return cls(tokenizer, config.template, config.question)

    def perception(self, instruction: str) -> PerceptionPrompt:
        """The prompt of a segmentation or of a refinement: image first, then the instruction
        (paper, Fig. 2a).
        """
        return PerceptionPrompt(
            before=self._ids(self._template.before_user),
            instruction=tuple(self._tokenizer.encode('\n' + instruction)),
            answer=self._ids(self._template.after_user),
        )

    def category(self) -> CategoryPrompt:
        """The prompt that decodes a category embedding (paper, Eq. 4)."""
        template = self._template
        is_before = self._question == 'before'
        ask_before = f'{_CATEGORY_QUESTION}:' if is_before else ''
        ask_after = '' if is_before else f' {_CATEGORY_QUESTION}.'
        return CategoryPrompt(
            before=self._ids((*template.before_user, ask_before)),
            after=self._ids((ask_after, *template.after_user, _CATEGORY_ANSWER)),
            end=self._tokenizer.special(template.end),
        )

    def special_ids(self) -> tuple[int, ...]:
        """Ids of the special tokens that the model is spoken to with, ``<CATEGORY>`` among
        them.
        """
        names = self._template.specials | {CATEGORY_TOKEN}
        return tuple(sorted(self._tokenizer.special(name) for name in names))

    def name(self, category: str) -> tuple[int, ...]:
        """Ids of a category name as the model has to generate it, the end token included."""
        return self.response(category)

    def response(self, sentence: str) -> tuple[int, ...]:
        """Ids of the answer to a perception prompt, the end token included."""
        return (
            *self._tokenizer.encode(' ' + sentence),
            self._tokenizer.special(self._template.end),
        )

    def answers(self, framework: Framework) -> AnswerForm | None:
        """How an ablation arm names what it segments in its answers; ``None`` for ROSE itself."""
        end = self._tokenizer.special(self._template.end)
        return answer_form(framework, self._tokenizer, end)

    def _ids(self, pieces: tuple[str, ...]) -> tuple[int, ...]:
        ids: list[int] = []
        for piece in pieces:
            if piece in self._template.specials:
                ids.append(self._tokenizer.special(piece))
            else:
                ids += self._tokenizer.encode(piece)
        return tuple(ids)


__all__ = [
    'ALL_REGIONS',
    'CATEGORY_TOKEN',
    'FOREGROUND',
    'REFERRINGS',
    'REFINEMENTS',
    'SELECTIONS',
    'CategoryPrompt',
    'PerceptionPrompt',
    'Prompter',
    'box_in',
    'counting_sentence',
    'read_counts',
    'with_box',
    'without_box',
]
