"""The ROSE model: its parts, and how they are put together."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rose_model.backbones.lmm import Projector, VisionTower, build_language_model
from rose_model.backbones.sam import Sam
from rose_model.backbones.text import TextTower
from rose_model.config import RoseConfig
from rose_model.patch_analyzer import PatchAnalyzer
from rose_model.perception import PatchPerception


@dataclass(frozen=True)
class ParameterCount:
    """Numbers of parameters by part, without doubles where embeddings are tied."""

    vision_tower: int
    projector: int
    language_model: int
    lm_head: int
    patch_analyzer: int
    text_tower: int
    sam_encoder: int
    sam_decoder: int


class Rose(nn.Module):
    """Patch-wise perception, patch analyzer, text tower and SAM; the language model serves
    perception and names alike.  ``text_tower``: ``None`` where the configuration has none.
    """

    def __init__(
        self,
        perception: PatchPerception,
        patch_analyzer: PatchAnalyzer,
        text_tower: TextTower | None,
        sam: Sam,
        config: RoseConfig,
    ) -> None:
        super().__init__()
        self.perception = perception
        self.patch_analyzer = patch_analyzer
        self.text_tower = text_tower
        self.sam = sam
        self.config = config

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.patch_analyzer.category_norm.weight.device

    @property
    def dtype(self) -> torch.dtype:
        """The model's floating-point type."""
        return self.patch_analyzer.category_norm.weight.dtype

    def count_parameters(self) -> ParameterCount:
        """Parameters by part, in the division that the publishers use."""
        lmm = self.perception.language_model
        tied = lmm.lm_head.weight is lmm.model.embed_tokens.weight
        return ParameterCount(
            vision_tower=_count(self.perception.vision_tower),
            projector=_count(self.perception.projector),
            language_model=_count(lmm.model),
            lm_head=0 if tied else _count(lmm.lm_head),
            patch_analyzer=_count(self.patch_analyzer),
            text_tower=0 if self.text_tower is None else _count(self.text_tower),
            sam_encoder=_count(self.sam.image_encoder),
            sam_decoder=_count(self.sam.mask_decoder),
        )


def build_rose(config: RoseConfig) -> Rose:
    """A ROSE model of that configuration, with random weights."""
    vision, language = config.vision, config.language
    return Rose(
        perception=PatchPerception(
            vision_tower=VisionTower(vision),
            projector=Projector(vision.width, language.width),
            language_model=build_language_model(language),
            config=language,
            refinement=config.ablation.refinement,
        ),
        patch_analyzer=PatchAnalyzer(language.width, config.sam.prompt_width, config.siglip_width),
        text_tower=None if config.text is None else TextTower(config.text, config.siglip_width),
        sam=Sam(config.sam),
        config=config,
    )


def _count(module: nn.Module) -> int:
    parameters: list[Tensor] = list(module.parameters())
    return sum(parameter.numel() for parameter in parameters)
