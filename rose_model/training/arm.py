"""A model that is to be trained, as an arm of the paper's ablations."""

from __future__ import annotations

from rose_model.answers import tokens_of
from rose_model.arms import configure
from rose_model.checkpoint import TOKENIZER_FILE
from rose_model.errors import ConfigError
from rose_model.rose import Rose
from rose_model.tokenizer import RoseTokenizer


def become_arm(rose: Rose, tokenizer: RoseTokenizer, arm: str) -> RoseTokenizer:
    """Make a model an arm of the ablations, its weights as they are; the tokenizer with the arm's
    tokens, if it has any.

    Raises:
        ConfigError: there is no such arm, or a table of embeddings has no row left for its tokens.
    """
    config = configure(rose.config, arm)
    extended = tokenizer.with_special(*tokens_of(config.ablation.framework))
    rows = config.language.vocabulary
    if config.text is not None and config.text.tokenizer == TOKENIZER_FILE:  # one for both
        rows = min(rows, config.text.vocabulary)
    if len(extended) > rows:
        raise ConfigError(
            f'The arm {arm} needs {len(extended)} tokens, the model has {rows}; start from one '
            f'with a larger vocabulary.'
        )
    rose.config = config
    rose.perception.refinement = config.ablation.refinement
    return extended
