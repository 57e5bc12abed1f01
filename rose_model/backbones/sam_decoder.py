"""SAM's mask decoder for many prompts (paper, Eq. 3): exactly what ``segment_anything`` computes
for its first mask, with the same parameters.

Less is done for it.  The tokens of an image are the same for all prompts until they have looked at
them, so the first layer reads one image.  And the image's many tokens are not projected to the
width of the attention and back: since ``(W x) · y = x · (Wᵀ y)``, the few tokens of the prompts
are projected to the image's width, and 48 columns a place (8 heads, 6 tokens) do the work of 128.
"""

from __future__ import annotations

import math

import torch
from segment_anything.modeling import MaskDecoder
from segment_anything.modeling.transformer import Attention, TwoWayAttentionBlock
from torch import Tensor
from torch.nn import functional

from rose_model.backbones.sam_attention import attend, is_exporting
from rose_model.backbones.working_set import rows_at_once


def decode(
    decoder: MaskDecoder, prompts: Tensor, content: Tensor, position: Tensor
) -> tuple[Tensor, Tensor]:
    """Mask logits ``[N, 4g, 4g]`` and predicted IoU ``[N]`` of sparse prompts ``[N, T, C]``.

    ``content``: the image's tokens ``[1, g * g, C]``, or ``[N, g * g, C]`` with an image for each
    prompt; ``position``: the codes of their places, ``[g * g, C]``.
    """
    count = prompts.shape[0]
    own = torch.cat((decoder.iou_token.weight, decoder.mask_tokens.weight)).to(prompts.dtype)
    tokens = torch.cat((own.expand(count, -1, -1), prompts), 1)
    placed = content + position
    queries = _update_tokens(decoder.transformer.layers[0], tokens, tokens, placed, content)
    if is_exporting():
        return _finish(decoder, queries, tokens, placed, content, position)
    step = rows_at_once(_feature_bytes(decoder, content), content.device)
    decoded = []
    for start in range(0, max(count, 1), step):
        rows = slice(start, start + step)
        own_rows = _rows(queries, rows), _rows(tokens, rows)
        image_rows = _rows(placed, rows), _rows(content, rows)
        decoded.append(_finish(decoder, *own_rows, *image_rows, position))
    return torch.cat([logits for logits, _ in decoded]), torch.cat([iou for _, iou in decoded])


def freeze_idle(decoder: MaskDecoder) -> None:
    """Freeze what cannot change any output: the biases of the keys of the image's tokens, which
    ``_read_image`` leaves out where it can.

    In training they would have a gradient, of zero, with some batches and none with others;
    several processes must have the same ones.
    """
    transformer = decoder.transformer
    for attention in (
        *(layer.cross_attn_token_to_image for layer in transformer.layers),
        transformer.final_attn_token_to_image,
    ):
        attention.k_proj.bias.requires_grad_(False)


def _rows(part: Tensor, rows: slice) -> Tensor:
    """Those rows of ``part``, or the one that is for all."""
    return part if part.shape[0] == 1 else part[rows]


def _finish(
    decoder: MaskDecoder,
    queries: Tensor,
    tokens: Tensor,
    placed: Tensor,
    content: Tensor,
    position: Tensor,
) -> tuple[Tensor, Tensor]:
    """What follows the first look of the ``queries`` ``[N, T, C]`` at the image: from here each
    prompt has image tokens of its own.
    """
    transformer = decoder.transformer
    first, *others = transformer.layers
    content = _update_image(first, queries, tokens, placed, content)
    placed = content + position
    for layer in others:
        queries = _update_tokens(layer, queries, tokens, placed, content)
        content = _update_image(layer, queries, tokens, placed, content)
        placed = content + position
    last = _read_image(transformer.final_attn_token_to_image, queries + tokens, placed, content)
    queries = transformer.norm_final_attn(queries + last)
    weights = decoder.output_hypernetworks_mlps[0](queries[:, 1])
    logits = _upscale(decoder, content) @ weights[:, :, None]
    return _unfold(logits), decoder.iou_prediction_head(queries[:, 0])[:, 0]


def _update_tokens(
    layer: TwoWayAttentionBlock, queries: Tensor, tokens: Tensor, placed: Tensor, content: Tensor
) -> Tensor:
    """A layer's work on the prompts: they look at each other and at the image, and think."""
    if layer.skip_first_layer_pe:
        queries = _attend(layer.self_attn, queries, queries, queries)
    else:
        own = queries + tokens
        queries = queries + _attend(layer.self_attn, own, own, queries)
    queries = layer.norm1(queries)
    seen = _read_image(layer.cross_attn_token_to_image, queries + tokens, placed, content)
    queries = layer.norm2(queries + seen)
    updated: Tensor = layer.norm3(queries + layer.mlp(queries))
    return updated


