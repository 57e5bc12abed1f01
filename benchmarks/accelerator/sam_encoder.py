"""SAM's image encoder with four kinds of attention, the same weights, one image."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import torch
from segment_anything.modeling.image_encoder import Attention, get_rel_pos
from torch import Tensor
from torch.nn.functional import one_hot, pad, scaled_dot_product_attention

from benchmarks.accelerator.bounds import stage_bounds_ms
from benchmarks.accelerator.inputs import make_inputs
from benchmarks.accelerator.reading import Reading
from benchmarks.accelerator.subject import Subject
from benchmarks.accelerator.timer import Timer
from benchmarks.reference_sam import reference_sam

ROUNDS = 20
_MULTIPLE = 8
"""Of the width of a head, for fast kernels."""


def encoder_three_ways(subject: Subject, timer: Timer) -> Iterator[Reading]:
    """As segment_anything has it; with the relative positions as a bias of SDPA; with them as
    further columns of queries and keys; and the one that the model uses.
    """
    pixels = make_inputs(subject).sam_pixels
    bound_ms = sum(stage_bounds_ms(subject)['SAM encoder'])
    encoder = reference_sam(subject.rose.sam).image_encoder
    expected = encoder(pixels)
    yield _measured('reference, eager attention', encoder, pixels, expected, timer, bound_ms)
    for name, attend in {'SDPA with a bias': with_bias, 'augmented queries': augmented}.items():
        for block in encoder.blocks:
            block.attn.forward = partial(attend, block.attn)
        yield _measured(name, encoder, pixels, expected, timer, bound_ms)
    yield _measured('ours', subject.rose.sam.encode, pixels, expected, timer, bound_ms)


def encoder_compiled(subject: Subject, timer: Timer) -> Iterator[Reading]:
    """The one that the model uses under ``torch.compile``; the first run compiles it."""
    pixels = make_inputs(subject).sam_pixels
    expected = subject.rose.sam.encode(pixels)
    compiled: Callable[[Tensor], Tensor] = torch.compile(
        subject.rose.sam.image_encoder, dynamic=False
    )
    first = timer.once_ms(lambda: compiled(pixels))
    yield Reading('compilation', first / 1e3, 's')
    bound_ms = sum(stage_bounds_ms(subject)['SAM encoder'])
    yield _measured('ours, compiled', compiled, pixels, expected, timer, bound_ms)


def _measured(
    name: str,
    encode: Callable[[Tensor], Tensor],
    pixels: Tensor,
    expected: Tensor,
    timer: Timer,
    bound_ms: float,
) -> Reading:
    times = timer.on_device(lambda: encode(pixels), ROUNDS)
    error = float((encode(pixels).float() - expected.float()).norm() / expected.float().norm())
    return Reading.of(name, times, bound_ms, note=f'relative distance from the first {error:.1e}')


def with_bias(attention: Attention, x: Tensor) -> Tensor:
    """Attention ``[B, H, W, C]`` by SDPA, relative positions as what is added to the scores."""
    query, key, value, rows, columns = _parts(attention, x)
    bias = (rows[..., :, None] + columns[..., None, :]).flatten(-2) if rows.numel() else None
    seen = scaled_dot_product_attention(query, key, value, bias, scale=attention.scale)
    return _joined(attention, x, seen)


def augmented(attention: Attention, x: Tensor) -> Tensor:
    """The same without a bias: a query's relative positions are further columns of it, and a key
    has a one in its own row's and column's.
    """
    if not attention.use_rel_pos:
        return with_bias(attention, x)
    query, key, value, rows, columns = _parts(attention, x)
    height, width = x.shape[1:3]
    at = torch.arange(height * width, device=x.device)
    places = torch.cat((one_hot(at // width, height), one_hot(at % width, width)), -1).to(x.dtype)
    query = torch.cat((query * attention.scale, rows, columns), dim=-1)
    key = torch.cat((key, places.expand(*key.shape[:2], -1, -1)), dim=-1)
    head, missing = value.shape[-1], -query.shape[-1] % _MULTIPLE
    query, key = pad(query, (0, missing)), pad(key, (0, missing))
    value = pad(value, (0, query.shape[-1] - head))  # flash kernels want one width
    seen = scaled_dot_product_attention(query, key, value, scale=1.0)
    return _joined(attention, x, seen[..., :head])


def _parts(attention: Attention, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Queries, keys and values ``[B, heads, T, c]``, and how far each query likes each row and
    each column ``[B, heads, T, H]`` and ``[B, heads, T, W]``, or nothing without relative
    positions.
    """
    batch, height, width, _ = x.shape
    qkv = attention.qkv(x).reshape(batch, height * width, 3, attention.num_heads, -1)
    query, key, value = qkv.permute(2, 0, 3, 1, 4)
    if not attention.use_rel_pos:
        nothing = query[..., :0]
        return query, key, value, nothing, nothing
    grid = query.unflatten(2, (height, width))
    down = get_rel_pos(height, height, attention.rel_pos_h)
    across = get_rel_pos(width, width, attention.rel_pos_w)
    rows = (grid @ down.mT).flatten(2, 3)
    columns = (grid.transpose(2, 3) @ across.mT).transpose(2, 3).flatten(2, 3)
    return query, key, value, rows, columns


def _joined(attention: Attention, x: Tensor, seen: Tensor) -> Tensor:
    output: Tensor = attention.proj(seen.transpose(1, 2).reshape(x.shape))
    return output
