"""Every threshold that decides what a model shows, and on which data it was chosen.

A figure on test data is worth little where a threshold was chosen on the same data.  This is the
one list: a test compares each entry with the code or the configuration that it names, refuses a
measured value whose split is not a validation split, and finds thresholds that are not listed.
Who chooses one anew changes it here, too, with the command that was run.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from enum import StrEnum

from rose_model.checkpoint import read_config

VALIDATION_SPLITS = frozenset({'streets validation', 'camvid val'})
"""Data that thresholds may be chosen on; no figure is reported on them as one of a test."""


class Origin(StrEnum):
    """Where a value comes from."""

    MEASURED = 'measured'
    """Chosen among others by figures."""
    INHERITED = 'inherited'
    """That of the model that this one was trained from; not chosen anew."""
    PUBLISHED = 'published'
    """Another system's, or a convention of the field."""
    STATED = 'stated'
    """Set by what it means; no figure is on record that chose it."""


@dataclass(frozen=True)
class Threshold:
    """A threshold and its origin.

    Attributes:
        place: ``MODEL:SECTION.KEY`` of a shipped model's ``config.json``, or ``MODULE:CONSTANT``.
        value: What it is.
        origin: Where that comes from.
        reason: What the value means, or what was seen.
        split: The data that it was chosen on; empty where nothing was measured.
        images: How many of them.
        command: What was run.
    """

    place: str
    value: float | str | None
    origin: Origin
    reason: str
    split: str = ''
    images: int = 0
    command: str = ''

    def current(self) -> object:
        """Return the value that is in force.

        Raises:
            AttributeError, ImportError, CheckpointError: the place is not there.
        """
        owner, _, name = self.place.partition(':')
        if '.' in owner:
            return getattr(importlib.import_module(owner), name)
        section, _, key = name.partition('.')
        return getattr(getattr(read_config(owner), section), key)


_STREETS = 'streets validation'

