"""segment_anything's own SAM, unchanged, over the weights of ours: what ours is compared with."""

from __future__ import annotations

from functools import partial

import torch
from segment_anything.modeling import (
    ImageEncoderViT,
    MaskDecoder,
    PromptEncoder,
    TwoWayTransformer,
)
from segment_anything.modeling import Sam as ReferenceSam
from torch import Tensor, nn

from rose_model.backbones.sam import Sam
from rose_model.config import SamConfig

_PIXEL_MEAN, _PIXEL_STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)  # segment_anything's


def reference_sam(sam: Sam) -> ReferenceSam:
    """segment_anything's SAM for inference.  Its weights are the tensors of ``sam``, not copies;
    one of another name or shape is an error.
    """
    config = sam.config
    with torch.device('meta'):
        reference = ReferenceSam(
            _image_encoder(config), _prompt_encoder(config), _mask_decoder(config)
        )
    reference.load_state_dict(sam.state_dict(), assign=True)
    reference.pixel_mean = torch.tensor(_PIXEL_MEAN).view(-1, 1, 1)
    reference.pixel_std = torch.tensor(_PIXEL_STD).view(-1, 1, 1)
    reference.requires_grad_(False).eval()
    return reference


def reference_masks(
    reference: ReferenceSam, prompts: Tensor, image_embeddings: Tensor
) -> tuple[Tensor, Tensor]:
    """Mask logits ``[N, M, M]`` and predicted IoU ``[N]`` of sparse prompts ``[N, T, C]``, as
    ``SamPredictor.predict_torch`` asks its decoder for them with ``multimask_output=False``.

    ``image_embeddings``: ``[1, C, h, w]``; the decoder repeats them for each prompt.
    """
    encoder = reference.prompt_encoder
    size = encoder.image_embedding_size
    dense = encoder.no_mask_embed.weight.view(1, -1, 1, 1).expand(len(prompts), -1, *size)
    masks, scores = reference.mask_decoder(
        image_embeddings=image_embeddings,
        image_pe=encoder.get_dense_pe().to(image_embeddings.dtype),
        sparse_prompt_embeddings=prompts,
        dense_prompt_embeddings=dense,
        multimask_output=False,
    )
    return masks[:, 0], scores[:, 0]


def _image_encoder(config: SamConfig) -> ImageEncoderViT:
    return ImageEncoderViT(
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


def _prompt_encoder(config: SamConfig) -> PromptEncoder:
    size = config.embedding_size
    return PromptEncoder(
        embed_dim=config.prompt_width,
        image_embedding_size=(size, size),
        input_image_size=(config.input_size, config.input_size),
        mask_in_chans=16,
    )


def _mask_decoder(config: SamConfig) -> MaskDecoder:
    return MaskDecoder(
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
