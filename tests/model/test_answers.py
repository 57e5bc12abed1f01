"""Answers that name what is segmented along tokens: written, read again, and learned."""

from __future__ import annotations

import pytest

from rose_model.answers import AnswerForm, SpokenName, answer_form, tokens_of
from rose_model.errors import CheckpointError
from rose_model.tokenizer import SEG_TOKEN, RoseTokenizer

TOKEN, END = 900, 901
CAR, RED_BUS = (5,), (6, 7)
STACK = AnswerForm(TOKEN, END, copies=1, token_leads=False)
DENSE = AnswerForm(TOKEN, END, copies=3, token_leads=False)
REGION = AnswerForm(TOKEN, END, copies=1, token_leads=True)


@pytest.mark.parametrize(
    ('form', 'ids', 'places'),
    [
        (STACK, (5, TOKEN, 6, 7, TOKEN, END), ((1,), (4,))),
        (DENSE, (5, *[TOKEN] * 3, 6, 7, *[TOKEN] * 3, END), ((1, 2, 3), (6, 7, 8))),
        (REGION, (TOKEN, 5, TOKEN, 6, 7, END), ((0,), (2,))),
    ],
)
def test_an_answer_can_be_read_again(form: AnswerForm, ids, places) -> None:
    written = form.write([CAR, RED_BUS])
    assert (written.ids, written.places) == (ids, places)
    spoken = form.read(written.ids[:-1])
    assert [name.ids for name in spoken] == [CAR, RED_BUS]
    assert tuple(name.places for name in spoken) == places
    for name in spoken:
        part = ids[name.first : name.last]
        assert tuple(token for token in part if token != TOKEN) == name.ids
        assert part.count(TOKEN) == form.copies


def test_nothing_is_answered_by_the_end() -> None:
    for form in (STACK, DENSE, REGION):
        assert form.write([]).ids == (END,)
        assert form.read([]) == []


def test_what_belongs_to_no_token_is_passed_over() -> None:
    assert STACK.read([5, TOKEN, 6, 7]) == [SpokenName(CAR, (1,), 0, 2)]
    assert STACK.read([5, 6]) == []
    assert REGION.read([5, TOKEN, 6, 7]) == [SpokenName(RED_BUS, (1,), 1, 4)]
    assert REGION.read([5, 6]) == []


def test_a_token_without_a_name_is_read_as_nameless() -> None:
    assert [name.ids for name in REGION.read([TOKEN, TOKEN, 5])] == [(), CAR]
    assert [name.ids for name in STACK.read([TOKEN, 5, TOKEN])] == [(), CAR]


def test_only_an_arm_needs_its_token(tokenizer: RoseTokenizer) -> None:
    assert tokens_of('decode_embed') == ()
    assert answer_form('decode_embed', tokenizer, END) is None
    with pytest.raises(CheckpointError, match='<SEG>'):
        answer_form('vanilla_stack', tokenizer, END)
    extended = tokenizer.with_special(*tokens_of('dense_stack'))
    form = answer_form('dense_stack', extended, END)
    assert form == AnswerForm(len(tokenizer), END, copies=3, token_leads=False)


def test_a_token_more_changes_no_other_id(tokenizer: RoseTokenizer) -> None:
    extended = tokenizer.with_special(SEG_TOKEN)
    text = 'There are 2 red car, 1 <SEG> in this image.'
    assert extended.encode(text) == tokenizer.encode(text)  # nobody can write it
    assert len(extended) == len(tokenizer) + 1
    assert extended.with_special(SEG_TOKEN).special(SEG_TOKEN) == len(tokenizer)
    with pytest.raises(CheckpointError):
        tokenizer.special(SEG_TOKEN)
