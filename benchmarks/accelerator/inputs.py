"""What the stages of one frame read, each made by the stages before it."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from benchmarks.accelerator.subject import OBJECTS, Subject
from rose_model.device import stage
from rose_model.preprocess import Views, make_views, normalise_lmm, normalise_sam


@dataclass(frozen=True, eq=False)
class Inputs:
    """What the stages of one frame read."""

    views: Views
    lmm_pixels: Tensor
    sam_pixels: Tensor
    features: Tensor
    patches: Tensor
    embedding: Tensor
    mask_embedding: Tensor
    image_embeddings: Tensor


def make_inputs(subject: Subject) -> Inputs:
    """Each stage's input, made by the stages before it; 100 patches are kept."""
    rose, perception = subject.rose, subject.rose.perception
    views = make_views(subject.image, subject.config)
    lmm_pixels, sam_pixels = staged(subject, views)
    features = perception.vision_tower(lmm_pixels)
    patches = perception.projector(features)
    embedding = perception.read(patches, [subject.perception_prompt]).object_embedding[0]
    best = rose.patch_analyzer.objectness_logit(embedding).float().topk(OBJECTS).indices
    return Inputs(
        views,
        lmm_pixels,
        sam_pixels,
        features,
        patches,
        embedding,
        rose.patch_analyzer.mask_embedding(embedding[best]),
        rose.sam.encode(sam_pixels),
    )


def staged(subject: Subject, views: Views) -> tuple[Tensor, Tensor]:
    """Both views on the device, normalised."""
    rose, side = subject.rose, subject.config.sam.input_size
    lmm_pixels = normalise_lmm(stage(views.lmm_pixels[None], rose.device)).to(rose.dtype)
    sam_pixels = normalise_sam(stage(views.sam_pixels[None], rose.device), side).to(rose.dtype)
    return lmm_pixels, sam_pixels
