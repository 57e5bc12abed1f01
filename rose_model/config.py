"""The configuration of a ROSE model: typed, validated once, written beside the weights as
``config.json``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from rose_model.errors import ConfigError

Framework = Literal['decode_embed', 'along_region', 'vanilla_stack', 'dense_stack']
CategoryQuestion = Literal['before', 'after']
RefinementInput = Literal['concatenation', 'drawn_mask', 'drawn_mask_and_box']
STACKS: tuple[Framework, ...] = ('vanilla_stack', 'dense_stack')
"""Frameworks whose masks are of tokens and not of patches."""
Positive = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]


class _Frozen(BaseModel):
    """A record that refuses unknown keys, so that a typing error never passes for a setting."""

    model_config = ConfigDict(frozen=True, extra='forbid')


class VisionConfig(_Frozen):
    """SigLIP's vision tower.

    ``input_size`` is the side of the squashed image in pixels; ``position_size`` the side that the
    table of positions was made for, which is interpolated to the input's grid.
    """

    input_size: Positive
    position_size: Positive
    patch_size: Positive
    width: Positive
    mlp_width: Positive
    layers: Positive
    heads: Positive
    stem: Literal['patch', 'convolutional']

    @property
    def grid_size(self) -> int:
        """S: patches along one side."""
        return self.input_size // self.patch_size

    @property
    def position_grid_size(self) -> int:
        """Positions along one side of the table."""
        return self.position_size // self.patch_size

    @model_validator(mode='after')
    def _check(self) -> Self:
        if self.input_size % self.patch_size:
            raise ValueError(
                f'input_size must be a multiple of patch_size, got {self.input_size} and '
                f'{self.patch_size}.'
            )
        if self.stem == 'convolutional' and self.patch_size != 8:
            raise ValueError(
                f'The convolutional stem has patches of 8 pixels, got {self.patch_size}.'
            )
        return self


class LanguageConfig(_Frozen):
    """Qwen2.  ``attention`` over system, image and instruction; the response is always causal."""

    width: Positive
    mlp_width: Positive
    layers: Positive
    heads: Positive
    kv_heads: Positive
    vocabulary: Positive
    max_positions: Positive
    rope_theta: float = 1e6
    tied_embeddings: bool = False
    attention: Literal['prefix', 'causal_text_first', 'causal'] = 'prefix'


class TextConfig(_Frozen):
    """SigLIP's text tower: names of ``length`` tokens, filled up with the special token ``pad`` of
    the tokenizer in the file ``tokenizer`` of the ROSE folder.
    """

    width: Positive
    mlp_width: Positive
    layers: Positive
    heads: Positive
    vocabulary: Positive
    length: Positive
    pad: str
    tokenizer: Literal['tokenizer.json', 'text_tokenizer.json']


class SamConfig(_Frozen):
    """segment_anything's image encoder and mask decoder; ``prompt_width`` is the width of a mask
    embedding.
    """

    input_size: Positive
    patch_size: Positive
    width: Positive
    layers: Positive
    heads: Positive
    global_layers: tuple[int, ...]
    window: Annotated[int, Field(ge=0)]
    relative_positions: bool
    prompt_width: Positive
    decoder_layers: Positive
    decoder_heads: Positive
    decoder_mlp_width: Positive

    @property
    def embedding_size(self) -> int:
        """Side of the image embedding."""
        return self.input_size // self.patch_size

    @property
    def mask_size(self) -> int:
        """Side of the low-resolution mask logits."""
        return 4 * self.embedding_size


class SuperPatchConfig(_Frozen):
    """Roles of patches: rows of letters S, M, L, T (stuff), repeated over the grid; () for none.

    A thing is small below ``small_area`` and medium below ``medium_area``, as shares of the image:
    COCO's 32 and 96 pixels squared in 640 x 480.
    """

    layout: tuple[str, ...] = ('SMS', 'MLM', 'STS')
    small_area: Share = 0.00333
    medium_area: Share = 0.030

    @model_validator(mode='after')
    def _check(self) -> Self:
        if any(len(row) != len(self.layout) for row in self.layout):
            raise ValueError(f'A super-patch layout is square, got {self.layout}.')
        if self.layout and not set('SMLT') <= set(''.join(self.layout)) <= set('SMLT'):
            raise ValueError(
                f'A super-patch layout holds each of S, M, L and T, got {self.layout}.'
            )
        return self


class PatchFilterConfig(_Frozen):
    """Which patches are decoded: at most ``max_segments`` with at least ``min_objectness``."""

    max_segments: Positive = 100
    min_objectness: Share = 0.3
    select: Literal['top', 'peaks'] = 'top'


class PostprocessConfig(_Frozen):
    """From kept patches to segments.

    ``max_similarity``: of patches whose mask embeddings have a cosine above it only the best gets
    a mask; 1 for all.  ``min_area``: segments below this share of the image are left out.
    ``min_region``: islands and holes of a mask below this share of SAM's frame are removed.
    """

    max_similarity: Share = 1.0
    nms_iou: Share = 0.6
    min_area: Share = 0.0003
    min_region: Share = 0.0006


class RefinementConfig(_Frozen):
    """When an answer about one thing is taken (paper, Sec. 3.4); chosen on validation images.

    ``min_presence``: objectness below which nothing in the image answers to the words;
    ``min_presence_unlike``: the same where what was found is not called what was asked for, or
    where the words are not understood; ``None`` for as much.
    ``given_log_odds``: how far a mask that is to be corrected is trusted; at 2 nine of ten of its
    pixels are right.  ``candidates``: patches whose masks are looked at for one answer.
    ``keep_above`` and ``keep_slope``: a refined mask is taken where SAM expects an IoU above
    ``keep_above + keep_slope * overlap`` of it, ``overlap`` being its IoU with the given mask.
    """

    min_presence: Share = 0.05
    min_presence_unlike: Share | None = None
    given_log_odds: Annotated[float, Field(ge=0.0, le=20.0)] = 2.0
    candidates: Annotated[int, Field(gt=0, le=256)] = 8
    keep_above: Annotated[float, Field(ge=-2.0, le=2.0)] = 0.0
    keep_slope: Annotated[float, Field(ge=-2.0, le=2.0)] = 0.0

    def presence(self, *, is_like: bool) -> float:
        """Return the least objectness of an answer that is called what was asked for, or not."""
        if is_like or self.min_presence_unlike is None:
            return self.min_presence
        return max(self.min_presence, self.min_presence_unlike)


class CategoryConfig(_Frozen):
    """How names are generated: the prompt's template and the longest answer.

    ``question``: whether a name is asked for ``before`` or ``after`` the category embedding.  The
    paper prints it after (Sec. 3.3).  What comes before is computed once for all names, so before
    is faster.  ``None`` is the template's own: ``after`` for rose, ``before`` for chatml.
    """

    template: Literal['rose', 'chatml']
    question: CategoryQuestion | None = None
    max_new_tokens: Positive = 12


class AblationConfig(_Frozen):
    """Which arm of the paper's ablations a model is (``arms.py``); the defaults are ROSE itself.

    ``framework`` (Table 3): masks of patches with names decoded from their embeddings, or with
    names along ``<REGION>`` in the answer, or masks of ``<SEG>`` stacked in the answer, one or
    several for each name.  ``refinement`` (Table 6): how a given mask reaches the vision tower.
    """

    framework: Framework = 'decode_embed'
    refinement: RefinementInput = 'concatenation'


class RoseConfig(_Frozen):
    """Everything that decides what a ROSE model is, save its weights and its tokenizer.

    ``text``: ``None`` for a model without a text tower, which cannot choose among candidates.
    """

    name: str
    vision: VisionConfig
    language: LanguageConfig
    sam: SamConfig
    text: TextConfig | None
    siglip_width: Positive
    category: CategoryConfig
    super_patch: SuperPatchConfig = SuperPatchConfig()
    patch_filter: PatchFilterConfig = PatchFilterConfig()
    postprocess: PostprocessConfig = PostprocessConfig()
    refinement: RefinementConfig = RefinementConfig()
    ablation: AblationConfig = AblationConfig()

    @model_validator(mode='after')
    def _check(self) -> Self:
        if self.ablation.framework in STACKS and self.super_patch.layout:
            raise ValueError(
                f'Where masks are of <SEG> no patch has a role: framework '
                f'{self.ablation.framework} goes with super_patch.layout [].'
            )
        return self

    @classmethod
    def read(cls, path: Path) -> RoseConfig:
        """The configuration in a ``config.json``.

        Raises:
            ConfigError: the file cannot be read, is no JSON, or has an unknown key or a wrong
            value.
        """
        try:
            return cls.model_validate(json.loads(path.read_text(encoding='utf-8')))
        except OSError as error:
            raise ConfigError(f'Cannot read {path}: {error.strerror}.') from error
        except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
            raise ConfigError(f'{path} is not JSON: {error}.') from error
        except ValidationError as error:
            first = error.errors()[0]
            where = '.'.join(str(part) for part in first['loc']) or 'the whole'
            raise ConfigError(f'{path}: {where}: {first["msg"]}.') from error

    def write(self, path: Path) -> None:
        """Write the configuration as JSON."""
        path.write_text(self.model_dump_json(indent=2) + '\n', encoding='utf-8')
