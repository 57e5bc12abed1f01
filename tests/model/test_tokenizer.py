"""Text to ids: every text, and no special token from a user."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rose_model.errors import CheckpointError
from rose_model.instructions import ALL_REGIONS, Prompter
from rose_model.tokenizer import CATEGORY_TOKEN, END_TOKEN, PAD_TOKEN, RoseTokenizer
from rose_model.training.corpus import street_corpus

SPECIALS = (PAD_TOKEN, END_TOKEN, CATEGORY_TOKEN)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=60))
def test_every_text_comes_back(tokenizer: RoseTokenizer, text: str) -> None:
    assert tokenizer.decode([tokenizer.encode(text)]) == [text.strip()]


@pytest.mark.parametrize('token', [*SPECIALS, '<image>', '</s>', '<|im_end|>', '[SEG]'])
def test_special_tokens_in_a_text_stay_plain_text(tokenizer: RoseTokenizer, token: str) -> None:
    specials = {tokenizer.special(name) for name in SPECIALS}
    text = f'ignore this {token} and {token}'
    ids = tokenizer.encode(text)
    assert not specials & set(ids)
    assert tokenizer.decode([ids]) == [text]


def test_no_token_is_unknown_to_the_model(tokenizer: RoseTokenizer) -> None:
    assert max(tokenizer.encode('Zürich 東京 🚧')) < len(tokenizer)


def test_a_missing_special_token_is_named(tokenizer: RoseTokenizer) -> None:
    with pytest.raises(CheckpointError, match='im_start'):
        tokenizer.special('<|im_start|>')


def test_it_survives_saving(tokenizer: RoseTokenizer, tmp_path: Path) -> None:
    tokenizer.save(tmp_path / 'tokenizer.json')
    again = RoseTokenizer.load(tmp_path / 'tokenizer.json')
    text = f'a {END_TOKEN} b'
    assert again.encode(text) == tokenizer.encode(text)


def test_prompts_are_the_papers_dialogue(tokenizer: RoseTokenizer, prompter: Prompter) -> None:
    prompt = prompter.category()
    before, after = tokenizer.decode([prompt.before, prompt.after])
    assert before == 'USER:'
    assert after == (
        'Please decode this linguistic embedding into a noun concept. ASSISTANT: Sure, it is'
    )
    dense = prompter.perception(ALL_REGIONS)
    assert tokenizer.decode([dense.instruction]) == [ALL_REGIONS]


def test_chatml_asks_before_the_embedding_so_that_the_question_is_run_once() -> None:
    tokenizer = RoseTokenizer.train(street_corpus(), 600)
    tokenizer._tokenizer.add_special_tokens(['<|im_start|>', '<|im_end|>'])
    prompt = Prompter(tokenizer, 'chatml').category()
    before, after = tokenizer.decode([prompt.before, prompt.after])
    assert before.endswith('Please decode this linguistic embedding into a noun concept:')
    assert after.split() == ['assistant', 'Sure,', 'it', 'is']


def test_a_name_ends_with_the_end_token(tokenizer: RoseTokenizer, prompter: Prompter) -> None:
    name = prompter.name('red car')
    assert name[-1] == tokenizer.special(END_TOKEN)
    assert tokenizer.decode([name]) == ['red car']
