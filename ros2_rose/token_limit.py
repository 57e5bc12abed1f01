"""Can the model read an instruction?  Asked before it is accepted, not at the next frame."""

from __future__ import annotations

from ros2_rose.parameters import ParameterError, RoseParameters
from rose_model.checkpoint import TOKENIZER_FILE, find_folder
from rose_model.segmenter import MAX_TEXT_TOKENS
from rose_model.tokenizer import RoseTokenizer


class TokenLimit:
    """Counts with the tokenizer of a model, so that nobody waits for the model itself.

    Raises:
        CheckpointError: there is no such model, or it has no tokenizer.
    """

    def __init__(self, model: str) -> None:
        self._tokenizer = RoseTokenizer.load(find_folder(model) / TOKENIZER_FILE)

    def check(self, parameters: RoseParameters) -> None:
        """Refuse an instruction that is too long for the model.

        Raises:
            ParameterError: says how long it is, and how long it may be.
        """
        tokens = len(self._tokenizer.encode(parameters.instruction))
        if tokens > MAX_TEXT_TOKENS:
            raise ParameterError(
                f'instruction: it has {tokens} tokens of the model; at most {MAX_TEXT_TOKENS} '
                'are read.'
            )
