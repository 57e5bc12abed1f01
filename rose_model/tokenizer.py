"""The tokenizer of a ROSE folder: text to ids without any way to smuggle in a special token."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from rose_model.errors import CheckpointError

CATEGORY_TOKEN = '<CATEGORY>'  # noqa: S105  (a token of text, not a secret)
END_TOKEN = '<END>'  # noqa: S105
PAD_TOKEN = '<PAD>'  # noqa: S105
SEG_TOKEN = '<SEG>'  # noqa: S105
REGION_TOKEN = '<REGION>'  # noqa: S105
"""The last two are in the tokenizers of ablation arms alone."""


class RoseTokenizer:
    """Byte-level BPE in the format of ``tokenizers``; text of users is always plain text."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        # A special token in a text is split into ordinary pieces, so that nobody can write one.
        # Publishers also add tokens that are not called special, some of them role markers.
        tokenizer.add_special_tokens(
            [str(token.content) for token in tokenizer.get_added_tokens_decoder().values()]
        )
        tokenizer.encode_special_tokens = True
        self._tokenizer = tokenizer

    @classmethod
    def load(cls, path: Path) -> RoseTokenizer:
        """Read a ``tokenizer.json``.

        Raises:
            CheckpointError: the file is missing, or is no tokenizer.
        """
        if not path.is_file():
            raise CheckpointError(f'{path} is missing; a ROSE folder holds a tokenizer.json.')
        try:
            return cls(Tokenizer.from_file(str(path)))
        except Exception as error:  # the library raises plain Exception for a file it cannot parse
            raise CheckpointError(f'{path} is no tokenizer: {error}.') from error

    @classmethod
    def train(cls, texts: Iterable[str], vocabulary: int) -> RoseTokenizer:
        """A byte-level BPE tokenizer of at most that many tokens; every text in any language can
        be encoded.
        """
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Digits(individual_digits=True),
                pre_tokenizers.ByteLevel(add_prefix_space=False),
            ]
        )
        tokenizer.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=vocabulary,
            special_tokens=[PAD_TOKEN, END_TOKEN, CATEGORY_TOKEN],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        tokenizer.train_from_iterator(texts, trainer)
        return cls(tokenizer)

    def save(self, path: Path) -> None:
        """Write ``tokenizer.json``."""
        self._tokenizer.save(str(path))

    def __len__(self) -> int:
        """Number of tokens, special ones included."""
        return int(self._tokenizer.get_vocab_size(with_added_tokens=True))

    def encode(self, text: str) -> list[int]:
        """Ids of a text; what looks like a special token becomes ordinary tokens."""
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def special(self, token: str) -> int:
        """The id of a special token.

        Raises:
            CheckpointError: the tokenizer has no such token.
        """
        index = self._tokenizer.token_to_id(token)
        if index is None:
            raise CheckpointError(f'The tokenizer has no token {token!r}.')
        return int(index)

    def has_special(self, token: str) -> bool:
        """Whether there is a token of that name."""
        return self._tokenizer.token_to_id(token) is not None

    def add_special(self, token: str) -> int:
        """The id of a special token, which is added where the tokenizer has none of that name."""
        self._tokenizer.add_special_tokens([token])
        return self.special(token)

    def with_special(self, *tokens: str) -> RoseTokenizer:
        """A tokenizer that has these special tokens, too, at its end; the ids of all others are
        the same.
        """
        copy = Tokenizer.from_str(self._tokenizer.to_str())
        copy.add_special_tokens(list(tokens))
        return RoseTokenizer(copy)

    def decode(self, rows: Sequence[Sequence[int]]) -> list[str]:
        """The texts of rows of ids, without special tokens and without blanks at the ends."""
        return [
            text.strip() for text in self._tokenizer.decode_batch(rows, skip_special_tokens=True)
        ]
