"""A model as benchmarks need it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rose_model.answer_segmenter import segmenter_class
from rose_model.candidates import NameEncoder, name_encoder
from rose_model.checkpoint import load_pretrained
from rose_model.device import find_device, find_dtype
from rose_model.quantise import check_quantisation, quantise_language_model
from rose_model.segmenter import RoseSegmenter

LEAST_OBJECTNESS = 0.05
"""Down to here detections are ranked for AP, which needs the tail."""


@dataclass(frozen=True, eq=False)
class OpenedModel:
    """``segmenter`` keeps what the model itself keeps, ``ranker`` also what it is less sure of;
    both are the same weights.  ``encoder``: the text tower, which compares names; ``None`` where
    the model has none.
    """

    segmenter: RoseSegmenter
    ranker: RoseSegmenter
    encoder: NameEncoder | None


def open_model(
    model: str | Path, *, precision: str = 'auto', quantise: str = 'none'
) -> OpenedModel:
    """Load a ROSE folder, or a shipped model by its name, on a GPU if there is one.

    ``precision`` and ``quantise`` are those of ``RoseSegmenter.from_pretrained``.

    Raises:
        CheckpointError, ConfigError: the folder or a value is not usable.
    """
    place = find_device('auto')
    dtype = find_dtype(precision, place)
    check_quantisation(quantise, dtype)
    pretrained = load_pretrained(model, place, dtype)
    quantise_language_model(pretrained.rose, quantise)
    own = pretrained.rose.config.patch_filter
    least = min(LEAST_OBJECTNESS, own.min_objectness)
    opened = segmenter_class(pretrained.rose.config)
    return OpenedModel(
        opened(pretrained, own),
        opened(pretrained, own.model_copy(update={'min_objectness': least})),
        name_encoder(pretrained.rose.text_tower, pretrained.text_tokenizer),
    )
