"""What one frame costs at least: operations, and bytes of weights and of keys and values that are
read, stage by stage, for any configuration.

1 multiply-add is 2 FLOP; norms, activations and softmax do not count, nor do activations that are
read and written.  A bound that follows is one from below.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from rose_model.config import LanguageConfig, RoseConfig, SamConfig, VisionConfig

_CHANNELS = 4
_SAM_TOKENS = 6
"""Of the mask decoder for each prompt: IoU, four masks, the prompt itself."""


@dataclass(frozen=True)
class Load:
    """How much there is to do.

    ``text_tokens``: of the prompt, beside the image.  ``objects``: patches whose mask and name is
    decoded.  ``prefix``, ``suffix``: tokens of the category prompt before the embedding, and from
    it on.  ``name_tokens``: generated for each name; the first comes out of the prompt pass.
    """

    text_tokens: int = 46
    objects: int = 100
    prefix: int = 24
    suffix: int = 10
    name_tokens: int = 4


@dataclass(frozen=True)
class Work:
    """``flops``, and ``values`` that are read from memory: weights, positions, keys and values."""

    flops: float
    values: float


def frame_work(config: RoseConfig, load: Load) -> dict[str, Sequence[Work]]:
    """The passes of each stage, one after another; the order is that of a frame."""
    patches = config.vision.grid_size**2
    width = config.language.width
    heads = width * width
    kept = heads + width * config.sam.prompt_width
    projector = config.vision.width * width + width * width
    return {
        'SigLIP': [siglip(config.vision)],
        'projector': [_linear(patches, projector)],
        'prefill': [prefill(config.language, patches + load.text_tokens)],
        'objectness of all patches': [_linear(patches, heads + width)],
        'mask embeddings': [_linear(load.objects, kept)],
        'SAM encoder': [sam_encoder(config.sam)],
        'SAM mask decoder': [sam_decoder(config.sam, load.objects)],
        'category embeddings': [_linear(load.objects, 2 * heads)],
        'names': names(config.language, load),
    }


def siglip(config: VisionConfig) -> Work:
    """The vision tower."""
    tokens, width = config.grid_size**2, config.width
    layer = 4 * width * width + 2 * width * config.mlp_width
    embed, values = _patch_embedding(config)
    attention = 4 * tokens * tokens * width
    flops = config.layers * (2 * tokens * layer + attention) + embed
    return Work(flops, config.layers * layer + values + tokens * width)


def _patch_embedding(config: VisionConfig) -> tuple[float, float]:
    """FLOPs and weights of SigLIP's one convolution, or of the convolutional stem."""
    if config.stem == 'patch':
        weights = config.patch_size**2 * _CHANNELS * config.width
        return 2 * config.grid_size**2 * weights, weights
    flops, values, side, channels = 0, 0, config.input_size, _CHANNELS
    for out in (config.width // 6, config.width // 3, 2 * config.width // 3):
        side //= 2
        weights = 9 * (channels + out) * out
        flops, values, channels = flops + 2 * side * side * weights, values + weights, out
    last = channels * config.width
    return flops + 2 * side * side * last, values + last


def body_weights(config: LanguageConfig) -> int:
    """Of all layers, without embeddings and ``lm_head``."""
    attention = 2 * config.width * config.width + 2 * config.width * _key_width(config)
    return config.layers * (attention + 3 * config.width * config.mlp_width)


def prefill(config: LanguageConfig, tokens: int) -> Work:
    """The language model over image and text; half of the scores where attention is causal."""
    scores = config.layers * 4 * tokens * tokens * config.width
    share = 1.0 if config.attention == 'prefix' else 0.5
    weights = body_weights(config)
    return Work(2 * weights * tokens + share * scores, weights)


def names(config: LanguageConfig, load: Load) -> list[Work]:
    """All names in one batch: a pass over the prompts, then one for each further token."""
    body, head = body_weights(config), config.width * config.vocabulary
    length = load.prefix + load.suffix
    # A token sees the prefix and, on average, half of what stands from the embedding on.
    seen = load.prefix + load.suffix / 2
    # In the last layer only the last token asks: the others give it their keys and values.
    others, layer = config.layers - 1, body / config.layers
    given = 2 * config.width * _key_width(config)
    products = (others * layer + given) * load.suffix + layer - given
    attention = 4 * config.width * (others * load.suffix * seen + length)
    prompt = load.objects * (2 * (products + head) + attention)
    passes = [Work(prompt, body + head)]
    for token in range(load.name_tokens - 1):
        passes.append(decode_step(config, load.objects, length + token))
    return passes


def decode_step(config: LanguageConfig, rows: int, context: int) -> Work:
    """One token more in each row."""
    weights = body_weights(config) + config.width * config.vocabulary
    attention = config.layers * 4 * context * config.width
    cache = config.layers * 2 * _key_width(config) * context
    return Work(rows * (2 * weights + attention), weights + rows * cache)


def sam_encoder(config: SamConfig) -> Work:
    """Windowed blocks, whose padding is attended to and not projected, global blocks, and the
    neck.
    """
    side, width = config.embedding_size, config.width
    tokens, layer = side * side, 12 * width * width
    full = len(config.global_layers) if config.window else config.layers
    windows = ceil(side / config.window) ** 2 if config.window else 0
    scores = full * tokens * tokens + (config.layers - full) * windows * config.window**4
    positions = 0
    if config.relative_positions:  # of each token, to the rows and to the columns
        positions = 4 * tokens * width * (full * side + (config.layers - full) * config.window)
    neck = width * config.prompt_width + 9 * config.prompt_width**2
    embed = 3 * config.patch_size**2 * width
    weights = config.layers * layer + neck + embed
    flops = 2 * tokens * weights + 4 * scores * width + positions
    return Work(flops, weights + tokens * width)


def sam_decoder(config: SamConfig, prompts: int) -> Work:
    """The two-way transformer, upscaling and one mask for each prompt, in the form with the least
    work (``rose_model.backbones.sam_decoder``): the few tokens are projected, not the image.
    """
    n, c, inner = config.embedding_size**2, config.prompt_width, config.prompt_width // 2
    look = 4 * config.decoder_heads * _SAM_TOKENS * c * n
    tokens = 2 * _SAM_TOKENS * (4 * c * c + 2 * c * config.decoder_mlp_width + 8 * c * inner)
    # Each layer lets the image look at the tokens and them at it, as a last step does; the first
    # look is at an image that all prompts share.
    layers = config.decoder_layers * (2 * look + tokens) + 4 * _SAM_TOKENS * n * inner
    upscale = 2 * n * c * c + 2 * 4 * n * (c // 4) * (c // 2)
    product = 2 * 16 * n * (c // 8)
    shared = 4 * n * c * inner
    weights = config.decoder_layers * (
        4 * c * c + 2 * c * config.decoder_mlp_width + 8 * c * inner
    )
    return Work(prompts * (layers + upscale + product) + shared, weights)


def _key_width(config: LanguageConfig) -> int:
    """Numbers in the key, or the value, of a token in one layer."""
    return config.width // config.heads * config.kv_heads


def _linear(rows: int, weights: float) -> Work:
    return Work(2 * rows * weights, weights)
