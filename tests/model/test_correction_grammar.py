"""What a correction in words asks for, read without a model."""

from __future__ import annotations

import re
import unicodedata

import pytest

from rose_model.correction_grammar import Intent, Request, read_request
from rose_model.data.class_names import plain_name, read_table
from rose_model.instructions import with_box
from rose_model.prompts.sentences import (
    ALL_REGIONS_PARAPHRASES,
    FOREGROUND_PARAPHRASES,
    GROW,
    PLAIN_REFINEMENTS,
    REFINEMENTS,
    SHRINK,
)
from rose_model.records import RefinementCase
from rose_model.wording.clauses import split_clauses
from rose_model.wording.patterns import MAX_GAP, Pattern, Patterns

MASK_INTENTS = {Intent.MASK, Intent.GROW, Intent.SHRINK}
BOX = (0.1, 0.2, 0.3, 0.4)


def refinements(case: RefinementCase) -> list[str]:
    return [sentence.format(category='red car') for sentence in REFINEMENTS[case]]


@pytest.mark.parametrize('box', [None, BOX])
@pytest.mark.parametrize('text', refinements(RefinementCase.MASK))
def test_a_sentence_about_a_mask_speaks_of_its_object(text: str, box: tuple | None) -> None:
    request = read_request(with_box(text, box))
    assert request.intent in MASK_INTENTS
    assert (request.label, request.subject) == (None, 'red car')


@pytest.mark.parametrize('box', [None, BOX])
@pytest.mark.parametrize('text', refinements(RefinementCase.CATEGORY))
def test_a_complaint_about_a_name_states_no_label(text: str, box: tuple | None) -> None:
    request = read_request(with_box(text, box))
    assert (request.intent, request.label) == (Intent.CATEGORY, None)


@pytest.mark.parametrize('box', [None, BOX])
@pytest.mark.parametrize('text', refinements(RefinementCase.MISSED))
def test_what_was_missed_is_called_as_the_user_calls_it(text: str, box: tuple | None) -> None:
    assert read_request(with_box(text, box)) == Request(Intent.MISSED, 'red car', 'red car')


@pytest.mark.parametrize(
    ('case', 'intents'),
    [
        (RefinementCase.MASK, MASK_INTENTS),
        (RefinementCase.CATEGORY, {Intent.CATEGORY}),
        (RefinementCase.MISSED, {Intent.MISSED}),
    ],
)
def test_a_refinement_without_a_category_names_nothing(
    case: RefinementCase, intents: set[Intent]
) -> None:
    for text in PLAIN_REFINEMENTS[case]:
        request = read_request(text)
        assert request.intent in intents, text
        assert (request.label, request.subject) == (None, None), text


@pytest.mark.parametrize('intent', [Intent.GROW, Intent.SHRINK])
def test_larger_and_smaller_are_told_apart(intent: Intent) -> None:
    for sentence in GROW if intent is Intent.GROW else SHRINK:
        request = read_request(sentence.format(category='red car'))
        assert (request.intent, request.label) == (intent, None), sentence


@pytest.mark.parametrize(
    ('text', 'intent'),
    [
        (
            'This segmentation mask is incomplete, please ensure the entire object is captured.',
            Intent.GROW,
        ),
        (
            'The category of this segmentation result is wrongly predicted as car, please '
            'correctify this.',
            Intent.CATEGORY,
        ),
        (
            'Please segment target region with mask and corresponding category.',
            Intent.MISSED,
        ),
    ],
)
def test_the_sentences_that_the_paper_prints_are_understood(text: str, intent: Intent) -> None:
    assert read_request(text) == Request(intent)


def test_a_dense_instruction_names_and_deletes_nothing() -> None:
    for text in (*ALL_REGIONS_PARAPHRASES, *FOREGROUND_PARAPHRASES):
        request = read_request(text)
        assert request.label is None, text
        assert request.intent is not Intent.DELETE, text


