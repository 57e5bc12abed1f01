"""An instruction that the model cannot read is refused before a frame meets it."""

import pytest

from ros2_rose.parameters import ParameterError, parameters_from
from ros2_rose.token_limit import TokenLimit
from rose_model.checkpoint import TOKENIZER_FILE
from rose_model.errors import CheckpointError
from rose_model.segmenter import MAX_TEXT_TOKENS
from rose_model.tokenizer import RoseTokenizer


@pytest.fixture
def limit(tmp_path):
    """Of a model whose tokens are single bytes."""
    RoseTokenizer.train([], 300).save(tmp_path / TOKENIZER_FILE)
    for name in ('config.json', 'model.safetensors'):
        (tmp_path / name).touch()
    return TokenLimit(str(tmp_path))


def test_the_longest_instruction_fits(limit):
    limit.check(parameters_from({'instruction': 'x' * MAX_TEXT_TOKENS}))
    limit.check(parameters_from({}))


@pytest.mark.parametrize('text', ['x' * (MAX_TEXT_TOKENS + 1), '語' * 100])
def test_one_token_more_is_refused_with_both_numbers(limit, text):
    tokens = len(text.encode())
    with pytest.raises(ParameterError, match=f'instruction: .* {tokens} .* {MAX_TEXT_TOKENS} '):
        limit.check(parameters_from({'instruction': text}))


def test_a_model_that_is_not_there_is_named(tmp_path):
    with pytest.raises(CheckpointError, match='no_model'):
        TokenLimit(str(tmp_path / 'no_model'))
