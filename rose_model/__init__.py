"""ROSE: dense masks with generated names, corrected in plain words (arXiv 2412.00153)."""

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
