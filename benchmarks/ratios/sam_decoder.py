"""SAM's mask decoder for 100 prompts: against segment_anything's own for the same ones (R7), and
against a grid of 1,024 points, as its automatic mask generator has it (R8).

Both sides have the same weights, which are random; the decoder has its full size, in float32.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from segment_anything import SamAutomaticMaskGenerator
from segment_anything.modeling import Sam as ReferenceSam
from torch import Tensor, nn

from benchmarks.random_weights import randomised
from benchmarks.ratios.parts import Times, compose, time_parts
from benchmarks.ratios.ratio import Ratio, compare
from benchmarks.ratios.sam_encoder import is_close
from benchmarks.reference_sam import reference_masks, reference_sam
from rose_model.backbones.sam import Sam
from rose_model.host import to_host
from rose_model.mask_decoder import decode_masks
from rose_model.postprocess import CroppedMask, crop_masks, suppress_duplicates
from rose_model.preprocess import FrameGeometry
from rose_model.presets import rose_0_5b

PROMPTS = 100
GRID_SIDE, BATCH = 32, 64
"""Points along a side of the image, and how many the generator decodes at once: its defaults."""
BATCHES = GRID_SIDE**2 // BATCH
KEPT = 6
"""Masks of a batch that pass the generator's filters: 96 of 3,072, about as many as ours."""
SIZE = (480, 640)
ROUNDS = 5
TOLERANCE = 1e-5
"""Largest distance of the outputs of R7, as a share of their size (root mean square)."""


@dataclass(frozen=True, eq=False)
class _Subject:
    """SAM with ViT-B, segment_anything's over the same weights, and what goes in."""

    ours: Sam
    reference: ReferenceSam
    pixels: Tensor
    image_embeddings: Tensor
    prompts: Tensor


def r7() -> list[Ratio]:
    """From mask embeddings to mask logits and their scores."""
    subject = _make_subject(layers=1)
    ours, image = subject.ours, subject.image_embeddings
    return [
        compare(
            "SAM's decoder for 100 prompts, against the reference predictor's",
            partial(ours.decode, subject.prompts, image),
            partial(reference_masks, subject.reference, subject.prompts[:, None], image),
            _are_close,
            at_least=1.5,
            rounds=ROUNDS,
        )
    ]


def r8() -> list[Ratio]:
    """To masks of the image, the image's embedding given; and the same with the encoder.

    The generator decodes its grid in 16 equal batches; one is timed and counts 16 times.
    """
    subject = _make_subject()
    encode = subject.reference.image_encoder
    times = time_parts(
        {
            'masks': partial(_segment, subject),
            'encoder': partial(subject.ours.encode, subject.pixels),
        },
        {
            'batch of the grid': _generator_batch(subject),
            'reference encoder': partial(encode, subject.pixels),
        },
        ROUNDS,
    )

    def ours(of: Times) -> float:
        return of['masks']

    def grid(of: Times) -> float:
        return BATCHES * of['batch of the grid']

    forced = f'{PROMPTS} masks of ours, {BATCHES * KEPT} of the grid come out'
    return [
        compose(
            '100 masks, against the grid of SamAutomaticMaskGenerator',
            times,
            ours,
            grid,
            forced=forced,
            at_least=8,
        ),
        compose(
            'the same with the image encoder, ViT-B',
            times,
            lambda of: ours(of) + of['encoder'],
            lambda of: grid(of) + of['reference encoder'],
            forced=forced,
        ),
    ]


def _make_subject(**changes: int) -> _Subject:
    config = rose_0_5b().sam.model_copy(update=changes)
    sam = randomised(partial(Sam, config), torch.float32)
    random = torch.Generator().manual_seed(0)
    side = config.embedding_size
    return _Subject(
        sam,
        reference_sam(sam),
        torch.randn(1, 3, config.input_size, config.input_size, generator=random),
        torch.randn(1, config.prompt_width, side, side, generator=random),
        torch.randn(PROMPTS, config.prompt_width, generator=random),
    )


def _are_close(ours: tuple[Tensor, Tensor], theirs: tuple[Tensor, Tensor]) -> bool:
    """Logits and scores are the same but for roundings."""
    return all(is_close(a, b, TOLERANCE) for a, b in zip(ours, theirs, strict=True))


def _segment(subject: _Subject) -> list[CroppedMask]:
    """Ours: masks, duplicates looked for, all cut out of the image."""
    masks = decode_masks(subject.ours, subject.prompts, subject.image_embeddings)
    geometry = FrameGeometry.of(SIZE, rose_0_5b())
    suppress_duplicates(masks.logits, masks.scores, geometry, max_iou=1.0)
    [logits] = to_host(masks.logits)
    return list(crop_masks(logits, geometry).values())


def _generator_batch(subject: _Subject) -> Callable[[], list[dict[str, object]]]:
    """segment_anything's automatic mask generator with a sixteenth of its grid, the image's
    embedding given, its threshold of predicted IoU such that ``KEPT`` masks pass.

    Raises:
        RuntimeError: another number of masks passes.
    """
    reference = subject.reference
    size = reference.image_encoder.img_size
    reference.image_encoder = _GivenEmbedding(subject.image_embeddings, size)
    steps = (np.arange(8) + 0.5) / 8
    points = np.stack(np.meshgrid(steps, steps), -1).reshape(-1, 2)
    generator = SamAutomaticMaskGenerator(
        reference,
        points_per_side=None,
        point_grids=[points],
        points_per_batch=BATCH,
        pred_iou_thresh=0.0,
        stability_score_thresh=0.0,
        box_nms_thresh=1.0,
    )
    image: NDArray[np.uint8] = np.zeros((*SIZE, 3), np.uint8)
    scores = sorted(float(mask['predicted_iou']) for mask in generator.generate(image))
    generator.pred_iou_thresh = sum(scores[-KEPT - 1 : -KEPT + 1]) / 2
    found = len(generator.generate(image))
    if found != KEPT:
        raise RuntimeError(f'{found} masks pass the filters of the generator, not {KEPT}.')
    return partial(generator.generate, image)


class _GivenEmbedding(nn.Module):
    """In the place of the image encoder."""

    def __init__(self, image_embeddings: Tensor, img_size: int) -> None:
        super().__init__()
        self.image_embeddings, self.img_size = image_embeddings, img_size

    def forward(self, pixels: Tensor) -> Tensor:
        """The embedding that is given, whatever the image."""
        return self.image_embeddings
