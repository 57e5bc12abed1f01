"""The three sizes of ROSE.  Only these functions know numbers; all share the same classes."""

from __future__ import annotations

from rose_model.config import (
    CategoryConfig,
    LanguageConfig,
    PatchFilterConfig,
    PostprocessConfig,
    RefinementConfig,
    RoseConfig,
    SamConfig,
    TextConfig,
    VisionConfig,
)

_SIGLIP_SO400M = VisionConfig(
    input_size=672,
    position_size=384,
    patch_size=14,
    width=1152,
    mlp_width=4304,
    layers=26,
    heads=16,
    stem='patch',
)
_SIGLIP_SO400M_TEXT = TextConfig(
    width=1152,
    mlp_width=4304,
    layers=27,
    heads=16,
    vocabulary=32_000,
    length=64,
    pad='</s>',
    tokenizer='text_tokenizer.json',
)


def nano() -> RoseConfig:
    """The small model that is shipped: 18 x 18 patches, trained from scratch on procedural
    streets.
    """
    return RoseConfig(
        name='nano',
        vision=VisionConfig(
            input_size=144,
            position_size=144,
            patch_size=8,
            width=192,
            mlp_width=768,
            layers=4,
            heads=3,
            stem='convolutional',
        ),
        language=LanguageConfig(
            width=192,
            mlp_width=512,
            layers=4,
            heads=3,
            kv_heads=1,
            vocabulary=1024,
            max_positions=1024,
            rope_theta=1e4,
        ),
        sam=SamConfig(
            input_size=192,
            patch_size=8,
            width=128,
            layers=4,
            heads=2,
            global_layers=(1, 3),
            window=8,
            relative_positions=False,
            prompt_width=96,
            decoder_layers=2,
            decoder_heads=4,
            decoder_mlp_width=256,
        ),
        text=TextConfig(
            width=192,
            mlp_width=512,
            layers=2,
            heads=3,
            vocabulary=1024,
            length=16,
            pad='<PAD>',
            tokenizer='tokenizer.json',
        ),
        siglip_width=192,
        category=CategoryConfig(template='rose', max_new_tokens=8),
        # a balance of precision of things and mIoU of stuff, and fewer twins, on 50 validation
        # scenes
        patch_filter=PatchFilterConfig(min_objectness=0.1, select='peaks'),
        # on 20 validation scenes it loses next to no segment, and a third of the masks less
        postprocess=PostprocessConfig(max_similarity=0.99),
        # on 60 to 70 validation scenes; where each value comes from: evaluation/thresholds
        refinement=RefinementConfig(
            min_presence=0.2,
            min_presence_unlike=0.95,
            given_log_odds=1.5,
            keep_above=0.25,
            keep_slope=0.6,
        ),
    )


def rose_0_5b() -> RoseConfig:
    """LLaVA-OneVision 0.5B with SAM ViT-B."""
    return RoseConfig(
        name='rose_0_5b',
        vision=_SIGLIP_SO400M,
        language=LanguageConfig(
            width=896,
            mlp_width=4864,
            layers=24,
            heads=14,
            kv_heads=2,
            vocabulary=152_000,
            max_positions=32_768,
            tied_embeddings=True,
        ),
        sam=_sam(width=768, layers=12, heads=12, global_layers=(2, 5, 8, 11)),
        text=_SIGLIP_SO400M_TEXT,
        siglip_width=1152,
        category=CategoryConfig(template='chatml'),
    )


def rose_7b() -> RoseConfig:
    """The paper's size: LLaVA-OneVision 7B with SAM ViT-H."""
    return RoseConfig(
        name='rose_7b',
        vision=_SIGLIP_SO400M,
        language=LanguageConfig(
            width=3584,
            mlp_width=18_944,
            layers=28,
            heads=28,
            kv_heads=4,
            vocabulary=152_128,
            max_positions=32_768,
        ),
        sam=_sam(width=1280, layers=32, heads=16, global_layers=(7, 15, 23, 31)),
        text=_SIGLIP_SO400M_TEXT,
        siglip_width=1152,
        category=CategoryConfig(template='chatml'),
    )


def _sam(width: int, layers: int, heads: int, global_layers: tuple[int, ...]) -> SamConfig:
    return SamConfig(
        input_size=1024,
        patch_size=16,
        width=width,
        layers=layers,
        heads=heads,
        global_layers=global_layers,
        window=14,
        relative_positions=True,
        prompt_width=256,
        decoder_layers=2,
        decoder_heads=8,
        decoder_mlp_width=2048,
    )


PRESETS = {'nano': nano, 'rose_0_5b': rose_0_5b, 'rose_7b': rose_7b}