@pytest.mark.parametrize(
    'text',
    [
        'It should be larger.',
        'This is an incomplete mask.',
        'The label should be changed.',
        'Add the mask of it',
        'You missed that one',
        'this is a mistake',
        "it's the same object as the other one",
        'it is a piece of paper that is missing',
        'this is a little strange',
        'the label should be red',
        'this is ein Bus',
        "it's spelled bus",
        'this is a car or a van',
        'if this is a bus, why',
        'no way this is a dog',
        'this is not what should be called a car',
        'the label was changed to car',
        'rename this dog',
        'change the mask to include the wheel',
        'this is a car/truck',
        'bus',
    ],
)
def test_what_is_not_surely_a_label_is_left_to_the_model(text: str) -> None:
    assert read_request(text).label is None


@pytest.mark.parametrize(
    ('text', 'label'),
    [
        ('This is a very large truck', 'large truck'),
        ('it is a man riding a bicycle', 'man'),
        ('it is a car parked on the pavement', 'car'),
        ('this is a tall building on the left', 'tall building'),
        ('it is a can of soup', 'can of soup'),
        ("it's a little dog", 'little dog'),
        ('it is GRASS', 'grass'),
        ('This is “a tram”.', 'tram'),
        ('This is a Straßenbahn.', 'straßenbahn'),
        ('this is a कार', 'कार'),
        ('This is a cafe\u0301.', 'café'),
        ('this is a 公共汽车', '公共汽车'),
        ('This is a bus It is in [0.17, 0.25, 0.50, 0.50].', 'bus'),
        ('Could you call it a van?', 'van'),
    ],
)
def test_a_label_is_the_noun_phrase_alone(text: str, label: str) -> None:
    assert read_request(text).label == label


def class_names() -> list[str]:
    rows = [*read_table('coco_stuff'), *read_table('ade20k_150'), *read_table('cityscapes')]
    names = {plain_name(row.get('name') or row['names']) for row in rows}
    spoken = {name for name in names if re.fullmatch('[a-z][a-z -]*', name)}
    # What no user says, and what stands for something else in a sentence.
    return sorted(spoken - {'case', 'out of roi', 'rectification border', 'trade name'})


@pytest.mark.parametrize(
    ('sentence', 'missing'),
    [
        ('This is a {}.', set()),
        ("No, it's an {}, not a zebra!", set()),
        ('it should be a {}', set()),
        ("the label should be '{}'", set()),
        ('You missed the {}.', set()),
        ('there is a {} on the left', set()),
        ('rename it to {}', {'light', 'orange', 'unlabeled'}),
        ('label: {}', {'light', 'orange', 'unlabeled'}),
    ],
)
def test_the_class_names_of_data_sets_can_be_stated(sentence: str, missing: set[str]) -> None:
    names = class_names()
    assert len(names) > 250
    lost = {name for name in names if read_request(sentence.format(name)).label != name}
    assert lost <= missing


@pytest.mark.parametrize('sentence', ['This is not a {}.', 'The mask of the {} is too small.'])
def test_no_class_name_is_stated_by_a_complaint(sentence: str) -> None:
    stated = {name for name in class_names() if read_request(sentence.format(name)).label}
    assert stated == set()


@pytest.mark.parametrize(
    ('text', 'label', 'subject'),
    [
        ('You missed the leftmost car', 'car', 'leftmost car'),
        ('there are two dogs missing', 'dogs', 'two dogs'),
        ('add a mask for the dog', 'dog', 'dog'),
        ('you missed something', None, None),
    ],
)
def test_a_missed_thing_has_a_category_and_a_subject(
    text: str, label: str | None, subject: str | None
) -> None:
    assert read_request(text) == Request(Intent.MISSED, label, subject)


@pytest.mark.parametrize(
    ('text', 'intent'),
    [
        ('the mask is larger than the car', Intent.SHRINK),
        ('the mask is smaller than the car', Intent.GROW),
        ('it is not large enough', Intent.GROW),
        ('it misses the wheels and covers the road', Intent.GROW),
        ('the roof should be in the mask', Intent.GROW),
        ('the road should not be in the mask', Intent.SHRINK),
        ("don't include the road", Intent.SHRINK),
        ("it doesn't include the roof", Intent.GROW),
        ('remove the holes', Intent.GROW),
        ('cut off the road', Intent.SHRINK),
        ('the roof is cut off', Intent.GROW),
        ('the label is right but the mask is too small', Intent.GROW),
        ('this is a good mask', Intent.OTHER),
        ('nothing is missing', Intent.OTHER),
    ],
)
def test_what_a_mask_lacks_or_has_too_much_of_is_told_apart(text: str, intent: Intent) -> None:
    assert read_request(text).intent is intent


