"""Category decoding: one embedding in, a name in free words out, for all kept patches at once
(paper, Eq. 4).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from transformers import Qwen2ForCausalLM

from rose_model.backbones.qwen2_pass import last_state
from rose_model.cuda_graph import CudaGraph
from rose_model.host import to_host
from rose_model.instructions import CategoryPrompt
from rose_model.prefix_cache import PrefixCache, run_prefix

IGNORE = -100
_BATCH_STEP = 16
MAX_NAME_CHARACTERS = 64


@dataclass(frozen=True, eq=False)
class DecodedNames:
    """``token_ids``: one row of ids a name, without the end token.  ``scores``: ``[N]`` in [0, 1],
    on the CPU.

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
    and values are shared.  All rows have the same length, so there is no padding.  On a GPU each
    pass is replayed as a CUDA graph; N is rounded up to a multiple of 16 there, so that few are
    recorded.
    """

    def __init__(
        self, language_model: Qwen2ForCausalLM, prompt: CategoryPrompt, max_new_tokens: int
    ) -> None:
        self._model = language_model
        self._prompt = prompt
        self._max_new_tokens = max_new_tokens
        self._batches: dict[int, _Batch] = {}
        device = language_model.lm_head.weight.device
        self._is_graphed = device.type == 'cuda'
        self._pool = torch.cuda.graph_pool_handle() if self._is_graphed else None
        with torch.inference_mode():
            self._prefix = run_prefix(language_model.model, prompt.before, device)
            after = torch.tensor([prompt.after], device=device)
            self._after = language_model.model.embed_tokens(after)

    @torch.inference_mode()
    def prepare(self, most: int) -> None:
        """On a GPU, record all passes for up to ``most`` names, so that no frame waits for it."""
        if not self._is_graphed:
            return
        for count in range(_BATCH_STEP, most + _BATCH_STEP, _BATCH_STEP):
            batch = self._batch(count)
            batch.start(self._after.new_zeros(count, self._after.shape[-1]))
            for run in batch.passes:
                run()

    @torch.inference_mode()
    def decode(self, category_embedding: Tensor) -> DecodedNames:
        """Names for category embeddings ``[N, D]``; N may be 0."""
        count = len(category_embedding)
        if count == 0:
            return DecodedNames([], category_embedding.new_zeros(0))
        batch = self._batch(count)
        batch.start(category_embedding)
        for step in range(self._max_new_tokens):
            batch.passes[step]()
            if not batch.is_open.any():  # one scalar a step is all that the host waits for
                break
        return self._read(batch, count, step + 1)

    def _batch(self, count: int) -> _Batch:
        if not self._is_graphed:
            return self._new_batch(count)
        size = -(-count // _BATCH_STEP) * _BATCH_STEP
        if size not in self._batches:
            self._batches[size] = self._new_batch(size)
        return self._batches[size]

    def _new_batch(self, size: int) -> _Batch:
        return _Batch(
            self._model,
            self._prefix,
            self._after,
            self._prompt.end,
            size,
            self._max_new_tokens,
            self._pool,
        )

    def _read(self, batch: _Batch, count: int, steps: int) -> DecodedNames:
        """Ids and scores, in one copy."""
        scores = (batch.log_probability / batch.lengths).exp()
        ids, scores = to_host(batch.ids[:count, :steps], scores[:count])
        end = self._prompt.end
        rows: list[list[int]] = ids.tolist()
        names = [row[: row.index(end)] if end in row else row for row in rows]
        return DecodedNames(names, scores)


class _Batch:
    """The memory of ``size`` names that are being generated, and the ``passes`` over it: first
    over the prompts, then over one token more each.
    """

    def __init__(
        self,
        model: Qwen2ForCausalLM,
        prefix: Sequence[tuple[Tensor, Tensor]],
        after: Tensor,
        end: int,
        size: int,
        max_new_tokens: int,
        pool: object | None,
    ) -> None:
        device = after.device
        self._model, self._end = model, end
        self._before, self._after = prefix[0][0].shape[2], after.shape[1] + 1
        length = self._before + self._after + max_new_tokens
        self._cache = PrefixCache(prefix, size, length)
        self._embeds = torch.cat((torch.zeros_like(after[:, :1]), after), 1).repeat(size, 1, 1)
        self._mask = _causal_mask(self._after, self._before).to(device)
        places = torch.arange(self._before, length, device=device)[None]
        self._cosines, self._sines = model.model.rotary_emb(after, places)
        self.ids = torch.empty(size, max_new_tokens, dtype=torch.int32, device=device)
        self.log_probability = torch.empty(size, device=device)
        self.lengths = torch.empty(size, device=device)
        self.is_open = torch.empty(size, dtype=torch.bool, device=device)
        work = [partial(self._pass, step) for step in range(max_new_tokens)]
        self.passes: list[Callable[[], None]] = (
            [CudaGraph(step, pool) for step in work] if after.is_cuda else [*work]
        )

    def start(self, category_embedding: Tensor) -> None:
        """Begin with the embeddings ``[N, D]``; rows behind them are closed."""
        count = len(category_embedding)
        self._embeds[:count, 0] = category_embedding
        self.log_probability.zero_()
        self.lengths.zero_()
        self.is_open.zero_()
        self.is_open[:count] = True

    def _pass(self, step: int) -> None:
        """Choose the token ``step`` of every name."""
        if step == 0:
            start, embeds, mask = 0, self._embeds, self._mask
        else:
            start = self._after + step - 1
            embeds, mask = self._model.model.embed_tokens(self.ids[:, step - 1, None]), None
        self._cache.rewind(self._before + start)
        places = slice(start, start + embeds.shape[1])
        rotation = self._cosines[:, places], self._sines[:, places]
        state = last_state(self._model.model, embeds, rotation, self._cache, mask)
        logits = self._model.lm_head(state).float().log_softmax(-1)
        best, token = logits.max(-1)
        self.log_probability += best * self.is_open
        self.lengths += self.is_open
        self.ids[:, step] = torch.where(self.is_open, token, self._end)
        self.is_open &= token != self._end


def _causal_mask(tokens: int, before: int) -> Tensor:
    """Which of ``before + tokens`` the last ``tokens`` see: bool ``[1, 1, T, before + T]``."""
    seen = torch.ones(tokens, before + tokens, dtype=torch.bool)
    return seen.tril(diagonal=before)[None, None]


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
