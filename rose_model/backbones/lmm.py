"""The multimodal language model: SigLIP with a mask channel, projector, Qwen2 (LLaVA-OneVision's
parts).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from transformers import Qwen2Config, Qwen2ForCausalLM, SiglipVisionConfig, SiglipVisionModel

from rose_model.backbones.positions import enlarge, enlargement
from rose_model.backbones.rms_norm import replace_rms_norms
from rose_model.config import LanguageConfig, VisionConfig

INPUT_CHANNELS = 4
"""Red, green, blue, and the mask of a refinement (paper, Sec. 3.4)."""


class ConvolutionalStem(nn.Module):
    """Patch embedding of small models: three stride-2 stages of two 3 x 3 convolutions, 1 x 1
    at the end.

    A deviation from SigLIP's single convolution, for weights that start from nothing: it learned
    shape 2.6 times faster per image.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = INPUT_CHANNELS
        for out in (width // 6, width // 3, 2 * width // 3):
            for stride, source in ((2, channels), (1, out)):
                layers += [
                    nn.Conv2d(source, out, 3, stride=stride, padding=1, bias=False),
                    nn.GroupNorm(8, out),
                    nn.GELU(),
                ]
            channels = out
        self.stages = nn.Sequential(*layers)
        self.project = nn.Conv2d(channels, width, 1)

    def forward(self, pixels: Tensor) -> Tensor:
        """``[B, 4, L, L]`` to ``[B, W, S, S]`` with S = L / 8."""
        patches: Tensor = self.project(
            self.stages(pixels.contiguous(memory_format=torch.channels_last))
        )
        return patches


class VisionTower(nn.Module):
    """SigLIP without its pooling head and last norm, as LLaVA reads it, with the mask as fourth
    input channel.
    """

    enlargement: Tensor

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.config = config
        weights = enlargement(config.position_grid_size, config.grid_size)
        self.register_buffer('enlargement', weights, persistent=False)
        self.siglip = SiglipVisionModel(
            SiglipVisionConfig(
                image_size=config.position_size,
                patch_size=config.patch_size,
                num_channels=INPUT_CHANNELS,
                hidden_size=config.width,
                intermediate_size=config.mlp_width,
                num_hidden_layers=config.layers,
                num_attention_heads=config.heads,
                vision_use_head=False,
            )
        )
        self.siglip.set_attn_implementation('sdpa')
        if config.stem == 'convolutional':
            stem = ConvolutionalStem(config.width)
            self.siglip.embeddings.add_module('patch_embedding', stem)

    @property
    def patch_embedding(self) -> nn.Module:
        """The layer that sees the mask; the paper trains it while the rest is frozen."""
        return self.siglip.embeddings.patch_embedding

    def forward(self, pixels: Tensor) -> Tensor:
        """Patch features ``[B, P, W]`` of ``[B, 4, L, L]``: RGB in [-1, 1], mask in [0, 1]."""
        positions = self.siglip.embeddings.position_embedding.weight
        patches = self.patch_embedding(pixels.to(positions.dtype))
        if self.config.grid_size != self.config.position_grid_size:
            positions = enlarge(positions, self.enlargement)
        placed = patches.flatten(2).mT + positions
        features: Tensor = self.siglip.encoder(inputs_embeds=placed).last_hidden_state
        return features


class Projector(nn.Module):
    """LLaVA's two-layer projector from SigLIP's width to the language model's."""

    def __init__(self, source: int, width: int) -> None:
        super().__init__()
        self.linear_1 = nn.Linear(source, width)
        self.linear_2 = nn.Linear(width, width)

    def forward(self, features: Tensor) -> Tensor:
        """``[B, P, source]`` to ``[B, P, width]``."""
        projected: Tensor = self.linear_2(nn.functional.gelu(self.linear_1(features)))
        return projected


def build_language_model(config: LanguageConfig) -> Qwen2ForCausalLM:
    """Qwen2 of that size with random weights; attention by SDPA, never eager (half precision would
    be wrong).
    """
    model = Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=config.vocabulary,
            hidden_size=config.width,
            intermediate_size=config.mlp_width,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            num_key_value_heads=config.kv_heads,
            max_position_embeddings=config.max_positions,
            rope_parameters={'rope_type': 'default', 'rope_theta': config.rope_theta},
            tie_word_embeddings=config.tied_embeddings,
        )
    )
    model.set_attn_implementation('sdpa')
    replace_rms_norms(model)
    return model
