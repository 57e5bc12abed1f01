"""How much a training image asks for, counted on drawn streets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rose_model.checkpoint import TOKENIZER_FILE, find_folder
from rose_model.instructions import Prompter
from rose_model.presets import nano
from rose_model.tokenizer import RoseTokenizer
from rose_model.training.examples import Example, ExampleDataset
from rose_model.training.question import Question
from rose_model.training.sources import streets

_IMAGES = 64
_FIRST = 40_000_000
"""Streets that no run learns from."""


@dataclass(frozen=True)
class Workload:
    """Means of an image.

    ``questions``: the image is read once for each, with ``text`` tokens beside its patches.
    ``views``: with and without a mask in the fourth channel.  ``masks``: decoded.  ``names``: in
    words, of ``name_tokens`` after a prompt of ``name_prompt``.
    """

    questions: float
    text: float
    views: float
    masks: float
    names: float
    name_prompt: int
    name_tokens: float


def street_workload(word_questions: int) -> Workload:
    """Counted on some streets, with the words of nano: another tokenizer's are about as many.

    Every question reads the whole image, as it does with data sets.
    """
    config = nano()
    tokenizer = RoseTokenizer.load(find_folder(config.name) / TOKENIZER_FILE)
    prompter = Prompter.of(tokenizer, config.category)
    source = replace(streets(word_questions), kept_patches=None)
    examples = ExampleDataset(source, _FIRST, _IMAGES, config, prompter)
    return count_workload([examples[number] for number in range(_IMAGES)], prompter)


def count_workload(examples: Sequence[Example], prompter: Prompter) -> Workload:
    """The means of these examples."""
    questions = [question for example in examples for question in example.questions]
    ids = [len(name) for question in questions for name in question.name_ids]
    masks_given = sum(question.mask_channel is not None for question in questions)
    images = len(examples)
    prompt = prompter.category()
    return Workload(
        questions=len(questions) / images,
        text=float(np.mean([_text_tokens(question) for question in questions])),
        views=1 + masks_given / images,
        masks=sum(len(question.masked) for question in questions) / images,
        names=len(ids) / images,
        name_prompt=len(prompt.before) + 1 + len(prompt.after),
        name_tokens=float(np.mean(ids)) if ids else 0.0,
    )


def _text_tokens(question: Question) -> int:
    prompt = question.prompt
    said = (prompt.before, prompt.instruction, prompt.answer, question.response)
    return sum(len(part) for part in said)
