"""Patch-wise perception: image and instruction to one object embedding per patch (paper, Sec. 3.2,
Eq. 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from transformers import DynamicCache, Qwen2ForCausalLM

from rose_model.backbones.lmm import Projector, VisionTower
from rose_model.config import LanguageConfig, RefinementInput
from rose_model.drawn_mask import draw_mask
from rose_model.instructions import PerceptionPrompt


@dataclass(frozen=True, eq=False)
class Perceived:
    """What one pass gives.

    ``object_embedding``: ``[B, P, D]``, the language model's last state, after its final norm, at
    each patch. ``response_logits``: ``[R, V]``, the logits that predict each token of the
    responses, row after row; ``None`` without responses.  ``response_states``: ``[R, D]``, the
    states that these logits are of.
    """

    object_embedding: Tensor
    response_logits: Tensor | None
    response_states: Tensor | None


@dataclass(frozen=True, eq=False)
class Spoken:
    """A generated answer: ``ids`` without the end; ``states`` ``[T, D]``, which predict each of
    them; ``probabilities`` ``[T]``, float32.
    """

    ids: list[int]
    states: Tensor
    probabilities: Tensor


@dataclass(frozen=True)
class _Row:
    """Token ids of one sequence: ``left`` of the image, ``right`` of it, and the ``response``."""

    left: tuple[int, ...]
    right: tuple[int, ...]
    response: tuple[int, ...]


class PatchPerception(nn.Module):
    """SigLIP, projector and Qwen2 in one pass over system text, image, instruction and, in
    training, a response.
    """

    def __init__(
        self,
        vision_tower: VisionTower,
        projector: Projector,
        language_model: Qwen2ForCausalLM,
        config: LanguageConfig,
        refinement: RefinementInput = 'concatenation',
    ) -> None:
        super().__init__()
        self.vision_tower = vision_tower
        self.projector = projector
        self.language_model = language_model
        self.attention = config.attention
        self.refinement = refinement

    def forward(
        self,
        pixels: Tensor,
        prompts: Sequence[PerceptionPrompt],
        responses: Sequence[Sequence[int]] | None = None,
    ) -> Perceived:
        """Perceive ``pixels`` ``[B, 4, L, L]``, one prompt a row and, in training, one response a
        row.
        """
        return self.read(self.encode(pixels), prompts, responses)

    def encode(self, pixels: Tensor) -> Tensor:
        """Projected patch features ``[B, P, D]`` of ``pixels`` ``[B, 4, L, L]``; several prompts
        may share them.
        """
        if self.refinement != 'concatenation':
            pixels = draw_mask(pixels, with_box=self.refinement == 'drawn_mask_and_box')
        patches: Tensor = self.projector(self.vision_tower(pixels))
        return patches

    def read(
        self,
        patches: Tensor,
        prompts: Sequence[PerceptionPrompt],
        responses: Sequence[Sequence[int]] | None = None,
        kept: Tensor | None = None,
    ) -> Perceived:
        """The language model's pass over ``patches`` ``[B, P, D]``; as ``forward``.

        ``kept``: int64 ``[B, K]``, the only patches that are read, each at its own position; the
        embeddings are theirs then, ``[B, K, D]``.
        """
        answers = responses or [()] * len(prompts)
        rows = [self._row(prompt, answer) for prompt, answer in zip(prompts, answers, strict=True)]
        positions = None
        if kept is not None:
            positions = _positions(kept, patches.shape[1], rows)
            patches = patches.gather(1, kept[..., None].expand(-1, -1, patches.shape[-1]))
        count = patches.shape[1]
        hidden = self._run(self._embed(patches, rows), count, rows, positions)
        seen = torch.stack(
            [h[len(r.left) : len(r.left) + count] for h, r in zip(hidden, rows, strict=True)]
        )
        if responses is None:
            return Perceived(seen, None, None)
        spoken = [
            h[_prefix(r, count) - 1 :][: len(r.response)]
            for h, r in zip(hidden, rows, strict=True)
        ]
        states = torch.cat(spoken)
        return Perceived(seen, self.language_model.lm_head(states), states)

    def respond(
        self, patches: Tensor, prompt: PerceptionPrompt, end: int, max_new_tokens: int
    ) -> list[int]:
        """The answer in words to a prompt about one image, greedily: token ids without the end.

        ``patches``: ``[1, P, D]``.
        """
        return self.speak(patches, prompt, end, max_new_tokens).ids

    def speak(
        self, patches: Tensor, prompt: PerceptionPrompt, end: int, max_new_tokens: int
    ) -> Spoken:
        """As ``respond``, with the states and probabilities of the tokens."""
        row = self._row(prompt, ())
        model = self.language_model.model
        cache = DynamicCache(config=self.language_model.config)
        embeds = self._embed(patches, [row])
        everything = {} if self.attention != 'prefix' else {'is_causal': False}
        ids: list[int] = []
        states, probabilities = [embeds[0, :0]], [embeds[0, :0, 0].float()]
        for _ in range(max_new_tokens):
            output = model(
                inputs_embeds=embeds, past_key_values=cache, use_cache=True, **everything
            )
            state = output.last_hidden_state[:, -1]
            probability, token = self.language_model.lm_head(state).float().softmax(-1).max(-1)
            if int(token) == end:
                break
            ids.append(int(token))
            states.append(state)
            probabilities.append(probability)
            embeds, everything = model.embed_tokens(token)[:, None], {}
        return Spoken(ids, torch.cat(states), torch.cat(probabilities))

    def _row(self, prompt: PerceptionPrompt, response: Sequence[int]) -> _Row:
        if self.attention == 'causal_text_first':
            return _Row((*prompt.before, *prompt.instruction), prompt.answer, tuple(response))
        return _Row(prompt.before, (*prompt.instruction, *prompt.answer), tuple(response))

    def _embed(self, patches: Tensor, rows: Sequence[_Row]) -> Tensor:
        """Embeddings ``[B, T, D]``, padded on the right."""
        table = self.language_model.model.embed_tokens

        def embed(ids: tuple[int, ...]) -> Tensor:
            words: Tensor = table(torch.tensor(ids, dtype=torch.long, device=patches.device))
            return words.to(patches.dtype)

        return pad_sequence(
            [
                torch.cat((embed(row.left), patch, embed((*row.right, *row.response))))
                for patch, row in zip(patches, rows, strict=True)
            ],
            batch_first=True,
        )

    def _run(
        self, embeds: Tensor, num_patches: int, rows: Sequence[_Row], positions: Tensor | None
    ) -> Tensor:
        """The language model's states; padding is never seen by what stands before it."""
        model = self.language_model.model
        is_prefix = self.attention == 'prefix'
        prefixes = [_prefix(row, num_patches) if is_prefix else 0 for row in rows]
        if positions is None and not is_prefix:
            output = model(inputs_embeds=embeds, use_cache=False)
        elif positions is None and all(prefix == embeds.shape[1] for prefix in prefixes):
            # Nothing but prefix: bidirectional without a mask tensor, so that fast kernels apply.
            output = model(inputs_embeds=embeds, use_cache=False, is_causal=False)
        else:
            seen = prefix_mask(prefixes, embeds.shape[1]).to(embeds.device)
            # What is added to the scores: the one form that every kind of attention takes.
            lowest = torch.finfo(embeds.dtype).min
            output = model(
                inputs_embeds=embeds,
                attention_mask=torch.zeros_like(seen, dtype=embeds.dtype).masked_fill(
                    ~seen, lowest
                ),
                position_ids=positions,
                use_cache=False,
            )
        hidden: Tensor = output.last_hidden_state
        return hidden


def _prefix(row: _Row, num_patches: int) -> int:
    return len(row.left) + num_patches + len(row.right)


def _positions(kept: Tensor, num_patches: int, rows: Sequence[_Row]) -> Tensor:
    """Where each token of sequences with the ``kept`` of ``num_patches`` patches would stand if
    all were there: int64 ``[B, T]``.
    """
    places = []
    for patches, row in zip(kept, rows, strict=True):
        left, words = len(row.left), len(row.right) + len(row.response)
        after = torch.arange(words, device=kept.device) + left + num_patches
        places.append(torch.cat((torch.arange(left, device=kept.device), patches + left, after)))
    return pad_sequence(places, batch_first=True)


def prefix_mask(prefixes: Sequence[int], length: int) -> Tensor:
    """Which token (third axis) sees which (fourth): bool ``[B, 1, T, T]``.

    Everybody sees the whole prefix, and what comes after it sees causally; so the prefix, with the
    patches in it, never sees the response.
    """
    position = torch.arange(length)
    in_prefix = position < torch.tensor(prefixes)[:, None]
    causal = position <= position[:, None]
    return (in_prefix[:, None, :] | causal[None])[:, None]
