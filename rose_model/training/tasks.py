"""Which questions are asked about a training image: dense segmentation, referring, refinement
(paper, A.4 and Sec. 3.4).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rose_model.data.defective_masks import defective_mask, merged_mask
from rose_model.data.sample import Sample, box_in_shares
from rose_model.instructions import counting_sentence, with_box
from rose_model.prompts.composed import compose_instruction
from rose_model.prompts.sentences import (
    ALL_REGIONS,
    ALL_REGIONS_PARAPHRASES,
    FOREGROUND,
    FOREGROUND_PARAPHRASES,
    GROW,
    PLAIN_REFINEMENTS,
    REFERRINGS,
    REFINEMENTS,
    SELECTIONS,
    SHRINK,
)
from rose_model.records import RefinementCase
from rose_model.training.distractors import absent_description, senseless_sentence

Describe = Callable[[Sample, int, np.random.Generator], str | None]
"""An unambiguous description of a thing, with its article; ``None`` where there is none."""

FOREGROUND_SHARE = 0.15
PARAPHRASE_SHARE = 0.5
"""Of the dense questions: in other words than the default ones, half of these in composed ones."""
MASK_SHARE = 0.6
"""Share of the images with a question about a given mask."""
OBJECT_SHARE = 0.7
"""Of the word questions: about one object; the rest are about all regions of a kind."""
REFERRING_SHARE = 0.65
"""Of the questions about one object: described; the rest were missed."""
CATEGORY_SHARE = 0.35
"""Of the questions about a given mask; the rest have a right name and a bad mask."""
ABSENT_SHARE = 0.1
"""Of the questions about all regions of a kind: nothing answers to them."""
ABSENT_OBJECT_SHARE = 0.25
"""Of the questions about one object: it is not in the image, or the sentence makes no sense."""
SENSELESS_SHARE = 0.3
"""Of the questions that nothing answers to: they make no sense; the rest describe what is absent.
"""
UNANSWERED_MASK_SHARE = 0.12
"""Of the questions about a given mask: they make no sense, or speak of what is not there."""
PLAIN_SHARE = 0.4
"""Of the refinements: without the category, as the paper prints two of its three examples."""
SIZE_SHARE = 0.5
"""Of the complaints about a mask that is clearly too small or too large: they say so."""
SIZE_RATIO = 0.85
"""A mask is clearly too small below this share of the true area, too large above its inverse."""
THING_SHARE = 0.85
PERFECT_MASK_SHARE = 0.1
MERGED_MASK_SHARE = 0.25
BOX_SHARE = 0.6
"""Share of the corrections that say where; without it the words have to be understood."""
BOX_JITTER_SHARE = 0.3
BOX_JITTER = 0.1


@dataclass(frozen=True, eq=False)
class Task:
    """An instruction about the regions ``indices``, the answer in words, and the mask to be
    refined: bool ``[H, W]``.

    ``is_selective``: it asks for some of the regions, so that all others are wrong answers.
    ``teaches_masks``: the masks of its regions are decoded in training, too; else it is a matter
    of finding alone.
    """

    instruction: str
    indices: tuple[int, ...]
    is_selective: bool
    response: str = ''
    mask: NDArray[np.bool_] | None = None
    teaches_masks: bool = True


def choose_tasks(
    sample: Sample,
    vocabulary: Sequence[str],
    describe: Describe,
    rng: np.random.Generator,
    word_questions: int,
    *,
    things_only: bool = False,
    closed: bool = False,
) -> tuple[Task, ...]:
    """One dense task, ``word_questions`` that only words decide, and one about a given mask in
    half of the images.

    Of the word questions the first teaches masks, too; the others cost a fraction of it.
    ``things_only``: nothing else is labelled, so that nobody may ask for all regions.  ``closed``:
    images show nothing but the vocabulary.
    """
    dense, *words = choose_word_tasks(
        sample, vocabulary, describe, rng, word_questions, things_only=things_only, closed=closed
    )
    words[1:] = [replace(task, teaches_masks=False) for task in words[1:]]
    if sample.regions and rng.random() < MASK_SHARE:
        words.append(
            mask_task(sample, vocabulary, rng, closed=_known(closed, things_only=things_only))
        )
    return dense, *words


def choose_word_tasks(
    sample: Sample,
    vocabulary: Sequence[str],
    describe: Describe,
    rng: np.random.Generator,
    word_questions: int,
    *,
    things_only: bool = False,
    closed: bool = False,
) -> tuple[Task, ...]:
    """One dense task, and ``word_questions`` about an object or about all regions of a kind."""
    dense = dense_task(sample, rng, things_only=things_only)
    if not sample.regions:
        return (dense,)
    return dense, *(
        object_task(
            sample, vocabulary, describe, rng, closed=_known(closed, things_only=things_only)
        )
        if rng.random() < OBJECT_SHARE
        else selection_task(sample, vocabulary, rng)
        for _ in range(word_questions)
    )


def referring_tasks(
    sample: Sample,
    target: int,
    sentence: str,
    vocabulary: Sequence[str],
    rng: np.random.Generator,
) -> tuple[Task, ...]:
    """What an expression of a data set means, and half of the time a bad mask of it to be
    mended.
    """
    instruction = _draw(REFERRINGS, rng).format(description=sentence)
    task = Task(instruction, (target,), True)
    if rng.random() < MASK_SHARE:
        return task, mask_task(sample, vocabulary, rng, target, closed=None)
    return (task,)


def dense_task(sample: Sample, rng: np.random.Generator, *, things_only: bool = False) -> Task:
    """All regions, or the things alone; answered by the counting sentence."""
    indices = tuple(range(len(sample.regions)))
    is_foreground = rng.random() < FOREGROUND_SHARE or things_only
    if is_foreground:
        indices = tuple(index for index in indices if sample.regions[index].is_thing)
    counts = counting_sentence(sample.regions[index].name for index in indices)
    return Task(
        dense_instruction(rng, is_foreground=is_foreground), indices, is_foreground, counts
    )


def dense_instruction(rng: np.random.Generator, *, is_foreground: bool) -> str:
    """Draw an instruction that asks for all regions, or for the things alone."""
    if rng.random() >= PARAPHRASE_SHARE:
        return FOREGROUND if is_foreground else ALL_REGIONS
    if rng.random() < 0.5:
        return _draw(FOREGROUND_PARAPHRASES if is_foreground else ALL_REGIONS_PARAPHRASES, rng)
    return compose_instruction(rng, is_foreground=is_foreground)


def selection_task(sample: Sample, vocabulary: Sequence[str], rng: np.random.Generator) -> Task:
    """All regions that share a name, a noun or an attribute; now and then one that none has."""
    region = sample.regions[_draw_region(sample, rng)]
    kind = ('name', 'noun', 'attribute')[rng.integers(3)]
    if rng.random() < ABSENT_SHARE:
        present = {other.name for other in sample.regions}
        words = _draw([name for name in vocabulary if name not in present] or ['object'], rng)
        indices: tuple[int, ...] = ()
    elif kind == 'attribute' and region.attribute:
        words = f'{region.attribute} thing'
        indices = _alike(sample, 'attribute', region.attribute)
    else:
        kind = 'noun' if kind == 'attribute' else kind
        words = getattr(region, kind)
        indices = _alike(sample, kind, words)
    sentence = _draw(SELECTIONS, rng).format(words=words)
    return Task(sentence, indices, True, teaches_masks=False)


def _alike(sample: Sample, kind: str, words: str) -> tuple[int, ...]:
    return tuple(i for i, other in enumerate(sample.regions) if getattr(other, kind) == words)


def object_task(
    sample: Sample,
    vocabulary: Sequence[str],
    describe: Describe,
    rng: np.random.Generator,
    *,
    closed: bool | None = False,
) -> Task:
    """Referring to a thing, or something missed: by a description that fits it alone, by name and
    box, or by the box alone; now and then nothing answers.

    ``closed``: see ``unanswered_task``.
    """
    if rng.random() < ABSENT_OBJECT_SHARE:
        return unanswered_task(sample, vocabulary, rng, closed=closed)
    target = _draw_region(sample, rng, among_kin=True)
    description = describe(sample, target, rng)
    if description is not None and rng.random() < REFERRING_SHARE:
        sentence = _draw(REFERRINGS, rng).format(description=description)
        return Task(sentence, (target,), True)
    box = None
    if description is None or rng.random() < BOX_SHARE:
        box = _box(sample.mask(target), rng)
        if rng.random() < PLAIN_SHARE:
            sentence = _draw(PLAIN_REFINEMENTS[RefinementCase.MISSED], rng)
            return Task(with_box(sentence, box), (target,), True)
        if rng.random() < 0.5:
            description = None
    words = sample.regions[target].name if description is None else description[4:]
    sentence = _draw(REFINEMENTS[RefinementCase.MISSED], rng).format(category=words)
    return Task(with_box(sentence, box), (target,), True)


def unanswered_task(
    sample: Sample,
    vocabulary: Sequence[str],
    rng: np.random.Generator,
    *,
    closed: bool | None = False,
) -> Task:
    """A question that no region answers: what it describes is absent, or it makes no sense.

    ``closed``: true where images show nothing but the vocabulary; false where the vocabulary is
    labelled wherever it is seen, and other things may be seen; ``None`` where not even that is
    known, so that nothing can be said to be absent.
    """
    if not _may_be_absent(sample, vocabulary, closed) or rng.random() < SENSELESS_SHARE:
        return Task(senseless_sentence(rng), (), True)
    absent = absent_description(sample, vocabulary, rng, closed=bool(closed))
    if rng.random() < REFERRING_SHARE:
        return Task(_draw(REFERRINGS, rng).format(description=absent), (), True)
    sentence = _draw(REFINEMENTS[RefinementCase.MISSED], rng).format(category=absent[4:])
    return Task(sentence, (), True)


def mask_task(
    sample: Sample,
    vocabulary: Sequence[str],
    rng: np.random.Generator,
    target: int | None = None,
    *,
    closed: bool | None = False,
) -> Task:
    """A bad mask with its right name, or a mask with a wrong name; of any region without
    ``target``.  Now and then the sentence makes no sense, or speaks of what is not there.
    """
    target = _draw_region(sample, rng) if target is None else target
    mask = sample.mask(target)
    damaged = _damage(sample, target, rng)
    if rng.random() < UNANSWERED_MASK_SHARE:
        sentence = _unanswered_complaint(sample, vocabulary, rng, closed=closed)
        return Task(sentence, (), True, mask=damaged)
    name = sample.regions[target].name
    if rng.random() < CATEGORY_SHARE:
        case = RefinementCase.CATEGORY
        name = _draw([other for other in vocabulary if other != name] or ['object'], rng)
    else:
        case = RefinementCase.MASK
    share = float(damaged.sum()) / float(mask.sum())
    sentence = _complaint(case, share, rng).format(category=name)
    box = _box(mask, rng) if rng.random() < BOX_SHARE else None
    return Task(with_box(sentence, box), (target,), True, mask=damaged)


def _complaint(case: RefinementCase, share: float, rng: np.random.Generator) -> str:
    """A sentence with or without ``{category}``; ``share``: the area of the given mask as a share
    of the true one.
    """
    if case is RefinementCase.MASK and rng.random() < SIZE_SHARE:
        if share < SIZE_RATIO:
            return _draw(GROW, rng)
        if share > 1 / SIZE_RATIO:
            return _draw(SHRINK, rng)
    plain = rng.random() < PLAIN_SHARE
    return _draw((PLAIN_REFINEMENTS if plain else REFINEMENTS)[case], rng)


def _known(closed: bool | None, *, things_only: bool) -> bool | None:
    """Where things alone are labelled, what has no label may be there all the same."""
    return None if things_only else closed


def _may_be_absent(sample: Sample, vocabulary: Sequence[str], closed: bool | None) -> bool:
    """Whether something can be said to be absent from an image."""
    present = {region.name for region in sample.regions}
    return bool(closed) or (closed is not None and not present.issuperset(vocabulary))


def _unanswered_complaint(
    sample: Sample, vocabulary: Sequence[str], rng: np.random.Generator, *, closed: bool | None
) -> str:
    if not _may_be_absent(sample, vocabulary, closed) or rng.random() < 0.5:
        return senseless_sentence(rng)
    absent = absent_description(sample, vocabulary, rng, closed=bool(closed))[4:]
    return _draw(REFINEMENTS[RefinementCase.MASK], rng).format(category=absent)


def _damage(sample: Sample, target: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    mask = sample.mask(target)
    draw = rng.random()
    if draw < PERFECT_MASK_SHARE:
        return mask
    if draw < PERFECT_MASK_SHARE + MERGED_MASK_SHARE:
        merged = merged_mask(sample, target, rng)
        if merged is not None:
            return merged
    return defective_mask(mask, rng)


def _draw_region(sample: Sample, rng: np.random.Generator, *, among_kin: bool = False) -> int:
    """A region, things rather than stuff; ``among_kin``: of nouns that occur often, rather."""
    things = [index for index, region in enumerate(sample.regions) if region.is_thing]
    if not things or rng.random() >= THING_SHARE:
        return int(rng.integers(len(sample.regions)))
    if not among_kin:
        return int(rng.choice(things))
    nouns = [sample.regions[index].noun for index in things]
    kin = np.array([nouns.count(noun) for noun in nouns], float)
    return int(rng.choice(things, p=kin / kin.sum()))


def _draw(sentences: Sequence[str], rng: np.random.Generator) -> str:
    return sentences[int(rng.integers(len(sentences)))]


def _box(mask: NDArray[np.bool_], rng: np.random.Generator) -> tuple[float, float, float, float]:
    """The mask's box in shares of the image; three in ten are jittered."""
    box = np.array(box_in_shares(mask))
    if rng.random() < BOX_JITTER_SHARE:
        size = np.array((box[2] - box[0], box[3] - box[1]) * 2)
        box = box + rng.uniform(-BOX_JITTER, BOX_JITTER, 4) * size
    x1, y1, x2, y2 = box.tolist()
    return x1, y1, x2, y2
