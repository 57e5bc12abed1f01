"""LLaVA-OneVision with Qwen2, as ``llava-hf`` publishes it: SigLIP's vision tower, projector,
language model and tokenizer.

Left out is what ROSE has no use for: ``image_newline``, for patches stand in raster order without
breaks, and layers of the vision tower above the one that is read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor
from transformers import LlavaOnevisionConfig

from rose_model.config import LanguageConfig, VisionConfig
from rose_model.conversion.foreign_config import read_foreign_config, require
from rose_model.conversion.sources import read_json
from rose_model.conversion.weights import read_safetensors
from rose_model.errors import CheckpointError, ConfigError
from rose_model.tokenizer import RoseTokenizer

EXAMPLE = 'llava-hf/llava-onevision-qwen2-7b-ov-hf'
TOKENIZER_FILE = 'tokenizer.json'
GRID_SIZE = 48
"""Patches along a side of the image, unless the caller wants others (paper, Sec. 4.1)."""

_VISION = 'perception.vision_tower.siglip.'
_TABLE = 'perception.language_model.model.embed_tokens.weight'
_HEAD = 'perception.language_model.lm_head.weight'
_PATCHES = f'{_VISION}embeddings.patch_embedding.weight'
# The layouts up to transformers 4.51, from 4.52 on and from 5 on, in this order in each pattern.
_RENAMED = (
    (re.compile(r'^(?:model\.)?vision_tower\.(?:vision_model\.)?'), _VISION),
    (re.compile(r'^(?:model\.)?multi_modal_projector\.'), 'perception.projector.'),
    (re.compile(r'^(?:language_model\.)?lm_head\.'), 'perception.language_model.lm_head.'),
    (
        re.compile(r'^(?:language_model\.model|model\.language_model)\.'),
        'perception.language_model.model.',
    ),
)
_UNUSED = re.compile(r'^(?:model\.)?image_newline$')
_LAYER = re.compile(re.escape(_VISION) + r'encoder\.layers\.(\d+)\.')
_POOLING = f'{_VISION}head.'


@dataclass(frozen=True, eq=False)
class LlavaOnevision:
    """The parts of a LLaVA-OneVision; ``state`` has ROSE's names."""

    vision: VisionConfig
    language: LanguageConfig
    state: dict[str, Tensor]
    tokenizer: RoseTokenizer


def read_llava_onevision(folder: Path, input_size: int | None) -> LlavaOnevision:
    """Read a folder; ``input_size``: side of the squashed image in pixels, 48 patches by default.

    A fourth input channel, the mask's, is added to the patch embedding.  It is zero, so that the
    tower with any mask is at first the publisher's.

    Raises:
        CheckpointError: a file is missing, damaged, or of a model that ROSE cannot be made of.
        ConfigError: ``input_size`` is no multiple of the patches' size.
    """
    config = read_foreign_config(folder, LlavaOnevisionConfig, EXAMPLE)
    _check_kind(folder, config)
    _check_processor(folder)
    layers = _layers_read(folder, config)
    state = _rename(folder, read_safetensors(folder), layers)
    if _PATCHES in state:
        state[_PATCHES] = _with_mask_channel(state[_PATCHES])
    is_tied = _unite_tied(folder, config, state)
    try:
        vision = vision_config(config['vision_config'], layers, input_size)
        language = language_config(config['text_config'], is_tied=is_tied)
    except ValidationError as error:
        fault = error.errors()[0]
        key = '.'.join(str(part) for part in fault['loc']) or 'sizes'
        raise CheckpointError(f'{folder}: {key}: {fault["msg"]}.') from error
    return LlavaOnevision(vision, language, state, RoseTokenizer.load(folder / TOKENIZER_FILE))


def _check_kind(folder: Path, config: dict[str, Any]) -> None:
    """Compare what ROSE cannot vary with what it is built of."""
    require(
        folder,
        config,
        '',
        {
            'projector_hidden_act': 'gelu',
            'multimodal_projector_bias': True,
            'vision_feature_select_strategy': 'full',
        },
    )
    require(
        folder,
        config['vision_config'],
        'vision_config.',
        {
            'model_type': 'siglip_vision_model',
            'hidden_act': 'gelu_pytorch_tanh',
            'layer_norm_eps': 1e-6,
            'num_channels': 3,
        },
    )
    language = config['text_config']
    require(
        folder,
        language,
        'text_config.',
        {
            'model_type': 'qwen2',
            'hidden_act': 'silu',
            'rms_norm_eps': 1e-6,
            'use_sliding_window': False,
        },
    )
    require(folder, language['rope_parameters'], 'text_config.', {'rope_type': 'default'})