def test_a_name_wins_over_a_complaint_and_a_deletion_over_a_name() -> None:
    assert read_request('The label is wrong, it is a bus.') == Request(Intent.NAME, 'bus')
    assert read_request('This is a shadow, delete it.') == Request(Intent.DELETE)


def test_there_is_no_dog_may_be_about_the_name() -> None:
    assert read_request('there is no dog here').intent is Intent.DELETE
    assert read_request('there is no dog here, it is a cat') == Request(Intent.NAME, 'cat')


@pytest.mark.parametrize(
    'text',
    [
        'Delete it? No, keep it.',
        'delete this, no, do not delete it',
        'If it is nothing, delete it.',
        'should I delete this?',
        'delete all segments',
        'you deleted it',
    ],
)
def test_a_deletion_that_is_taken_back_or_asked_about_is_none(text: str) -> None:
    assert read_request(text).intent is not Intent.DELETE


def test_a_deletion_of_something_else_does_not_delete_the_segment() -> None:
    request = read_request('remove the car')
    assert request == Request(Intent.DELETE, None, 'car')
    assert request.deletes('red car')
    assert not request.deletes('road')
    assert read_request('remove it').deletes('road')
    assert not read_request('remove the background').deletes('road')


@pytest.mark.parametrize(
    'text', ['', ' ', '...', '?!', '"', '""', "'", '[', '[]', 'the', 'a the a']
)
def test_a_text_without_words_asks_for_nothing(text: str) -> None:
    assert read_request(text) == Request(Intent.OTHER)


def test_a_nameless_category_deletes_nothing_by_accident() -> None:
    assert not read_request('delete the car').deletes('')


HOSTILE = (
    *(' ', ',', '\t', 'a ', 'the ', 'this is ', 'not ', 'no ', 'very ', 'of ', 'is ', 'i '),
    *('"', "'", '[', '[]', '-', '&', 'a' * 63 + ' ', 'please ', 'and ', 'call it ', 'delete '),
    *('this is a ', 'no car here. ', 'it is not a car, ', 'remove the car from ', 'the mask '),
    *('e\u0301', '\U0001f697', 'how about calling ', 'i wish you called '),
)


class Count:
    """How many words patterns look at."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.looks = 0
        match, longest = Pattern.match, Patterns.longest

        def counted(pattern, words, start=0):
            self.looks += len(pattern._elements) * (MAX_GAP + 1)
            return match(pattern, words, start)

        def counted_longest(patterns, words, start=0):
            self.looks += 1
            return longest(patterns, words, start)

        monkeypatch.setattr(Pattern, 'match', counted)
        monkeypatch.setattr(Patterns, 'longest', counted_longest)

    def of(self, text: str) -> int:
        self.looks = 0
        read_request(text)
        return self.looks


@pytest.mark.parametrize('unit', HOSTILE)
def test_the_work_grows_no_faster_than_the_text(
    unit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = Count(monkeypatch)
    short = count.of((unit * 512)[:512])
    long = count.of((unit * 2048)[:2048])
    assert long <= 4.5 * short + 2000


def test_every_word_is_in_one_clause() -> None:
    text = 'No, this is not a car but a bus; please rename it and make the mask larger.'
    words = ' '.join(word for clause in split_clauses(text) for word in clause.words)
    assert words == 'no this is not a car a bus rename it make the mask larger'
    assert split_clauses('') == []


def test_typographic_and_plain_apostrophes_are_the_same() -> None:
    plain = read_request("it's no dog, that's a wolf")
    assert plain == Request(Intent.NAME, 'wolf')
    for mark in '\u2019`\xb4':
        assert read_request(f'it{mark}s no dog, that{mark}s a wolf') == plain


def test_composed_and_decomposed_letters_are_the_same() -> None:
    text = 'This is a café.'
    assert read_request(unicodedata.normalize('NFD', text)) == read_request(text)
