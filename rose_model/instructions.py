"""Every sentence that ROSE is prompted with, and the chat templates around them.

The paper prints "What is {description} in this image?", the category prompt and three of its
thirty refinement instructions (A.4); the others are written here in the same manner.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from rose_model.records import RefinementCase
from rose_model.tokenizer import CATEGORY_TOKEN, END_TOKEN, RoseTokenizer

ALL_REGIONS = 'Can you segment all the regions in this image?'
FOREGROUND = 'Can you segment the foreground instances in this image?'

_CATEGORY_QUESTION = ' Please decode this linguistic embedding into a noun concept.'
_CATEGORY_ANSWER = ' Sure, it is'

REFINEMENTS: dict[RefinementCase, tuple[str, ...]] = {
    RefinementCase.MASK: (
        'The mask of this object is not right, please segment it again.',
        'Please refine this mask.',
        'The segmentation misses a part of the object, please complete it.',
        'The mask covers too much, please correct it.',
        'Include the whole object.',
        'The boundary of this object is wrong, please mend it.',
        'Improve the segmentation of this object.',
        'This mask is imperfect.',
        'Can you segment this object more accurately?',
        'Fix the mask of this object.',
    ),
    RefinementCase.CATEGORY: (
        'This is not a {category}, please correct it.',
        'This is not a {category}, look again.',
        'The label {category} is wrong.',
        'What is this? It is no {category}.',
        'You called this object a {category}, but it is something else.',
        'The category {category} of this object is incorrect, please fix it.',
        'Please name and segment this object again, {category} is wrong.',
        'It is wrong to call this object a {category}.',
        'This object has been misclassified as {category}.',
        'Correct the label {category}.',
    ),
    RefinementCase.MISSED: (
        'You missed the {category}.',
        'There is a {category}, please segment it.',
        'Please add the {category}.',
        'The {category} has not been segmented.',
        'You forgot the {category}.',
        'Can you segment the {category} too?',
        'A {category} is missing.',
        'Also segment the {category}.',
        'Where is the {category}? Please segment it.',
        'The result lacks the {category}.',
    ),
}

_STATED_LABEL = re.compile(
    r'^\s*(?:no\s+)?(?:'
    r"(?:this|that|it|the object)(?:\s+is|'s)\s+(?:actually\s+|really\s+)?(?:an?|the)|"
    r'call (?:it|this|that)(?:\s+an?)?|'
    r'(?:the label|it|this)\s+should\s+be(?:\s+an?)?'
    r')\s+(?!(?:bit|little|lot|mistake|wrong|bad|good|mask|label|not)\b)'
    r'(?P<label>[\w\-]+(?: [\w\-]+){0,3})\s*$',
    re.IGNORECASE,
)


def stated_label(text: str) -> str | None:
    """The category that a user states outright, lower case: ``'No, this is a bus.'`` gives
    ``'bus'``; else ``None``.

    A statement needs an article, or a word that speaks of naming: "it is cut off" states no label.
    """
    for clause in re.split(r'[.,;:!?]', text):
        match = _STATED_LABEL.match(clause)
        if match:
            return match['label'].lower()
    return None


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


@dataclass(frozen=True)
class ChatTemplate:
    """Pieces of a dialogue; a piece is a text or the name of a special token."""

    before_user: tuple[str, ...]
    after_user: tuple[str, ...]
    specials: frozenset[str]
    end: str


_TEMPLATES: dict[str, ChatTemplate] = {
    # The dialogue as the paper prints it (Sec. 3.3).
    'rose': ChatTemplate(('USER: ',), (' ASSISTANT:',), frozenset({END_TOKEN}), END_TOKEN),
    # The dialogue that LLaVA-OneVision's Qwen2 was trained on.
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

    def __init__(self, tokenizer: RoseTokenizer, template: Literal['rose', 'chatml']) -> None:
        self._tokenizer = tokenizer
        self._template = _TEMPLATES[template]

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
        after = (_CATEGORY_QUESTION, *self._template.after_user, _CATEGORY_ANSWER)
        return CategoryPrompt(
            before=self._ids(self._template.before_user),
            after=self._ids(after),
            end=self._tokenizer.special(self._template.end),
        )

    def name(self, category: str) -> tuple[int, ...]:
        """Ids of a category name as the model has to generate it, the end token included."""
        return (
            *self._tokenizer.encode(' ' + category),
            self._tokenizer.special(self._template.end),
        )

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
    'REFINEMENTS',
    'CategoryPrompt',
    'PerceptionPrompt',
    'Prompter',
    'stated_label',
    'with_box',
]