def _update_image(
    layer: TwoWayAttentionBlock, queries: Tensor, tokens: Tensor, placed: Tensor, content: Tensor
) -> Tensor:
    """A layer's work on the image, which looks at the prompts: ``[N, P, C]``."""
    attention = layer.cross_attn_image_to_token
    key = _heads(attention.k_proj(queries + tokens), attention.num_heads)
    value = _heads(attention.v_proj(queries), attention.num_heads)
    key = key * key.shape[-1] ** -0.5
    columns = (key @ _head_rows(attention.q_proj.weight, attention)).flatten(1, 2)
    shared = placed[0] if placed.shape[0] == 1 else placed
    scores = torch.unflatten(columns @ shared.mT, 1, key.shape[1:3])
    scores = scores + key @ _head_rows(attention.q_proj.bias[:, None], attention)
    shares = scores.softmax(2).flatten(1, 2)
    seen = value @ _head_rows(attention.out_proj.weight.mT, attention)
    seen = seen + attention.out_proj.bias / attention.num_heads  # the shares of a head sum up to 1
    updated: Tensor = layer.norm4(torch.baddbmm(content, shares.mT, seen.flatten(1, 2)))
    return updated


def _read_image(attention: Attention, queries: Tensor, placed: Tensor, content: Tensor) -> Tensor:
    """What ``queries`` ``[N, T, C]`` see in the image ``[1 or N, P, C]``."""
    if content.shape[0] == 1:
        merged = queries.flatten(0, 1)[None]
        return _attend(attention, merged, placed, content).view(queries.shape)
    query = _heads(attention.q_proj(queries), attention.num_heads)
    query = query * query.shape[-1] ** -0.5
    columns = (query @ _head_rows(attention.k_proj.weight, attention)).flatten(1, 2)
    # The bias of the keys adds the same to all scores of a query: the softmax takes it away.
    shares = (columns @ placed.mT).softmax(-1)
    seen = torch.unflatten(shares @ content, 1, query.shape[1:3])
    seen = seen @ _head_rows(attention.v_proj.weight, attention).mT
    output: Tensor = attention.out_proj(_merge(seen) + attention.v_proj.bias)
    return output


def _attend(attention: Attention, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """The attention as it is, ``[B, T, C]``."""
    heads = attention.num_heads
    mixed = attend(
        _heads(attention.q_proj(query), heads),
        _heads(attention.k_proj(key), heads),
        _heads(attention.v_proj(value), heads),
    )
    output: Tensor = attention.out_proj(_merge(mixed))
    return output


def _heads(tokens: Tensor, heads: int) -> Tensor:
    """``[B, T, heads * width]`` to ``[B, heads, T, width]``."""
    return torch.unflatten(tokens, -1, (heads, tokens.shape[-1] // heads)).transpose(1, 2)


def _merge(tokens: Tensor) -> Tensor:
    """The way back."""
    return tokens.transpose(1, 2).flatten(2)


def _head_rows(weight: Tensor, attention: Attention) -> Tensor:
    """The rows of a weight ``[heads * width, C]`` by heads: ``[heads, width, C]``."""
    return torch.unflatten(weight, 0, (attention.num_heads, -1))


def _upscale(decoder: MaskDecoder, content: Tensor) -> Tensor:
    """Features ``[N, P * 4 * 4, C / 8]``: of each place its 2 x 2 quarters, and theirs.

    The strides of both transposed convolutions are their kernels' sizes: each place gives its four
    by itself, by a product.  In this order nothing is moved but, in the end, the logits.
    """
    first, norm, activation, second, _ = decoder.output_upscaling
    features = norm.last(_quarter(content, first.weight, first.bias))
    features = _quarter(activation(features), second.weight, second.bias)
    upscaled: Tensor = activation(features)
    return upscaled.flatten(1, -2)


def _quarter(features: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """``[..., in]`` to ``[..., 4, out]`` with the weight ``[in, out, 2, 2]``."""
    rows = weight.permute(2, 3, 1, 0).flatten(0, 2)
    quarters = functional.linear(features, rows, bias.expand(4, -1).flatten())
    return torch.unflatten(quarters, -1, (4, -1))


def _unfold(logits: Tensor) -> Tensor:
    """Values of places, quarters and quarters of these, ``[N, g * g * 4 * 4, 1]``, as masks ``[N,
    4g, 4g]``.
    """
    side = math.isqrt(logits.shape[1] // 16)
    parts = logits.view(-1, side, side, 2, 2, 2, 2)
    return parts.permute(0, 1, 3, 5, 2, 4, 6).reshape(-1, 4 * side, 4 * side)


def _feature_bytes(decoder: MaskDecoder, content: Tensor) -> int:
    """Memory of the upscaled features of one prompt, its largest tensor."""
    width: int = decoder.transformer_dim // 8
    return 16 * content.shape[1] * width * content.itemsize
