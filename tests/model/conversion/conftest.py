"""Small checkpoints, written by the publishers' own libraries in the published formats."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from segment_anything.modeling import (
    ImageEncoderViT,
    MaskDecoder,
    PromptEncoder,
    Sam,
    TwoWayTransformer,
)
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import nn
from transformers import (
    LlavaOnevisionConfig,
    LlavaOnevisionForConditionalGeneration,
    Qwen2Config,
    SiglipConfig,
    SiglipModel,
    SiglipTextConfig,
    SiglipVisionConfig,
)

from rose_model.conversion.initialise import Sources

VOCABULARY = 320  # rows of the table; the tokenizer has 261 tokens
CHAT_TOKENS = ('<|endoftext|>', '<|im_start|>', '<|im_end|>', '<image>', '<video>')
VISION = SiglipVisionConfig(
    hidden_size=32,
    intermediate_size=48,
    num_hidden_layers=3,
    num_attention_heads=2,
    image_size=30,  # as with 384 and 14: no multiple, a table of 2 x 2 positions
    patch_size=14,
    vision_use_head=False,
)
INPUT_SIZE = 56
"""4 x 4 patches."""


def write_tokenizer(folder: Path, specials: tuple[str, ...] = CHAT_TOKENS) -> None:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator([], trainers.BpeTrainer(initial_alphabet=alphabet))
    tokenizer.add_special_tokens(list(specials))
    tokenizer.save(str(folder / 'tokenizer.json'))


def build_llava(*, tied: bool = False, **changes: Any) -> LlavaOnevisionForConditionalGeneration:
    """A small LLaVA-OneVision whose outputs differ clearly from each other."""
    settings = {
        'vocab_size': VOCABULARY,
        'hidden_size': 32,
        'intermediate_size': 64,
        'num_hidden_layers': 2,
        'num_attention_heads': 4,
        'num_key_value_heads': 2,
        'max_position_embeddings': 512,
        'rope_parameters': {'rope_type': 'default', 'rope_theta': 1e5},
        'tie_word_embeddings': tied,
    }
    language = Qwen2Config(**(settings | changes))
    config = LlavaOnevisionConfig(vision_config=VISION, text_config=language)
    model = LlavaOnevisionForConditionalGeneration(config).eval()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.2)
    return model


def write_llava(
    folder: Path, model: LlavaOnevisionForConditionalGeneration, layout: str = 'published'
) -> Path:
    """``layout``: ``'published'`` as on the Hub since 2024, ``'saved'`` as transformers 5 writes
    it, ``'native'`` with the names of transformers' modules.
    """
    model.save_pretrained(folder, max_shard_size='60KB', save_original_format=layout != 'native')
    write_tokenizer(folder)
    (folder / 'preprocessor_config.json').write_text(
        json.dumps({'image_mean': [0.5] * 3, 'image_std': [0.5] * 3})
    )
    if layout == 'published':
        _rename_as_published(folder)
    return folder


def _rename_as_published(folder: Path) -> None:
    """The vision tower's names had ``vision_model.``, and Qwen2's configuration ``rope_theta``."""

    def published(name: str) -> str:
        return name.replace('vision_tower.', 'vision_tower.vision_model.')

    for path in folder.glob('*.safetensors'):
        with safe_open(path, 'pt') as file:
            state = {published(name): file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
        save_file(state, path, metadata={'format': 'pt'})
    index = folder / 'model.safetensors.index.json'
    record = json.loads(index.read_text())
    record['weight_map'] = {published(n): file for n, file in record['weight_map'].items()}
    index.write_text(json.dumps(record))
    change_json(folder / 'config.json', _to_old_config)


def _to_old_config(config: dict[str, Any]) -> None:
    language = config['text_config']
    language['rope_theta'] = language.pop('rope_parameters')['rope_theta']
    config['tie_word_embeddings'] = False  # as in the file of the small model, whose head is tied


def change_json(path: Path, change: Any) -> None:
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record))


def build_sam() -> Sam:
    """``segment_anything.build_sam`` with small numbers."""
    sam = Sam(
        image_encoder=ImageEncoderViT(
            depth=3,
            embed_dim=32,
            img_size=64,
            mlp_ratio=4,
            norm_layer=partial(nn.LayerNorm, eps=1e-6),
            num_heads=4,
            patch_size=16,
            qkv_bias=True,
            use_rel_pos=True,
            global_attn_indexes=(1,),
            window_size=3,
            out_chans=32,
        ),
        prompt_encoder=PromptEncoder(
            embed_dim=32,
            image_embedding_size=(4, 4),
            input_image_size=(64, 64),
            mask_in_chans=16,
        ),
        mask_decoder=MaskDecoder(
            num_multimask_outputs=3,
            transformer=TwoWayTransformer(depth=2, embedding_dim=32, mlp_dim=64, num_heads=8),
            transformer_dim=32,
            iou_head_depth=3,
            iou_head_hidden_dim=32,
        ),
        pixel_mean=[123.675, 116.28, 103.53],
        pixel_std=[58.395, 57.12, 57.375],
    ).eval()
    for parameter in sam.parameters():
        nn.init.normal_(parameter, std=0.2)
    return sam


def build_siglip() -> SiglipModel:
    text = SiglipTextConfig(
        vocab_size=280,
        hidden_size=24,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=8,
        projection_size=16,
        bos_token_id=None,
        eos_token_id=None,
    )
    return SiglipModel(SiglipConfig(text_config=text, vision_config=VISION)).eval()


def write_siglip(folder: Path, model: SiglipModel) -> Path:
    model.save_pretrained(folder)
    write_tokenizer(folder, ('</s>',))
    return folder


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    """A LLaVA-OneVision in shards and a SAM; no text tower."""
    write_llava(tmp_path / 'llava', build_llava())
    torch.save(build_sam().state_dict(), tmp_path / 'sam_vit_t.pth')
    return Sources(str(tmp_path / 'llava'), tmp_path / 'sam_vit_t.pth')
