"""ROSE: dense masks with generated names, corrected in plain words (arXiv 2412.00153)."""

import rose_model.quiet_imports  # noqa: F401 - before anything that it quietens
from rose_model.records import (
    PointHint,
    Refinement,
    RefinementCase,
    RefineTarget,
    Segment,
    Segmentation,
)
from rose_model.segmenter import RoseSegmenter

__all__ = [
    'PointHint',
    'RefineTarget',
    'Refinement',
    'RefinementCase',
    'RoseSegmenter',
    'Segment',
    'Segmentation',
]
