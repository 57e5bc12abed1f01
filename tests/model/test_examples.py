"""Training examples: tasks, questions, targets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from rose_model.config import RoseConfig
from rose_model.data.sample import VOID, Sample
from rose_model.data.street_descriptions import describe_thing
from rose_model.data.streets import HELD_OUT, SEEN_PAIRS, render_scene
from rose_model.instructions import (
    ALL_REGIONS,
    FOREGROUND,
    REFERRINGS,
    REFINEMENTS,
    Prompter,
    read_counts,
)
from rose_model.records import RefinementCase
from rose_model.tokenizer import RoseTokenizer
from rose_model.training.corpus import street_corpus
from rose_model.training.distractors import absent_description, foreign_nouns
from rose_model.training.examples import Example, ExampleDataset, make_example
from rose_model.training.sources import Source, street_words, streets
from rose_model.training.tasks import (
    Task,
    dense_task,
    mask_task,
    object_task,
    selection_task,
    unanswered_task,
)

SIZE = (60, 80)


def small(number: int) -> Sample:
    return render_scene(number, SIZE, pairs=SEEN_PAIRS)


@pytest.fixture(scope='module')
def source() -> Source:
    return replace(streets(), read=small)


@pytest.fixture(scope='module')
def examples(config: RoseConfig, prompter: Prompter, source: Source) -> list[Example]:
    dataset = ExampleDataset(source, 0, 24, config, prompter)
    return [dataset[index] for index in range(len(dataset))]


def same(first: object, second: object) -> bool:
    if torch.is_tensor(first) and torch.is_tensor(second):
        return torch.equal(first, second)
    return first == second


def test_an_example_follows_from_its_number(
    config: RoseConfig, prompter: Prompter, source: Source
) -> None:
    long = ExampleDataset(source, 0, 4, config, prompter)[3]
    late = ExampleDataset(source, 3, 1, config, prompter)[0]
    assert torch.equal(long.lmm_pixels, late.lmm_pixels)
    assert long.other_names == late.other_names
    for one, other in zip(long.questions, late.questions, strict=True):
        for name, value in vars(one).items():
            assert same(value, vars(other)[name]), name


def test_word_questions_keep_their_positives_and_some_other_patches(
    config: RoseConfig, prompter: Prompter
) -> None:
    """Only they are read; nothing is asked of the others."""
    source = replace(street_words(6), read=small, kept_patches=20)
    for question in ExampleDataset(source, 0, 1, config, prompter)[0].questions:
        if question.response:
            assert question.kept is None
            continue
        assert question.kept is not None
        assert len(question.kept) == 20
        assert (question.kept.diff() > 0).all()
        away = torch.ones(36, dtype=torch.bool).index_fill_(0, question.kept, False)
        for asked in (question.is_positive, question.is_negative, question.may_be_hard):
            assert not (asked & away).any()
        assert set(question.patches.tolist()) <= set(question.kept.tolist())
        assert question.mask_channel is None


def test_a_dataset_ends(config: RoseConfig, prompter: Prompter, source: Source) -> None:
    dataset = ExampleDataset(source, 0, 2, config, prompter)
    with pytest.raises(IndexError, match='2 examples'):
        dataset[2]


def instructions_of(source: Source, count: int) -> list[Task]:
    tasks: list[Task] = []
    for number in range(count):
        rng = np.random.default_rng(number)
        tasks += source.tasks(number, small(number), rng)
    return tasks


def test_every_task_of_the_paper_occurs(source: Source) -> None:
    tasks = instructions_of(source, 300)
    sentences = {task.instruction for task in tasks}
    assert {ALL_REGIONS, FOREGROUND} <= sentences
    starts = [sentence.split('{')[0] for sentence in REFERRINGS[:1]]
    for case in REFINEMENTS:
        starts += [sentence.split('{')[0] for sentence in REFINEMENTS[case] if '{' in sentence][:1]
    for start in starts:
        assert any(sentence.startswith(start) for sentence in sentences), start
    assert any('It is in [' in sentence for sentence in sentences)
    assert any(task.mask is not None for task in tasks)


def test_the_answer_to_a_dense_task_counts_its_regions() -> None:
    scene = small(5)
    counts = read_counts(dense_task(scene, np.random.default_rng(0)).response)
    assert counts is not None
    assert sum(counts.values()) == len(scene.regions)


def test_an_image_without_regions_has_nothing_to_count(
    config: RoseConfig, prompter: Prompter, source: Source
) -> None:
    empty = Sample(np.zeros((*SIZE, 3), np.uint8), np.full(SIZE, VOID, np.uint8), ())
    rng = np.random.default_rng(0)
    (task,) = source.tasks(0, empty, rng)
    assert read_counts(task.response) == {}
    example = make_example(empty, (task,), config, prompter, rng, max_masks=5)
    assert len(example.questions[0].patches) == 0
    assert not example.questions[0].is_negative.any()


def test_a_wrong_category_is_never_the_right_one(source: Source) -> None:
    scene = small(3)
    for number in range(60):
        task = mask_task(scene, source.vocabulary, np.random.default_rng(number))
        if not task.indices:  # it makes no sense, or speaks of what is not there
            continue
        right = scene.regions[task.indices[0]].name
        wrong = [s.split('{')[0] for s in REFINEMENTS[RefinementCase.CATEGORY]]
        if any(start and task.instruction.startswith(start) for start in wrong):
            assert f' {right}' not in task.instruction


def test_an_object_is_described_by_words_or_by_its_box(source: Source) -> None:
    """What is missed without a box has words that fit it alone."""
    for number in range(80):
        scene = small(number)
        rng = np.random.default_rng(number)
        task = object_task(scene, source.vocabulary, describe_thing, rng, closed=True)
        if not task.indices:
            continue
        region = scene.regions[task.indices[0]]
        assert region.noun in task.instruction or 'It is in [' in task.instruction
        twins = sum(other.name == region.name for other in scene.regions)
        if 'It is in [' not in task.instruction and twins > 1:
            words = (' left', ' right', 'largest', 'smallest', 'leftmost', 'rightmost')
            assert any(word in task.instruction for word in words), task.instruction


def test_some_questions_are_answered_by_nothing_in_the_image(source: Source) -> None:
    tasks = [task for task in instructions_of(source, 300) if not task.indices]
    assert any(task.mask is None for task in tasks)
    assert any(task.mask is not None for task in tasks)
    for number in range(40):
        scene, rng = small(number), np.random.default_rng(number)
        text = absent_description(scene, source.vocabulary, rng)
        assert not any(region.name in text for region in scene.regions), text


def test_nothing_is_called_absent_that_nobody_has_labelled(source: Source) -> None:
    """A photograph may show an elephant though its data set has no such class."""
    scene, asked = small(3), set()
    for number in range(200):
        rng = np.random.default_rng(number)
        asked.add(unanswered_task(scene, source.vocabulary, rng, closed=False).instruction)
        nothing = unanswered_task(scene, source.vocabulary, rng, closed=None).instruction
        assert not any(name in nothing for name in source.vocabulary)
    foreign = [noun for noun in foreign_nouns() if noun not in ' '.join(source.vocabulary)]
    assert not [text for text in asked for noun in foreign if f' {noun} ' in f'{text} ']
    assert any(name in text for text in asked for name in source.vocabulary)


def test_no_text_of_training_holds_a_held_out_pair(source: Source) -> None:
    """Names, counts, descriptions, corrections, negatives, and what the tokenizer learns from."""
    texts = [*street_corpus(), *source.vocabulary]
    for task in instructions_of(source, 300):
        texts += [task.instruction, task.response]
    pairs = [f'{attribute} {noun}' for attribute, noun in HELD_OUT]
    assert not [text for text in texts for pair in pairs if pair in text]


def test_no_picture_of_training_holds_a_held_out_pair() -> None:
    for number in range(300):
        names = {(region.attribute, region.noun) for region in small(number).regions}
        assert not names & HELD_OUT


def test_positives_and_negatives_never_meet(examples: list[Example]) -> None:
    for question in (question for example in examples for question in example.questions):
        assert not (question.is_positive & question.is_negative).any()
        assert not (question.is_positive & question.may_be_hard).any()
        assert question.is_positive[question.patches].all()
        assert len(question.patches) == len(question.names) == len(question.name_ids)
        pairs = zip(question.name_ids, question.name_inputs, strict=True)
        assert all(len(ids) == len(read) for ids, read in pairs)
        assert len(question.masked) == len(question.masks) <= 8
        assert (question.masked < max(1, len(question.names))).all()


def test_the_padding_of_sams_frame_is_no_content(examples: list[Example]) -> None:
    rows = round(32 * SIZE[0] / SIZE[1])
    for example in examples:
        assert not example.is_content[rows:].any()
        for question in example.questions:
            assert not question.masks[:, rows:].any()
            assert ((question.masks >= 0) & (question.masks <= 1)).all()


def test_void_is_neither_positive_nor_negative(config: RoseConfig, prompter: Prompter) -> None:
    whole = small(4)
    index_map = np.full(SIZE, VOID, np.uint8)
    index_map[30:, 20:] = 0
    scene = Sample(whole.image, index_map, whole.regions[:1])
    task, rng = Task(ALL_REGIONS, (0,), False), np.random.default_rng(0)
    (question,) = make_example(scene, (task,), config, prompter, rng, max_masks=5).questions
    upper = torch.arange(36) < 18
    assert not (question.is_negative & upper).any()
    assert not (question.may_be_hard & upper).any()


def test_the_centres_of_others_are_negatives_of_a_single_object(
    config: RoseConfig, prompter: Prompter
) -> None:
    """Whoever asks for the red car has to hear that the blue one is not meant."""
    scene = small(2)
    rng = np.random.default_rng(0)
    everything = Task(ALL_REGIONS, tuple(range(len(scene.regions))), False)
    (dense,) = make_example(scene, (everything,), config, prompter, rng, max_masks=5).questions
    (single,) = make_example(
        scene, (Task('the first', (0,), True),), config, prompter, rng, max_masks=5
    ).questions
    others = dense.is_positive & single.may_be_hard
    assert others.any()
    assert single.is_negative[others].all()


def test_the_mask_of_a_correction_is_the_fourth_channel(examples: list[Example]) -> None:
    questions = [question for example in examples for question in example.questions]
    masked = [question for question in questions if question.mask_channel is not None]
    assert 0 < len(masked) < len(questions)
    assert all(question.mask_channel.any() for question in masked)
    assert all(len(question.names) <= 1 for question in masked)


def test_a_response_ends_with_the_end_token(
    examples: list[Example], tokenizer: RoseTokenizer
) -> None:
    responses = [q.response for example in examples for q in example.questions if q.response]
    assert responses
    assert all(response[-1] == tokenizer.special('<END>') for response in responses)


def test_a_selection_means_every_region_of_its_kind(source: Source) -> None:
    absent = 0
    for number in range(120):
        scene = small(number)
        task = selection_task(scene, source.vocabulary, np.random.default_rng(number))
        asked = {scene.regions[index] for index in task.indices}
        rest = {r for i, r in enumerate(scene.regions) if i not in task.indices}
        absent += not asked
        for region in asked:
            named = (region.name, region.noun, f'{region.attribute} thing')
            assert any(f' {words}' in task.instruction for words in named)
        for region in rest:
            assert f' {region.name} ' not in task.instruction
            assert f' {region.name}?' not in task.instruction
    assert 2 <= absent <= 30


def test_a_noun_can_be_learned_without_the_word_before_it(examples: list[Example]) -> None:
    questions = [question for example in examples for question in example.questions]
    rows = [(ids, q.name_inputs[i]) for q in questions for i, ids in enumerate(q.name_ids)]
    same = sum(ids == read for ids, read in rows)
    assert 0.2 * len(rows) < same < 0.8 * len(rows)