def _layers_read(folder: Path, config: dict[str, Any]) -> int:
    """Up to which layer the vision tower is read: the publisher dropped SigLIP's last one and
    reads what is left whole, others name it by ``vision_feature_layer``.
    """
    layer, there = config['vision_feature_layer'], config['vision_config']['num_hidden_layers']
    if isinstance(layer, int):
        layers = layer if layer >= 0 else there + 1 + layer
        if 1 <= layers <= there:
            return layers
    raise CheckpointError(
        f'{folder}: vision_feature_layer is {layer}; one of {there} layers has to be read.'
    )


def vision_config(config: dict[str, Any], layers: int, input_size: int | None) -> VisionConfig:
    """The vision tower's sizes, from the ``vision_config`` of the publisher."""
    patch_size = config['patch_size']
    if input_size is not None and input_size % patch_size:
        raise ConfigError(
            f'--input-size must be a multiple of the {patch_size} pixels of a patch, got '
            f'{input_size}.'
        )
    return VisionConfig(
        input_size=input_size or GRID_SIZE * patch_size,
        position_size=config['image_size'],
        patch_size=patch_size,
        width=config['hidden_size'],
        mlp_width=config['intermediate_size'],
        layers=layers,
        heads=config['num_attention_heads'],
        stem='patch',
    )


def language_config(config: dict[str, Any], *, is_tied: bool) -> LanguageConfig:
    """The language model's sizes, from the ``text_config`` of the publisher."""
    return LanguageConfig(
        width=config['hidden_size'],
        mlp_width=config['intermediate_size'],
        layers=config['num_hidden_layers'],
        heads=config['num_attention_heads'],
        kv_heads=config['num_key_value_heads'],
        vocabulary=config['vocab_size'],
        max_positions=config['max_position_embeddings'],
        rope_theta=config['rope_parameters']['rope_theta'],
        tied_embeddings=is_tied,
    )


def _rename(folder: Path, tensors: dict[str, Tensor], layers: int) -> dict[str, Tensor]:
    """The tensors that ROSE needs, under its names.

    Raises:
        CheckpointError: one is of no part of a LLaVA-OneVision.
    """
    renamed: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if _UNUSED.match(name):
            continue
        found = [pattern.sub(new, name) for pattern, new in _RENAMED if pattern.match(name)]
        if not found:
            raise CheckpointError(
                f'{folder} has tensor {name!r}, which is of no part of a LLaVA-OneVision; take '
                f'one in the layout of {EXAMPLE}.'
            )
        layer = _LAYER.match(found[0])
        is_above = layer is not None and int(layer[1]) >= layers
        if not is_above and not found[0].startswith(_POOLING):
            renamed[found[0]] = tensor
    return renamed


def _unite_tied(folder: Path, config: dict[str, Any], state: dict[str, Tensor]) -> bool:
    """Whether the head is the table of embeddings; if so, it is taken out of ``state``.

    The small model's files say so in ``text_config`` alone and hold no head (transformers#43617).
    """
    says_tied = config['tie_word_embeddings'] or config['text_config']['tie_word_embeddings']
    if _HEAD not in state:
        if not says_tied:
            raise CheckpointError(
                f'{folder} has no lm_head, and does not say that it is tied to the embeddings; '
                f'fetch it again.'
            )
        return True
    if says_tied and _TABLE in state and torch.equal(state[_HEAD], state[_TABLE]):
        del state[_HEAD]
        return True
    return False


def _with_mask_channel(weight: Tensor) -> Tensor:
    """``[W, 3, p, p]`` to ``[W, 4, p, p]``."""
    return torch.cat((weight, torch.zeros_like(weight[:, :1])), dim=1)


def _check_processor(folder: Path) -> None:
    """Compare the publisher's image processor, where its file is there, with ROSE's."""
    for name in ('preprocessor_config.json', 'processor_config.json'):
        if not (folder / name).is_file():
            continue
        record = read_json(folder / name)
        record = record.get('image_processor', record)
        for key in ('image_mean', 'image_std'):
            if record.get(key, [0.5] * 3) != [0.5] * 3:
                raise CheckpointError(
                    f'{folder / name}: {key} is {record[key]}; ROSE shows images in [-1, 1], '
                    f'which is 0.5.'
                )
