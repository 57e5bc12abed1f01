"""What choosing a threshold needs: validation scenes, and a model that refuses nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rose_model.answer_segmenter import segmenter_class
from rose_model.checkpoint import load_pretrained
from rose_model.config import RefinementConfig
from rose_model.device import find_device, find_dtype
from rose_model.evaluation.frames import LARGE_PATCHES, Frame, Segments
from rose_model.evaluation.streets import SPLITS, THINGS
from rose_model.segmenter import RoseSegmenter

CHOSEN_ON = 'validation'
"""The split of the streets on which thresholds are chosen."""


def open_unrefusing(model: str | Path) -> RoseSegmenter:
    """Load a model that takes every answer, however unlikely.

    Args:
        model: A ROSE folder, or a shipped model by its name.

    Raises:
        CheckpointError, ConfigError: the folder or a value is not usable.
    """
    place = find_device('auto')
    pretrained = load_pretrained(model, place, find_dtype('auto', place))
    config = pretrained.rose.config
    limits = config.refinement.model_dump()
    limits |= {'min_presence': 0.0, 'keep_above': -2.0, 'keep_slope': 0.0}
    pretrained.rose.config = config.model_copy(
        update={'refinement': RefinementConfig.model_validate(limits)}
    )
    return segmenter_class(config)(pretrained, config.patch_filter)


def validation_numbers(count: int) -> range:
    """Return the numbers of the first validation scenes."""
    first = SPLITS[CHOSEN_ON].first
    return range(first, first + count)


def validation_frames(segmenter: Segments, numbers: range) -> Iterator[Frame]:
    """Yield validation scenes with their segmentations.

    Args:
        segmenter: Segments them.
        numbers: As ``validation_numbers`` gives them.
    """
    for number in numbers:
        sample = SPLITS[CHOSEN_ON].render(number, THINGS)
        least = LARGE_PATCHES * sample.index_map.size / segmenter.config.vision.grid_size**2
        yield Frame(number, sample, segmenter.segment(sample.image), least)
