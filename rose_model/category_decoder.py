"""Category decoding: one embedding in, a name in free words out, for all kept patches at once
(paper, Eq. 4).
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import DynamicCache, Qwen2ForCausalLM

from rose_model.instructions import CategoryPrompt

IGNORE = -100
MAX_NAME_CHARACTERS = 64


@dataclass(frozen=True, eq=False)
class DecodedNames:
    """``token_ids``: one row of ids a name, without the end token.  ``scores``: ``[N]`` in [0, 1].

    A score is the geometric mean of the probabilities of the name's tokens and its end.
    """

    token_ids: list[list[int]]
    scores: Tensor


def printable_name(text: str) -> str:
    """A generated name as it may be shown: printable, single blanks, at most 64 characters.

    Token ids can spell control characters or half a character; neither belongs into a label.
    """
    return printable(text)[:MAX_NAME_CHARACTERS].rstrip()


def printable(text: str) -> str:
    """A generated text without control characters and halves of characters, with single blanks."""
    shown = ''.join(
        letter if letter.isprintable() else ' ' for letter in text if letter != '\ufffd'
    )
    return ' '.join(shown.split())


class CategoryDecoder:
    """Greedy generation of N names in one batch.

    What stands before the embedding is the same for every name: it is run once, here, and its keys
    and values are shared.  All rows have the same length, so there is no padding and no mask.
    """

    def __init__(
        self, language_model: Qwen2ForCausalLM, prompt: CategoryPrompt, max_new_tokens: int
    ) -> None:
        self._model = language_model
        self._prompt = prompt
        self._max_new_tokens = max_new_tokens
        device = language_model.lm_head.weight.device
        with torch.inference_mode():
            before = torch.tensor([prompt.before], device=device)
            self._prefix = DynamicCache(config=language_model.config)
            language_model.model(input_ids=before, past_key_values=self._prefix, use_cache=True)
            after = torch.tensor([prompt.after], device=device)
            self._after = language_model.model.embed_tokens(after)

    @torch.inference_mode()
    def decode(self, category_embedding: Tensor) -> DecodedNames:
        """Names for category embeddings ``[N, D]``; N may be 0."""
        count = len(category_embedding)
        if count == 0:
            return DecodedNames([], category_embedding.new_zeros(0))
        cache = copy.deepcopy(self._prefix)
        cache.batch_repeat_interleave(count)
        after = self._after.expand(count, -1, -1)
        embeds = torch.cat((category_embedding[:, None].to(after.dtype), after), dim=1)
        ids: list[Tensor] = []
        log_probability = torch.zeros(count, device=embeds.device)
        lengths = torch.zeros(count, device=embeds.device)
        is_open = torch.ones(count, dtype=torch.bool, device=embeds.device)
        for _ in range(self._max_new_tokens):
            output = self._model.model(inputs_embeds=embeds, past_key_values=cache, use_cache=True)
            logits = self._model.lm_head(output.last_hidden_state[:, -1]).float()
            best, token = logits.log_softmax(-1).max(-1)
            log_probability += best * is_open
            lengths += is_open
            ids.append(torch.where(is_open, token, self._prompt.end))
            is_open = is_open & (token != self._prompt.end)
            if not is_open.any():
                break
            embeds = self._model.model.embed_tokens(ids[-1])[:, None]
        rows: list[list[int]] = torch.stack(ids, dim=1).tolist()
        names = [
            row[: row.index(self._prompt.end)] if self._prompt.end in row else row for row in rows
        ]
        return DecodedNames(names, (log_probability / lengths).exp())


def category_loss(
    language_model: Qwen2ForCausalLM,
    prompt: CategoryPrompt,
    category_embedding: Tensor,
    names: Sequence[Sequence[int]],
    inputs: Sequence[Sequence[int]],
) -> Tensor:
    """Cross entropy ``[N]``, the mean over each name's tokens and its end token (paper, Eq. 5,
    second term).

    ``category_embedding``: ``[N, D]`` with N > 0; ``names``: N rows of ids from ``Prompter.name``,
    to be predicted; ``inputs``: the same, or with blanks, as the model reads them meanwhile.
    """
    device = category_embedding.device
    embed = language_model.model.embed_tokens
    longest = max(len(name) for name in names)
    ids = torch.full((len(names), longest), prompt.end, device=device)
    target = torch.full((len(names), longest), IGNORE, device=device)
    for row, (name, read) in enumerate(zip(names, inputs, strict=True)):
        target[row, : len(name)] = torch.tensor(name, device=device)
        ids[row, : len(read)] = torch.tensor(read, device=device)
    count = len(names)
    before = embed(torch.tensor(prompt.before, device=device)).expand(count, -1, -1)
    after = embed(torch.tensor(prompt.after, device=device)).expand(count, -1, -1)
    embeds = torch.cat(
        (before, category_embedding[:, None].to(before.dtype), after, embed(ids[:, :-1])), dim=1
    )
    hidden = language_model.model(inputs_embeds=embeds, use_cache=False).last_hidden_state
    logits = language_model.lm_head(hidden[:, -longest:])
    entropy = torch.nn.functional.cross_entropy(
        logits.float().mT, target, ignore_index=IGNORE, reduction='none'
    )
    return entropy.sum(1) / (target != IGNORE).sum(1)
