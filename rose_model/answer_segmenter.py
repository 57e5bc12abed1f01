"""The arms of the paper's Table 3 at inference: names, and in the stacks masks, are read from the
answer in words.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from rose_model.answers import SpokenName
from rose_model.backends.interface import SamBackend
from rose_model.category_decoder import printable_name
from rose_model.checkpoint import Pretrained
from rose_model.config import STACKS, PatchFilterConfig, RoseConfig
from rose_model.errors import ConfigError
from rose_model.mass_centre import centre_patch
from rose_model.patch_decoder import DecodedPatches, PatchDecoder, PatchReadings, Proposals
from rose_model.perception import Spoken
from rose_model.records import FrameContext, Segment
from rose_model.segmenter import MAX_RESPONSE_TOKENS, RoseSegmenter


@dataclass(frozen=True, eq=False)
class AnswerReadings(PatchReadings):
    """Readings with the ``names`` of the answer and how sure each is.

    In the stacks the state of the i-th ``<SEG>`` stands at the i-th of the P places, and its name
    there among the names; the objectness of the other places is 0.
    """

    names: tuple[tuple[str, float], ...] = ()


class AnswerDecoder(PatchDecoder):
    """A patch decoder that gives the segments the names of the answer."""

    def prepare(self, most: int) -> None:
        """Nothing: no names are decoded from patches."""

    def decode(
        self,
        readings: PatchReadings,
        patches: Tensor,
        context: FrameContext,
        candidates: Sequence[str] = (),
        deadline_s: float = math.inf,
    ) -> DecodedPatches:
        """As ``PatchDecoder.decode``.

        Along ``<REGION>`` names and segments meet by their order alone, the segments in that of
        their patches: the first name is the first segment's.  Whoever gets none is called ``''``.
        """
        decoded = super().decode(readings, patches, context, candidates, deadline_s)
        if not isinstance(readings, AnswerReadings):
            return decoded
        if readings.framework in STACKS:
            names = [readings.names[item.patch] for item in decoded.segments]
            segments = [replace(item, patch=_centre(item, context)) for item in decoded.segments]
        else:
            segments = sorted(decoded.segments, key=lambda item: item.patch)
            names = [*readings.names, *[('', 0.0)] * len(segments)][: len(segments)]
        if not candidates:
            segments = [
                replace(segment, category=name, category_score=score)
                for segment, (name, score) in zip(segments, names, strict=True)
            ]
        return replace(decoded, segments=tuple(segments))

    def settle(
        self, readings: PatchReadings, proposals: Proposals, row: int, context: FrameContext
    ) -> Segment | None:
        """As ``PatchDecoder.settle``, with the name of the answer."""
        segment = super().settle(readings, proposals, row, context)
        if segment is None or not isinstance(readings, AnswerReadings):
            return segment
        place = segment.patch if readings.framework in STACKS else 0
        name, score = (*readings.names, ('', 0.0))[min(place, len(readings.names))]
        if readings.framework in STACKS:
            segment = replace(segment, patch=_centre(segment, context))
        return replace(segment, category=name, category_score=score)


def _centre(segment: Segment, context: FrameContext) -> int:
    """The patch at the mass centre of a mask."""
    grid, size = context.geometry.grid_size, context.geometry.original_size
    return centre_patch(segment.mask, grid, segment.box_xyxy[:2], size)


class AnswerSegmenter(RoseSegmenter):
    """A model that is one of Table 3's other arms; used as ``RoseSegmenter`` is.

    In the stacks a segment's objectness is the geometric mean of the probabilities with which its
    name and its ``<SEG>`` were said.
    """

    decoder_class = AnswerDecoder

    def __init__(
        self,
        pretrained: Pretrained,
        patch_filter: PatchFilterConfig,
        sam: SamBackend | None = None,
    ) -> None:
        if pretrained.rose.config.ablation.framework in STACKS:
            # Tokens have no neighbours: a peak would be one of places that mean nothing.
            patch_filter = patch_filter.model_copy(update={'select': 'top'})
        super().__init__(pretrained, patch_filter, sam)
        self._framework = self.config.ablation.framework
        self._end = self._prompter.category().end
        form = self._prompter.answers(self._framework)
        if form is None:
            raise ConfigError('This model is ROSE itself; open it by RoseSegmenter.')
        self._form = form

    def _perceive(
        self, lmm_pixels: Tensor, instruction: str, mask: Tensor | None
    ) -> AnswerReadings:
        """What the model answers to an instruction about one frame, as readings of P places."""
        prompt = self._prompter.perception(instruction)
        patches = self._encode(self._pixels(lmm_pixels, mask))
        spoken = self._rose.perception.speak(patches, prompt, self._end, MAX_RESPONSE_TOKENS)
        found = self._form.read(spoken.ids)
        names = tuple(self._name(spoken, item) for item in found)
        if self._framework not in STACKS:
            read = super()._perceive(lmm_pixels, instruction, mask)
            return AnswerReadings(read.embedding, read.objectness, self._framework, names)
        places = [place for item in found for place in item.places]
        each = [name for item, name in zip(found, names, strict=True) for _ in item.places]
        return self._place(spoken.states[places], each, patches.shape[1], one=mask is not None)

    def _place(
        self, states: Tensor, names: Sequence[tuple[str, float]], count: int, *, one: bool
    ) -> AnswerReadings:
        """The states ``[N, D]`` at the first of ``count`` places; with ``one`` the surest at all
        of them, since the answer about a given mask is looked for around it.
        """
        names = list(names)[:count]
        embedding = states.new_zeros((count, states.shape[-1]))
        objectness = torch.zeros(count, device=states.device)
        if names:
            scores = torch.tensor([score for _, score in names], device=states.device)
            if one:
                best = int(scores.argmax())
                embedding[:], objectness[:] = states[best], scores[best]
                names = [names[best]] * count
            else:
                embedding[: len(names)], objectness[: len(names)] = states[: len(names)], scores
        return AnswerReadings(embedding, objectness, self._framework, tuple(names))

    def _name(self, spoken: Spoken, item: SpokenName) -> tuple[str, float]:
        """A name in words, and the geometric mean of its tokens' probabilities."""
        text = printable_name(self._tokenizer.decode([item.ids])[0])
        said = spoken.probabilities[item.first : item.last]
        return text, float(said.log().mean().exp())


def segmenter_class(config: RoseConfig) -> type[RoseSegmenter]:
    """What runs a model of that configuration."""
    return RoseSegmenter if config.ablation.framework == 'decode_embed' else AnswerSegmenter
