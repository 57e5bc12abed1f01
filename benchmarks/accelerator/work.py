"""The least work of each stage: operations, and bytes of weights and caches that are read once.

Activations, launches and copies are left out, so what follows from it is a bound, no forecast.  A
multiplication with its addition counts as two operations.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from rose_model.config import LanguageConfig, RoseConfig, SamConfig, VisionConfig

COMPUTE = 800e12
"""Operations a second of an H100 in half precision that large products reach."""
BANDWIDTH = 3.35e12
"""Bytes a second of its memory."""
_BYTES = 2  # of a weight in half precision
_CHANNELS = 4


@dataclass(frozen=True)
class Work:
    """Operations and bytes of one pass."""

    operations: float
    nbytes: float

    def bound_ms(self) -> float:
        """The least time of the pass on an H100."""
        return 1e3 * max(self.operations / COMPUTE, self.nbytes / BANDWIDTH)


def vision_tower(config: VisionConfig) -> Work:
    """SigLIP over all patches of an image."""
    tokens, width = config.grid_size**2, config.width
    layer = 4 * width**2 + 2 * width * config.mlp_width
    embedding = config.patch_size**2 * _CHANNELS * width
    weights = config.layers * layer + embedding
    scores = config.layers * 4 * tokens**2 * width
    return Work(2 * tokens * weights + scores, _BYTES * weights)


def projector(config: RoseConfig) -> Work:
    """From SigLIP's width to the language model's."""
    width = config.language.width
    weights = config.vision.width * width + width**2
    return Work(2 * config.vision.grid_size**2 * weights, _BYTES * weights)


def layers(config: LanguageConfig) -> float:
    """Weights of the language model without embeddings and ``lm_head``."""
    width, head = config.width, config.width // config.heads
    attention = 2 * width**2 + 2 * width * head * config.kv_heads
    return float(config.layers * (attention + 3 * width * config.mlp_width))


def prefill(config: LanguageConfig, tokens: int) -> Work:
    """The language model over an image and its prompt, every token seeing every other."""
    scores = config.layers * 4 * tokens**2 * config.width
    return Work(2 * tokens * layers(config) + scores, _BYTES * layers(config))


def names(config: LanguageConfig, count: int, before: int, after: int) -> Work:
    """The prompts of so many names, whose first ``before`` tokens are shared, and one token of
    each.
    """
    head = config.width * config.vocabulary
    seen = before + (after + 1) / 2
    scores = config.layers * 4 * config.width * count * after * seen
    operations = 2 * count * (after * layers(config) + head) + scores
    return Work(operations, _BYTES * (layers(config) + head))


def step(config: LanguageConfig, count: int, context: int) -> Work:
    """One token more of so many names that see ``context`` tokens."""
    head = config.width * config.vocabulary
    cached = config.layers * 2 * config.width // config.heads * config.kv_heads * context
    scores = config.layers * 4 * config.width * context
    return Work(
        count * (2 * (layers(config) + head) + scores),
        _BYTES * (layers(config) + head + count * cached),
    )


def heads(config: RoseConfig, kept: int) -> Work:
    """Objectness of all patches; mask and category embeddings of those that are kept."""
    width, patches = config.language.width, config.vision.grid_size**2
    objectness = width**2 + width
    others = 2 * width**2 + width * (config.sam.prompt_width + width)
    operations = 2 * (patches * objectness + kept * others)
    return Work(operations, _BYTES * (objectness + others))


def sam_encoder(config: SamConfig) -> Work:
    """SAM's encoder, no work done on the padding of its windows."""
    side, width, out = config.embedding_size, config.width, config.prompt_width
    tokens, window = side**2, config.window or side
    windowed = config.layers - len(config.global_layers)
    weights = (
        config.layers * 12 * width**2 + config.patch_size**2 * 3 * width + width * out + 9 * out**2
    )
    scores = windowed * 4 * ceil(side / window) ** 2 * window**4 * width
    scores += len(config.global_layers) * 4 * tokens**2 * width
    if config.relative_positions:  # of each token to each row and each column
        scores += 4 * tokens * width * (windowed * window + len(config.global_layers) * side)
    return Work(2 * tokens * weights + scores, _BYTES * weights)


def sam_decoder(config: SamConfig, prompts: int) -> Work:
    """SAM's decoder, one mask a prompt; what all prompts share in its first layer done once."""
    image, tokens = config.embedding_size**2, 6
    width, inner, mlp = config.prompt_width, config.prompt_width // 2, config.decoder_mlp_width
    project = 2 * image * width * inner
    attend = 4 * tokens * image * inner
    on_tokens = 2 * tokens * (4 * width**2 + 2 * width * mlp + 6 * width * inner)
    layer = 4 * project + 2 * attend + on_tokens
    last = 2 * project + attend
    upscale = 2 * image * width * width + 2 * 4 * image * (width // 4) * (width // 2)
    product = 2 * 16 * image * (width // 8)
    each = config.decoder_layers * layer + last + upscale + product
    shared = 3 * project
    weights = config.decoder_layers * (4 * width**2 + 2 * width * mlp + 8 * width * inner)
    return Work(prompts * (each - shared) + shared, _BYTES * weights)
