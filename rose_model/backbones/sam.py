"""SAM: image encoder and mask decoder of ``segment_anything``, prompted by a mask embedding
(paper, Eq. 3).
"""

from __future__ import annotations

from functools import partial

from segment_anything.modeling import (
    ImageEncoderViT,
    MaskDecoder,
    PromptEncoder,
    TwoWayTransformer,
)
from torch import Tensor, nn

from rose_model.backbones.sam_attention import SamAttention
from rose_model.backbones.sam_decoder import decode
from rose_model.backbones.sam_norm import replace_norms
from rose_model.config import SamConfig


class Sam(nn.Module):
    """SAM in the two steps that ROSE uses: ``encode`` an image once, ``decode`` many mask
    embeddings.

    The parameters and their names are those of ``segment_anything``; what is computed is the same,
    too, with less work (``sam_attention``, ``sam_decoder``), and in float16 without overflow
    (``sam_norm``).
    """

    def __init__(self, config: SamConfig) -> None:
        super().__init__()
        size = config.embedding_size
        self.config = config
        self.image_encoder = ImageEncoderViT(
            img_size=config.input_size,
            patch_size=config.patch_size,
            embed_dim=config.width,
            depth=config.layers,
            num_heads=config.heads,
            mlp_ratio=4,
            out_chans=config.prompt_width,
            qkv_bias=True,
            norm_layer=partial(nn.LayerNorm, eps=1e-6),
            use_rel_pos=config.relative_positions,
            window_size=config.window,
            global_attn_indexes=config.global_layers,
        )
        self.prompt_encoder = PromptEncoder(
            embed_dim=config.prompt_width,
            image_embedding_size=(size, size),
            input_image_size=(config.input_size, config.input_size),
            mask_in_chans=16,
        )
        self.mask_decoder = MaskDecoder(
            transformer_dim=config.prompt_width,
            transformer=TwoWayTransformer(
                depth=config.decoder_layers,
                embedding_dim=config.prompt_width,
                num_heads=config.decoder_heads,
                mlp_dim=config.decoder_mlp_width,
            ),
            num_multimask_outputs=3,
            iou_head_depth=3,
            iou_head_hidden_dim=config.prompt_width,
        )
        for block in self.image_encoder.blocks:
            block.attn = SamAttention(block.attn, size, block.window_size)
            block.window_size = 0  # the attention cuts into windows itself
        replace_norms(self)

    def encode(self, pixels: Tensor) -> Tensor:
        """Image embeddings ``[B, C, h, w]`` of normalised, padded ``[B, 3, side, side]``."""
        embeddings: Tensor = self.image_encoder(pixels)
        return embeddings

    def decode(self, mask_embedding: Tensor, image_embeddings: Tensor) -> tuple[Tensor, Tensor]:
        """Low-resolution mask logits ``[N, 4h, 4w]`` and predicted IoU ``[N]`` for mask embeddings
        ``[N, C]``.

        ``image_embeddings``: ``[1, C, h, w]`` for one image, or ``[N, C, h, w]`` with each row's
        own image.  As in LISA the embedding is the only sparse prompt, without position or type
        code, and the dense prompt is ``no_mask_embed``; only mask token 0 is read.
        """
        return self.decode_prompts(mask_embedding[:, None], image_embeddings)

    def decode_prompts(self, prompts: Tensor, image_embeddings: Tensor) -> tuple[Tensor, Tensor]:
        """As ``decode``, for any number of sparse prompts each: ``[N, T, C]``."""
        dense = self.prompt_encoder.no_mask_embed.weight
        content = image_embeddings.flatten(2).mT + dense
        position = self.prompt_encoder.get_dense_pe().flatten(2).mT[0]
        return decode(self.mask_decoder, prompts, content, position.to(content.dtype))

    def embed_points(self, points: Tensor, labels: Tensor) -> Tensor:
        """Embed clicks as sparse prompts, by segment_anything's own prompt encoder.

        Args:
            points: float ``[N, T, 2]``, (x, y) in pixels of SAM's frame, less the half pixel that
                the encoder adds.
            labels: int ``[N, T]``: 1 for the foreground, 0 for the background, -1 for no point.

        Returns:
            float ``[N, T + 1, C]``; the last one stands for "no more points".
        """
        embedding: Tensor = self.prompt_encoder(points=(points, labels), boxes=None, masks=None)[0]
        return embedding
