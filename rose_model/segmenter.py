"""The door to ROSE: numpy in, records out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rose_model.records import PointHint, Refinement, RefineTarget, Segmentation

MAX_TEXT_CHARACTERS = 1024
MAX_TEXT_TOKENS = 128


class RoseSegmenter:
    """A loaded ROSE model.  Not thread-safe: one thread owns it."""

    @classmethod
    def from_pretrained(
        cls,
        model: str | Path = 'nano',
        *,
        device: str = 'auto',
        min_objectness: float | None = None,
        max_segments: int | None = None,
    ) -> RoseSegmenter:
        """Load a ROSE folder, or a model shipped with the package by its name (``'nano'``)."""
        raise NotImplementedError

    @property
    def name(self) -> str:
        """Name and weights: ``'nano@1a2b3c4d'`` (first 8 hex digits of the weights' sha256)."""
        raise NotImplementedError

    def segment(self, image: NDArray[np.uint8], instruction: str | None = None) -> Segmentation:
        """Segment everything that the instruction asks for; ``image``: uint8 RGB ``[H, W, 3]``."""
        raise NotImplementedError

    def refine(
        self,
        segmentation: Segmentation,
        text: str,
        *,
        segment_id: str = '',
        target: RefineTarget = RefineTarget.AUTO,
        points: tuple[PointHint, ...] = (),
    ) -> Refinement:
        """Correct a segmented frame by a sentence; an empty ``segment_id`` speaks about something missed."""
        raise NotImplementedError
