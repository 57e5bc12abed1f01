"""From a batch of examples to the loss: perception, masks and names in one forward pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, distributed, nn
from torch.nn.utils.rnn import pad_sequence

from rose_model.backbones.sam import Sam
from rose_model.candidates import name_encoder
from rose_model.category_decoder import category_loss
from rose_model.clicks import NO_POINT
from rose_model.config import STACKS
from rose_model.instructions import Prompter
from rose_model.preprocess import normalise_lmm, normalise_sam
from rose_model.rose import Rose
from rose_model.tokenizer import RoseTokenizer
from rose_model.training.composition import move_attributes
from rose_model.training.examples import Example
from rose_model.training.losses import (
    Losses,
    ObjectiveRecipe,
    mask_losses,
    mean_by_image,
    objectness_losses,
    response_losses,
    siglip_losses,
)
from rose_model.training.question import Question

_NO_CLICK = torch.full((1, 1), NO_POINT, dtype=torch.int32)


class Objective(nn.Module):
    """The model with its objectives; all passes of the language model are inside ``forward``.

    ``recipe``: what is minimised.  Without ``masks`` SAM is left alone, and its terms are 0; so is
    the term of the SigLIP space where the model has no text tower.
    """

    def __init__(
        self,
        rose: Rose,
        prompter: Prompter,
        text_tokenizer: RoseTokenizer | None,
        *,
        masks: bool = True,
        recipe: ObjectiveRecipe | None = None,
    ) -> None:
        super().__init__()
        self.rose = rose
        self._recipe = recipe or ObjectiveRecipe()
        self._masks = masks
        framework = rose.config.ablation.framework
        self._is_stack, self._decodes_names = framework in STACKS, framework == 'decode_embed'
        self._category_prompt = prompter.category()
        self._encode_names = name_encoder(rose.text_tower, text_tokenizer)

    def forward(self, examples: Sequence[Example]) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss, and its terms by name.

        A batch without any target still runs every part, with weight zero, so that no process of
        several waits for another's gradients.
        """
        batch = _Batch.of(examples, self.rose.device)
        embedding, loss_response, states = self._perceive(batch)
        chosen = (states if self._is_stack else embedding)[batch.question, batch.patch]
        losses = Losses(
            loss_response=loss_response,
            **self._objectness_terms(batch, embedding),
            **self._mask_terms(batch, chosen),
            **self._name_terms(batch, chosen),
        )
        return losses.total(self._recipe), vars(losses)

    def _perceive(self, batch: _Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Object embeddings ``[Q, P, D]``, the loss of the responses, and in the stacks of Table 3
        the states ``[Q, T, D]`` that predict them.

        Questions with a response are read apart: the others need no mask of attention.  So are
        those that keep fewer patches; the embeddings of the others are 0 then.
        """
        perception = self.rose.perception
        patches = perception.encode(normalise_lmm(batch.pixels, batch.channel))
        count = len(batch.questions)
        embedding = patches.new_zeros(0)
        longest = max(len(question.response) for question in batch.questions)
        states = patches.new_zeros((count if self._is_stack else 0, longest, patches.shape[-1]))
        loss = patches.new_zeros(())
        for rows in _alike(batch.questions):
            index = torch.tensor(rows, device=patches.device)
            questions = [batch.questions[row] for row in rows]
            spoken = [question.response for question in questions if question.response]
            kept = [question.kept for question in questions if question.kept is not None]
            place = torch.stack(kept).to(index.device) if kept else None
            seen = perception.read(
                patches[batch.view[index]], [q.prompt for q in questions], spoken or None, place
            )
            found = seen.object_embedding
            if not len(embedding):
                embedding = found.new_zeros((count, patches.shape[1], found.shape[-1]))
            if place is None:
                embedding = embedding.index_copy(0, index, found)
            else:
                embedding = embedding.index_put((index[:, None], place), found)
            if seen.response_logits is not None and seen.response_states is not None:
                loss = batch.mean(response_losses(seen.response_logits, spoken), index)
                if self._is_stack:
                    lengths = [len(response) for response in spoken]
                    said = pad_sequence(
                        [*torch.split(seen.response_states, lengths)], batch_first=True
                    )
                    states[index, : said.shape[1]] = said.to(states.dtype)
        return embedding, loss, states

    def _objectness_terms(self, batch: _Batch, embedding: Tensor) -> dict[str, Tensor]:
        """Ranking counts where some regions are asked for: there the best patch is the answer.

        Where masks are of tokens no patch is asked.
        """
        if self._is_stack:
            return dict.fromkeys(('loss_objectness', 'loss_ranking'), embedding.new_zeros(()))
        logit = self.rose.patch_analyzer.objectness_logit(embedding).float()
        entropy, ranking = objectness_losses(logit, batch.questions)
        every = torch.arange(len(logit), device=logit.device)
        selective = [q.is_selective and bool(q.is_positive.any()) for q in batch.questions]
        rows = every[torch.tensor(selective, device=logit.device)]
        return {
            'loss_objectness': batch.mean(entropy, every),
            'loss_ranking': batch.mean(ranking[rows], rows),
        }

    def _mask_terms(self, batch: _Batch, chosen: Tensor) -> dict[str, Tensor]:
        rose, rows = self.rose, batch.masked
        if not self._masks:
            nothing = chosen.new_zeros(())
            return dict.fromkeys(('loss_mask_bce', 'loss_mask_dice', 'loss_mask_score'), nothing)
        side = rose.config.sam.input_size
        images = rose.sam.encode(
            torch.cat([normalise_sam(pixels[None], side) for pixels in batch.sam_pixels])
        )
        image = batch.image[batch.question[rows]]
        embedding = rose.patch_analyzer.mask_embedding(chosen[rows])
        logits, score = _decode(rose.sam, embedding, images[image], batch)
        bce, dice, iou = mask_losses(logits.float(), batch.masks, batch.is_content[image])
        terms = {
            'loss_mask_bce': bce,
            'loss_mask_dice': dice,
            'loss_mask_score': (score.float() - iou) ** 2,
        }
        question = batch.question[rows]
        return {
            name: batch.mean(values, question) * batch.has_masks for name, values in terms.items()
        }

    def _name_terms(self, batch: _Batch, chosen: Tensor) -> dict[str, Tensor]:
        return {
            **self._decoding_terms(batch, chosen),
            'loss_siglip': self._siglip_term(batch, chosen),
        }

    def _decoding_terms(self, batch: _Batch, chosen: Tensor) -> dict[str, Tensor]:
        """Names from embeddings; in arms whose names are in the answer they are learned there."""
        if not self._decodes_names:
            return dict.fromkeys(('loss_category', 'loss_composition'), chosen.new_zeros(()))
        embedding = self.rose.patch_analyzer.category_embedding(chosen)
        moved = None
        if self._recipe.composition:
            moved = move_attributes(embedding, batch.name_ids, batch.noun_ids)
        ids, inputs = list(batch.name_ids), list(batch.name_inputs)
        if moved is not None:
            embedding = torch.cat((embedding, moved.embedding))
            ids, inputs = ids + moved.ids, inputs + moved.inputs
        category = category_loss(
            self.rose.perception.language_model, self._category_prompt, embedding, ids, inputs
        )
        category, composition = category[: len(chosen)], category[len(chosen) :]
        own = batch.question if moved is None else batch.question[moved.row]
        return {
            'loss_category': batch.mean(category, batch.question) * batch.has_targets,
            'loss_composition': batch.mean(composition, own[: len(composition)]),
        }

    def _siglip_term(self, batch: _Batch, chosen: Tensor) -> Tensor:
        if self._encode_names is None:
            return chosen.new_zeros(())
        everything = sorted(_of_all_processes({*batch.names, *batch.other_names}))
        column = torch.tensor([everything.index(name) for name in batch.names])
        logits = self.rose.patch_analyzer.name_logits(chosen, self._encode_names(everything))
        siglip = siglip_losses(logits, column.to(logits.device))
        return batch.mean(siglip, batch.question) * batch.has_targets


def _decode(sam: Sam, embedding: Tensor, images: Tensor, batch: _Batch) -> tuple[Tensor, Tensor]:
    """Masks ``[K, M, M]`` and scores ``[K]``: of the embeddings alone, or with clicks."""
    points = sam.embed_points(batch.points, batch.point_labels).to(embedding.dtype)
    is_clicked = (batch.point_labels != NO_POINT).any(1)
    alone, clicked = (~is_clicked).nonzero()[:, 0], is_clicked.nonzero()[:, 0]
    parts = []
    if len(alone):
        parts.append(sam.decode(embedding[alone], images[alone]))
    if len(clicked):
        prompts = torch.cat((embedding[clicked][:, None], points[clicked]), 1)
        parts.append(sam.decode_prompts(prompts, images[clicked]))
    logits, score = (torch.cat(column) for column in zip(*parts, strict=True))
    order = torch.cat((alone, clicked)).argsort()
    # Weight zero: without a click the encoder of points has a gradient all the same.
    return logits[order] + 0 * points.sum(), score[order]


@dataclass(frozen=True, eq=False)
class _Batch:
    """Examples, flattened: B images, Q questions about V views of them, N targets, K masks.

    ``view``, ``image``: int64 ``[Q]``.  ``question``, ``patch``: int64 ``[N]``.  ``masked``: int64
    ``[K]``, the targets that have masks.  Where there is no target or no mask a dummy stands for
    it, and ``has_targets`` or ``has_masks`` is false.  ``points`` and ``point_labels``: the clicks
    of each mask.  ``sam_pixels``: B images of their own
    shapes.
    """

    questions: list[Question]
    pixels: Tensor
    channel: Tensor
    sam_pixels: list[Tensor]
    is_content: Tensor
    view: Tensor
    image: Tensor
    question: Tensor
    patch: Tensor
    masked: Tensor
    masks: Tensor
    points: Tensor
    point_labels: Tensor
    names: list[str]
    name_ids: list[tuple[int, ...]]
    name_inputs: list[tuple[int, ...]]
    noun_ids: list[tuple[int, ...]]
    other_names: set[str]
    has_targets: bool
    has_masks: bool

    @classmethod
    def of(cls, examples: Sequence[Example], device: torch.device) -> _Batch:
        questions = [question for example in examples for question in example.questions]
        image = [n for n, example in enumerate(examples) for _ in example.questions]
        views, view = _views(questions, image)
        targets = [(q, t) for q, item in enumerate(questions) for t in range(len(item.patches))]
        row = {target: number for number, target in enumerate(targets)}
        masked = [row[q, t] for q, item in enumerate(questions) for t in item.masked.tolist()]
        side = examples[0].is_content.shape[-1]
        masks = [item.masks for item in questions] if masked else [torch.zeros(1, side, side)]
        points = [item.points for item in questions] if masked else [torch.zeros(1, 1, 2)]
        labels = [item.point_labels for item in questions] if masked else [_NO_CLICK]
        nothing = torch.zeros_like(examples[0].lmm_pixels[:1], dtype=torch.float32)
        channels = [questions[q].mask_channel if q >= 0 else None for _, q in views]
        return cls(
            questions=questions,
            pixels=torch.stack([examples[number].lmm_pixels for number, _ in views]).to(device),
            channel=torch.stack([nothing if c is None else c for c in channels]).to(device),
            sam_pixels=[example.sam_pixels.to(device) for example in examples],
            is_content=torch.stack([example.is_content for example in examples]).to(device),
            view=torch.tensor(view, device=device),
            image=torch.tensor(image, device=device),
            question=torch.tensor([q for q, _ in targets] or [0], device=device),
            patch=torch.tensor(
                [int(questions[q].patches[t]) for q, t in targets] or [0], device=device
            ),
            masked=torch.tensor(masked or [0], device=device),
            masks=torch.cat(masks).to(device),
            points=torch.cat(points).to(device),
            point_labels=torch.cat(labels).to(device),
            names=[questions[q].names[t] for q, t in targets] or [examples[0].other_names[0]],
            name_ids=[questions[q].name_ids[t] for q, t in targets] or [(0,)],
            name_inputs=[questions[q].name_inputs[t] for q, t in targets] or [(0,)],
            noun_ids=[questions[q].noun_ids[t] for q, t in targets] or [(0,)],
            other_names={name for example in examples for name in example.other_names},
            has_targets=bool(targets),
            has_masks=bool(masked),
        )

    def mean(self, values: Tensor, question: Tensor) -> Tensor:
        """``losses.mean_by_image`` of this batch."""
        return mean_by_image(values, question, self.image, len(self.sam_pixels))


def _alike(questions: Sequence[Question]) -> list[list[int]]:
    """Questions that can be read in one batch: with or without a response, and as many patches."""
    groups: dict[tuple[bool, int | None], list[int]] = {}
    for row, question in enumerate(questions):
        kept = None if question.kept is None else len(question.kept)
        groups.setdefault((bool(question.response), kept), []).append(row)
    return list(groups.values())


def _views(
    questions: Sequence[Question], image: Sequence[int]
) -> tuple[list[tuple[int, int]], list[int]]:
    """What the vision tower has to look at: (image, question with a mask, or -1 for no mask), and
    the index of each question's view among them.
    """
    wanted = [
        (number, -1 if question.mask_channel is None else q)
        for q, (question, number) in enumerate(zip(questions, image, strict=True))
    ]
    views = list(dict.fromkeys(wanted))
    return views, [views.index(view) for view in wanted]


def _of_all_processes(names: set[str]) -> set[str]:
    if not (distributed.is_available() and distributed.is_initialized()):
        return names
    gathered: list[set[str]] = [set() for _ in range(distributed.get_world_size())]
    distributed.all_gather_object(gathered, names)
    return set().union(*gathered)
