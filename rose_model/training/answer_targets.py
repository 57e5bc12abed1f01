"""What the arms of the paper's Table 3 learn to answer: names along ``<SEG>`` or ``<REGION>``."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain

import torch

from rose_model.answers import AnswerForm
from rose_model.training.question import Question


def with_region_answer(question: Question, form: AnswerForm) -> Question:
    """The question with all its names as the answer, in raster order of the patches that answer
    for them: that order alone says which name is whose.
    """
    order = question.patches.argsort(stable=True).tolist()
    names = [question.name_ids[row][:-1] for row in order]
    return replace(question, response=form.write(names).ids)


def with_stack_answer(question: Question, form: AnswerForm) -> Question:
    """The question with all its names as the answer, in raster order of ``patches``, and a target
    for each ``<SEG>``: ``patches`` are their places in the answer then.

    Where a name has several tokens each is a target with the same mask.
    """
    order = question.patches.argsort(stable=True).tolist()
    written = form.write([question.name_ids[row][:-1] for row in order])
    rows = [row for row in order for _ in range(form.copies)]
    place_of = {row: place for place, row in enumerate(question.masked.tolist())}
    masked = [number for number, row in enumerate(rows) if row in place_of]
    places = torch.tensor([place_of[rows[number]] for number in masked]).long()
    return replace(
        question,
        response=written.ids,
        patches=torch.tensor([*chain.from_iterable(written.places)]).long(),
        masked=torch.tensor(masked).long(),
        masks=question.masks[places],
        points=question.points[places],
        point_labels=question.point_labels[places],
        names=tuple(question.names[row] for row in rows),
        name_ids=tuple(question.name_ids[row] for row in rows),
        name_inputs=tuple(question.name_inputs[row] for row in rows),
        noun_ids=tuple(question.noun_ids[row] for row in rows),
    )
