"""SigLIP's text tower: names to the space in which class candidates are compared (paper, Sec. 3.2:
"the latent space of the SigLIP text encoder").
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from transformers import SiglipTextConfig, SiglipTextModel

from rose_model.config import TextConfig


class TextTower(nn.Module):
    """SigLIP's text encoder; frozen in large models, trained with the rest in small ones."""

    def __init__(self, config: TextConfig, width: int) -> None:
        super().__init__()
        self.config = config
        self.siglip = SiglipTextModel(
            SiglipTextConfig(
                vocab_size=config.vocabulary,
                hidden_size=config.width,
                intermediate_size=config.mlp_width,
                num_hidden_layers=config.layers,
                num_attention_heads=config.heads,
                max_position_embeddings=config.length,
                projection_size=width,
                bos_token_id=None,
                eos_token_id=None,
                pad_token_id=None,
            )
        )
        self.siglip.set_attn_implementation('sdpa')

    def forward(self, names: Sequence[Sequence[int]], pad: int) -> Tensor:
        """Embeddings ``[N, width]`` of length 1 of names as token ids.

        Names are filled up with ``pad`` to ``config.length``, as SigLIP was trained, and cut
        there.
        """
        length = self.config.length
        rows = [[*name[:length], *[pad] * (length - len(name))] for name in names]
        ids = torch.tensor(rows, device=self.siglip.device)
        pooled: Tensor = self.siglip(input_ids=ids).pooler_output
        return nn.functional.normalize(pooled.float(), dim=-1)