THRESHOLDS = (
    Threshold(
        'nano:patch_filter.min_objectness',
        0.1,
        Origin.MEASURED,
        'a balance of the precision of things and the mean IoU of stuff',
        split=_STREETS,
        images=50,
        command='rose eval --split validation --scenes 50',
    ),
    Threshold(
        'nano:patch_filter.select',
        'peaks',
        Origin.MEASURED,
        'fewer things are segmented twice',
        split=_STREETS,
        images=50,
        command='rose eval --split validation --scenes 50',
    ),
    Threshold(
        'nano:patch_filter.max_segments',
        100,
        Origin.PUBLISHED,
        "COCO's most detections of an image",
    ),
    Threshold(
        'nano:postprocess.max_similarity',
        0.99,
        Origin.MEASURED,
        'chosen with nano@2e9278d6, where 0.6 % of the segments are lost and 1.7 % by 0.98; with '
        'nano@13310b47 none are, by 15.5 instead of 22.6 masks a scene',
        split=_STREETS,
        images=20,
        command='python -m rose_model.evaluation.choose_limits max_similarity --scenes 20',
    ),
    Threshold(
        'nano:postprocess.nms_iou', 0.6, Origin.STATED, 'two thirds of each of two equal masks'
    ),
    Threshold('nano:postprocess.min_area', 0.0003, Origin.STATED, 'a tenth of a patch of 18 x 18'),
    Threshold(
        'nano:postprocess.min_region',
        0.0006,
        Origin.PUBLISHED,
        "specks as SAM's own mask generation removes them, as a share of the frame",
    ),
    Threshold(
        'nano:refinement.min_presence',
        0.2,
        Origin.MEASURED,
        'taken from that table by hand: 5 % of what is there is lost; the rule says 0.3',
        split=_STREETS,
        images=60,
        command='python -m rose_model.evaluation.choose_presence --scenes 60',
    ),
    Threshold(
        'nano:refinement.min_presence_unlike',
        0.95,
        Origin.MEASURED,
        'a grid of both presences: 94 % of what is absent rejected, 5 % of the rest lost',
        split=_STREETS,
        images=70,
        command='python -m rose_model.evaluation.choose_presence --scenes 60',
    ),
    Threshold(
        'nano:refinement.given_log_odds',
        1.5,
        Origin.MEASURED,
        'of 0.5, 1, 1.5 and 2: gain 12.3 %, as with 2, and 8.6 instead of 10.8 % worse',
        split=_STREETS,
        images=60,
        command='rose eval --split validation --scenes 60',
    ),
    Threshold(
        'nano:refinement.keep_above',
        0.25,
        Origin.MEASURED,
        'most gain where at most one refined mask of ten gets worse',
        split=_STREETS,
        images=60,
        command='python -m rose_model.evaluation.choose_acceptance --scenes 60',
    ),
    Threshold(
        'nano:refinement.keep_slope',
        0.6,
        Origin.MEASURED,
        'most gain where at most one refined mask of ten gets worse',
        split=_STREETS,
        images=60,
        command='python -m rose_model.evaluation.choose_acceptance --scenes 60',
    ),
    Threshold('nano:refinement.candidates', 8, Origin.STATED, 'the patches around a mass centre'),
    *(
        Threshold(f'nano-camvid:{name}', value, Origin.INHERITED, "nano's; not chosen anew")
        for name, value in (
            ('patch_filter.min_objectness', 0.1),
            ('patch_filter.select', 'peaks'),
            ('patch_filter.max_segments', 100),
            ('postprocess.max_similarity', 0.99),
            ('postprocess.nms_iou', 0.6),
            ('postprocess.min_area', 0.0003),
            ('postprocess.min_region', 0.0006),
            ('refinement.candidates', 8),
        )
    ),
    *(
        Threshold(f'nano-camvid:refinement.{name}', value, Origin.STATED, reason)
        for name, value, reason in (
            ('min_presence', 0.05, 'next to no objectness at all'),
            ('min_presence_unlike', None, 'as min_presence'),
            ('given_log_odds', 2.0, 'nine of ten pixels of a given mask are right'),
            ('keep_above', 0.0, 'every refined mask is taken'),
            ('keep_slope', 0.0, 'every refined mask is taken'),
        )
    ),
    Threshold(
        'rose_model.refinement:TRUSTED',
        0.6,
        Origin.STATED,
        'objectness times expected IoU below which the model asks itself anew',
    ),
    Threshold(
        'rose_model.segmenter:LEAST_SELF_OVERLAP',
        0.5,
        Origin.MEASURED,
        'of answers below it, which nobody but the model asked for, the mean IoU falls by 24 %',
        split=_STREETS,
        images=60,
        command='python -m rose_model.evaluation.choose_acceptance --scenes 60',
    ),
    Threshold(
        'rose_model.answer_choice:LEAST_OVERLAP', 0.1, Origin.STATED, "another object's mask"
    ),
    Threshold(
        'rose_model.clicks:LEAST_LOG_ODDS',
        0.5,
        Origin.STATED,
        'so sure a mask is of a click that it is made to follow',
    ),
    Threshold(
        'rose_model.clicks:REACH',
        0.03,
        Origin.STATED,
        'half a patch of 18 x 18: how far around a click a mask is made to follow it',
    ),
    Threshold(
        'rose_model.answer_choice:LEAST_CHANGE',
        0.02,
        Origin.STATED,
        'less is not what "larger" or "smaller" asks for',
    ),
    Threshold('rose_model.regions:SAME_IOU', 0.5, Origin.PUBLISHED, 'the IoU of a match'),
    Threshold(
        'rose_model.evaluation.frames:MATCH_IOU', 0.5, Origin.PUBLISHED, 'the IoU of a match'
    ),
    Threshold(
        'rose_model.evaluation.opened:LEAST_OBJECTNESS',
        0.05,
        Origin.STATED,
        'the tail that average precision ranks; the node shows none of it',
    ),
)
"""All of them."""
