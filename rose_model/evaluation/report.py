"""The record of an evaluation: figures, and all that is needed to compare them with others."""

from __future__ import annotations

import hashlib
import math
import platform
import resource
from collections.abc import Mapping

import torch

from rose_model.config import RoseConfig
from rose_model.evaluation.bootstrap import CONFIDENCE, RESAMPLES
from rose_model.evaluation.figures import Figures
from rose_model.evaluation.frames import LARGE_PATCHES, MATCH_IOU

_DIGITS = 6


def figures_record(figures: Figures) -> dict[str, object]:
    """Flat keys: each figure, its interval under ``<key>_ci``, and how many items it rests on
    under ``counts``; ``None`` where there was nothing to count.
    """
    record: dict[str, object] = {}
    for key, figure in figures.items():
        record[key] = _number(figure.value)
        record[f'{key}_ci'] = [_number(figure.low), _number(figure.high)]
    return {**record, 'counts': {key: figure.count for key, figure in figures.items()}}


def plain(values: Mapping[str, float]) -> dict[str, float | None]:
    """Numbers for JSON: rounded, and ``None`` for NaN, which JSON does not know."""
    return {key: _number(value) for key, value in values.items()}


def conditions_record(config: RoseConfig, wall_time_s: float) -> dict[str, object]:
    """Model configuration, thresholds, machine, time and memory of this process."""
    encoded = config.model_dump_json().encode()
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB on Linux
    return {
        'config_sha256': hashlib.sha256(encoded).hexdigest(),
        'thresholds': {
            'patch_filter': config.patch_filter.model_dump(),
            'postprocess': config.postprocess.model_dump(),
            'refinement': config.refinement.model_dump(),
            'match_iou': MATCH_IOU,
            'large_patches': LARGE_PATCHES,
        },
        'bootstrap': {
            'resamples': RESAMPLES,
            'confidence': CONFIDENCE,
            'over': 'images',
            'weights': 'Dirichlet',
        },
        'wall_time_s': round(wall_time_s, 1),
        'peak_rss_mib': round(peak_kib / 1024, 1),
        'threads': torch.get_num_threads(),
        'machine': platform.machine(),
        'torch': torch.__version__,
    }


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(value, _DIGITS)
